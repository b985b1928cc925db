"""Sessions: the client backends of a server, as `pg_stat_activity` shows them."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """`pg_stat_activity.state`, and `HIDDEN` for a row whose state our role may not see.

    Source: https://www.postgresql.org/docs/current/monitoring-stats.html (pg_stat_activity); `starting` is
    PostgreSQL 18's word for a backend that still authenticates.
    """

    ACTIVE = "active"
    IDLE = "idle"
    IDLE_IN_TRANSACTION = "idle in transaction"
    ABORTED = "idle in transaction (aborted)"
    FASTPATH = "fastpath function call"
    DISABLED = "disabled"
    STARTING = "starting"
    HIDDEN = "hidden"

    # Enum's is a function in Python, and states are counted and looked up thousands of times a sample.
    __hash__ = str.__hash__


IN_TRANSACTION_BUT_IDLE = frozenset({State.IDLE_IN_TRANSACTION, State.ABORTED})
RUNNING = frozenset({State.ACTIVE, State.FASTPATH})
"""The states of a session that was given something to do; whether it does it, `Session.waits_for` says."""


class Wait(StrEnum):
    """Whom a session waits for that the server calls active: then it does not run, whatever its state says.

    Waits for a disk, a core, another process of the same query or a timer are part of running. Verified on PostgreSQL
    13 to 19, what signals do to each: for a `LOCK` both work at once; for its `CLIENT` (data of a COPY, the rest of a
    protocol exchange, a result that it does not read) a cancel is not heeded before the client answers, a terminate is;
    for a synchronous `STANDBY` the transaction is committed already, and either signal only ends the waiting.
    """

    LOCK = "lock"
    CLIENT = "client"
    STANDBY = "standby"

    __hash__ = str.__hash__


NEVER_WAIT = frozenset({State.IDLE, *IN_TRANSACTION_BUT_IDLE})
"""A session in these states waits for nobody but its client, for the next statement."""


class SessionId(NamedTuple):
    """What identifies a session: a pid alone is reused by the operating system, the pair is not.

    `backend_start` is None where our role may not see it; such a session can be shown but never signalled.
    """

    pid: int
    backend_start: datetime | None


# What `SessionId(...)` does, in half the time: thousands are made each second.
_new_tuple = tuple.__new__


class Session(NamedTuple):
    """One process of the server as one sample saw it. A NamedTuple, because thousands are made each second.

    Moments are the server's, timezone-aware and exact to the microsecond. Text is as the server sent it: it must pass
    `view.text.safe` before it is shown.

    Attributes:
        user: Login role; None for a backend that still authenticates, or a background process.
        client: Address of the client, `LOCAL` for a Unix socket, None when unknown or hidden.
        query: The first characters only; the whole text is fetched for a session that is looked at.
        blocked_by: Pids that hold it up directly, without duplicates: who holds the lock, and the nearest ahead in the
            queue. Leaders for parallel workers; 0 is a prepared transaction.
        backend_type: Empty when hidden.
        wait_event_type: Empty when it does not wait, or when hidden; `wait_event` likewise.
    """

    pid: int
    backend_start: datetime | None
    user: str | None
    database: str | None
    application: str
    client: str | None
    client_port: int | None
    state: State
    wait_event_type: str
    wait_event: str
    xact_start: datetime | None
    query_start: datetime | None
    state_change: datetime | None
    backend_xid: str | None
    backend_xmin: str | None
    backend_type: str
    leader_pid: int | None
    query: str
    blocked_by: tuple[int, ...] = ()

    @property
    def id(self) -> SessionId:
        return _new_tuple(SessionId, self[:2])

    @property
    def in_state_since(self) -> datetime | None:
        """When its present state began: a running query's start, a starting session's connect, else `state_change`."""
        if self.state is State.ACTIVE:
            return self.query_start
        return self.backend_start if self.state is State.STARTING else self.state_change

    @property
    def waits_for(self) -> Wait | None:
        """Whom it waits for in the middle of its work; None where it runs, is idle, or does not tell.

        Who blocks it is known of every session, also of one whose state our role may not see.
        """
        kind = self.wait_event_type
        if kind == "Lock" or self.blocked_by:
            return None if self.state in NEVER_WAIT else Wait.LOCK
        if not kind or self.state not in RUNNING:
            return None
        if kind == "Client":
            return Wait.CLIENT
        return Wait.STANDBY if self.wait_event == "SyncRep" else None

    @property
    def runs(self) -> bool:
        """Whether it does something, and waits for nobody."""
        return self.state in RUNNING and self.waits_for is None

    @property
    def waits_for_lock(self) -> bool:
        return self.waits_for is Wait.LOCK

    @property
    def is_client(self) -> bool:
        """Whether it holds one of `max_connections` (facts: walsenders and workers have pools of their own)."""
        return self.backend_type == CLIENT_BACKEND


CLIENT_BACKEND = "client backend"
LOCAL = "local"


def seconds_between(since: datetime | None, now: datetime) -> float | None:
    """Seconds from `since` to `now`, not below 0, and None for an unknown moment."""
    if since is None:
        return None
    return max(0.0, (now - since).total_seconds())


def oldest_seconds(moments: Sequence[datetime | None], now: datetime) -> float | None:
    """Seconds since the earliest known moment, None where none is known."""
    known = [moment for moment in moments if moment is not None]
    return seconds_between(min(known), now) if known else None
