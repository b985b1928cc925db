"""A server in trouble, made by hand: the same at each run, so that screens can be compared with their goldens."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import samples
from pgheadroom.model.pool import PgBouncer, Pool
from pgheadroom.model.session import Session, State
from pgheadroom.model.snapshot import (
    Database,
    Door,
    LockRequest,
    Role,
    Server,
    SlotKind,
    SlotSettings,
    Snapshot,
)
from pgheadroom.model.update import Update
from samples import ago


def session(pid: int, *, age: float = 60.0, **given: Any) -> Session:
    """An idle session of the web shop, changed by what is given; `age` is seconds in its state."""
    plain: dict[str, Any] = {
        "backend_start": ago(3600 + pid),
        "client": "10.0.0.11",
        "client_port": 40000 + pid,
        "wait_event_type": "Client",
        "wait_event": "ClientRead",
        "xact_start": None,
        "query_start": ago(age + 0.01),
        "query": "SELECT * FROM cart WHERE customer_id = $1",
    }
    return samples.session(pid, since=age, **{**plain, **given})


def active(pid: int, query: str, age: float = 2.0, **given: Any) -> Session:
    fields: dict[str, Any] = {
        "state": State.ACTIVE, "wait_event_type": "", "wait_event": "", "xact_start": ago(age), "query": query,
    }  # fmt: skip
    return session(pid, age=age, **{**fields, **given})


def waiting(pid: int, blocked_by: tuple[int, ...], query: str, age: float = 30.0, **given: Any) -> Session:
    return active(pid, query, age, wait_event_type="Lock", wait_event="transactionid", blocked_by=blocked_by, **given)


def in_transaction(pid: int, age: float, **given: Any) -> Session:
    return session(pid, age=age, **{"state": State.IDLE_IN_TRANSACTION, "xact_start": ago(age + 5), **given})


def outage() -> Snapshot:
    """94 of 97 slots: a leak of idle sessions, a pile-up behind one idle transaction, a limited role that is full."""
    update = "UPDATE orders SET status = 'paid' WHERE id = 42"
    sessions = [
        *(session(1000 + n, age=300 + 20 * n) for n in range(54)),
        *(active(2000 + n, "SELECT count(*) FROM orders GROUP BY day", 12 + n, user="reports", application="metabase",
                 client="10.0.3.7") for n in range(10)),
        in_transaction(3000, 754, user="billing", application="invoices", client="10.0.1.5", query=update),
        *(waiting(3001 + n, (3000,) if n < 6 else (3002,), update, 40 + n, application="checkout") for n in range(9)),
        *(in_transaction(4000 + n, 5 + n, user="worker", application="queue", client="10.0.2.9") for n in range(8)),
        *(session(5000 + n, user="mobile", application="app[/red]", client="local", age=3 * n) for n in range(10)),
        session(6000, user="admin", application="psql \U0001f418 日本", client="local", state=State.ABORTED, age=95),
        active(6001, "", 0.0, user="pgheadroom", application="pgheadroom", client="local"),
    ]  # fmt: skip
    requests = [
        LockRequest(
            3001 + n, "transactionid", "ShareLock", "transaction 733" if n < 6 else "transaction 735", ago(40 + n)
        )
        for n in range(9)
    ]
    pools = (
        Pool("shop", "web", 40, 17, 20, 0, 0, 0, 0, 4.2, "transaction", size=20, reserve=5),
        Pool("shop", "reports", 3, 0, 2, 1, 0, 0, 0, 0.0, "session", size=20),
    )
    return samples.snapshot(
        sessions,
        round_trip=0.004,
        server=Server("db1:5432", "18.4", 180004, in_recovery=False, started_at=ago(864000)),
        door=Door("pgheadroom", "postgres", SlotKind.RESERVED, 6001, sees_all=True, may_signal=True, label="db1:5432"),
        settings=SlotSettings(max_connections=102, superuser_reserved=3, reserved=2, max_wal_senders=10),
        lock_requests=tuple(requests),
        roles={
            "web": Role("web", superuser=False, limit=80),
            "mobile": Role("mobile", superuser=False, limit=10),
            "pgheadroom": Role("pgheadroom", superuser=False, limit=None, reserved=True),
        },
        databases={"shop": Database("shop", limit=None)},
        pgbouncers=(PgBouncer("pgb1", "1.18.0", pools),),
    )


class FakeSource:
    """Posts what a test hands it; keeps what it was told."""

    def __init__(self, updates: Sequence[Update] = (), interval: float = 1.0) -> None:
        self._updates = list(updates)
        self._interval = interval
        self._post: Callable[[Update], None] | None = None
        self.asked_now = 0
        self.closed = False

    @property
    def interval(self) -> float:
        return self._interval

    def set_interval(self, seconds: float) -> None:
        self._interval = seconds

    def sample_now(self) -> None:
        self.asked_now += 1

    async def run(self, post: Callable[[Update], None]) -> None:
        self._post = post
        for update in self._updates:
            post(update)
        await asyncio.Event().wait()

    def post(self, update: Update) -> None:
        assert self._post is not None, "the monitor has not begun to sample"
        self._post(update)

    async def close(self) -> None:
        self.closed = True
