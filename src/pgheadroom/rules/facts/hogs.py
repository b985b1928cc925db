"""Who holds the slots: sessions grouped, the largest group first."""

from collections.abc import Callable
from datetime import datetime
from operator import attrgetter
from typing import Any

from pgheadroom.model.grouping import GroupBy, Hog
from pgheadroom.model.session import IN_TRANSACTION_BUT_IDLE, Session, State, seconds_between
from pgheadroom.model.snapshot import Snapshot

_FIELDS = ("user", "application", "client", "database")
_KeyOf = Callable[[Session], tuple[Any, ...]]


def hogs(snapshot: Snapshot, by: GroupBy = GroupBy.ALL) -> tuple[Hog, ...]:
    """The groups by size, the largest first, equal ones by name."""
    fields = _FIELDS if by is GroupBy.ALL else (by.value,)
    groups = _grouped(snapshot.sessions, fields)
    found = [_hog(snapshot, by, key, group) for key, group in groups.items()]
    found.sort(
        key=lambda hog: (-hog.total, hog.user or "", hog.application or "", hog.client or "", hog.database or "")
    )
    return tuple(found)


class _Group:
    __slots__ = ("active", "idle", "idle_in_transaction", "oldest", "total", "waiting")

    def __init__(self) -> None:
        self.total = self.idle = self.active = self.waiting = self.idle_in_transaction = 0
        self.oldest: datetime | None = None


def _grouped(sessions: tuple[Session, ...], fields: tuple[str, ...]) -> dict[tuple[Any, ...], _Group]:
    """One pass over thousands of sessions each second: no sort, no list per group."""
    key_of: _KeyOf = attrgetter(*fields) if len(fields) > 1 else _single(fields[0])
    idle, active = State.IDLE, State.ACTIVE
    groups: dict[tuple[Any, ...], _Group] = {}
    for session, key in zip(sessions, map(key_of, sessions), strict=True):
        group = groups.get(key)
        if group is None:
            group = groups[key] = _Group()
        group.total += 1
        state = session.state
        if state is idle:
            group.idle += 1
        elif state is active:
            group.active += 1
            group.waiting += session.waits_for is not None
        elif state in IN_TRANSACTION_BUT_IDLE:
            group.idle_in_transaction += 1
        start = session.backend_start
        if start is not None and (group.oldest is None or start < group.oldest):
            group.oldest = start
    return groups


def _single(field: str) -> _KeyOf:
    value = attrgetter(field)
    return lambda session: (value(session),)


def _hog(snapshot: Snapshot, by: GroupBy, key: tuple[Any, ...], group: _Group) -> Hog:
    user, application, client, database = (
        key if by is GroupBy.ALL else (key[0] if by == field else None for field in _FIELDS)
    )
    return Hog(
        user,
        application,
        client,
        database,
        total=group.total,
        idle=group.idle,
        active=group.active,
        idle_in_transaction=group.idle_in_transaction,
        oldest_connection_seconds=seconds_between(group.oldest, snapshot.taken_at),
        limit=_role_limit(snapshot, user) if by is not GroupBy.DATABASE else _database_limit(snapshot, database),
        waiting=group.waiting,
    )


def _role_limit(snapshot: Snapshot, user: str | None) -> int | None:
    role = snapshot.roles.get(user) if user else None
    return None if role is None or role.superuser else role.limit


def _database_limit(snapshot: Snapshot, name: str | None) -> int | None:
    database = snapshot.databases.get(name) if name else None
    return None if database is None or not database.valid else database.limit
