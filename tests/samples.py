"""Sessions and snapshots made by hand, for tests of what is pure."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pgheadroom.model.pool import Pool
from pgheadroom.model.session import CLIENT_BACKEND, Session, State
from pgheadroom.model.snapshot import Database, Door, Role, Server, SlotKind, SlotSettings, Snapshot

NOW = datetime(2026, 3, 14, 3, 7, 0, tzinfo=UTC)
"""The moment of what is made by hand: the same at each run, so that screens can be compared with their goldens."""


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def session(pid: int = 100, state: State = State.IDLE, since: float = 5, **given: Any) -> Session:
    """A client session that has been in its state for `since` seconds."""
    moment = ago(since)
    plain: dict[str, Any] = {
        "pid": pid,
        "backend_start": ago(since + 60),
        "user": "web",
        "database": "shop",
        "application": "checkout",
        "client": "10.0.0.7",
        "client_port": 40_000,
        "state": state,
        "wait_event_type": "",
        "wait_event": "",
        "xact_start": moment if state is not State.IDLE else None,
        "query_start": moment,
        "state_change": moment,
        "backend_xid": None,
        "backend_xmin": None,
        "backend_type": CLIENT_BACKEND,
        "leader_pid": None,
        "query": "select 1",
    }
    return Session(**{**plain, **given})


def waiter(pid: int, *blockers: int, since: float = 5, **given: Any) -> Session:
    return session(pid, State.ACTIVE, since, wait_event_type="Lock", blocked_by=blockers, **given)


def hidden(pid: int, user: str = "web") -> Session:
    """As a role without pg_read_all_stats sees a session of another role."""
    unseen: dict[str, Any] = dict.fromkeys(
        ("backend_start", "client", "client_port", "xact_start", "query_start", "state_change")
    )
    return session(pid, State.HIDDEN, user=user, backend_type="", query="<insufficient privilege>", **unseen)


def many(count: int, first_pid: int = 1000, **given: Any) -> list[Session]:
    return [session(first_pid + number, **given) for number in range(count)]


def roles(*given: Role) -> dict[str, Role]:
    return {role.name: role for role in given}


def databases(*given: Database) -> dict[str, Database]:
    return {database.name: database for database in given}


def pool(**given: Any) -> Pool:
    plain: dict[str, Any] = dict.fromkeys(
        ("cl_active", "cl_waiting", "sv_active", "sv_idle", "sv_used", "sv_tested", "sv_login"), 0
    )
    plain |= {"database": "shop", "user": "web", "maxwait": 0.0, "mode": "transaction"}
    return Pool(**{**plain, **given})


def snapshot(sessions: Iterable[Session] = (), version_num: int = 180_004, **given: Any) -> Snapshot:
    """100 slots, three of them for superusers: 97 usable."""
    major, minor = divmod(version_num, 10_000)
    plain: dict[str, Any] = {
        "taken_at": NOW,
        "round_trip": 0.002,
        "server": Server("db1:5432", f"{major}.{minor}", version_num, in_recovery=False, started_at=ago(3600)),
        "door": Door("monitor", "postgres", SlotKind.SUPERUSER, pid=1, sees_all=True, may_signal=True),
        "settings": SlotSettings(max_connections=100, superuser_reserved=3, max_wal_senders=10),
        "sessions": tuple(sessions),
    }
    return Snapshot(**{**plain, **given})


def pids(found: Sequence[Any]) -> list[int]:
    return [one.pid for one in found]
