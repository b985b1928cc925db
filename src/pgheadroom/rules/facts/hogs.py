"""Who holds the slots: sessions grouped, the largest group first.

Names that differ from process to process are one application, and where a pooler tells the client's host in the name,
that is the client.
"""

from collections.abc import Callable
from datetime import datetime
from operator import attrgetter
from typing import Any

from pgheadroom.model.application import family, real_client
from pgheadroom.model.grouping import GroupBy, Hog
from pgheadroom.model.session import IN_TRANSACTION_BUT_IDLE, Session, State, seconds_between
from pgheadroom.model.snapshot import Snapshot

_FIELDS = ("user", "application", "client", "database")
_NEEDED = {by: (by.value,) for by in GroupBy} | {GroupBy.ALL: _FIELDS, GroupBy.CLIENT: ("client", "application")}
"""What a session's group depends on."""
_KeyOf = Callable[[Session], tuple[Any, ...]]
HogKey = tuple[str | None, str | None, str | None, str | None]
"""User, application, client and database, as the first four fields of a `Hog`."""


def group_of(session: Session, by: GroupBy = GroupBy.ALL) -> HogKey:
    """The group that a session belongs to."""
    return _key(by, attrgetter(*_FIELDS)(session))


def _key(by: GroupBy, names: HogKey) -> HogKey:
    user, application, client, database = names
    return (
        user if by in {GroupBy.ALL, GroupBy.USER} else None,
        family(application or "") if by in {GroupBy.ALL, GroupBy.APPLICATION} else None,
        real_client(client, application or "") if by in {GroupBy.ALL, GroupBy.CLIENT} else None,
        database if by in {GroupBy.ALL, GroupBy.DATABASE} else None,
    )


def hogs(snapshot: Snapshot, by: GroupBy = GroupBy.ALL) -> tuple[Hog, ...]:
    """The groups by size, the largest first, equal ones by name."""
    groups = _folded(_grouped(snapshot.sessions, _NEEDED[by]), by)
    found = [_hog(snapshot, by, key, group) for key, group in groups.items()]
    found.sort(
        key=lambda hog: (-hog.total, hog.user or "", hog.application or "", hog.client or "", hog.database or "")
    )
    return tuple(found)


class _Group:
    __slots__ = ("active", "folded", "idle", "idle_in_transaction", "oldest", "total", "waiting")

    def __init__(self) -> None:
        self.total = self.idle = self.active = self.waiting = self.idle_in_transaction = 0
        self.oldest: datetime | None = None
        self.folded = False

    def take(self, other: "_Group") -> None:
        self.total += other.total
        self.idle += other.idle
        self.active += other.active
        self.waiting += other.waiting
        self.idle_in_transaction += other.idle_in_transaction
        self.oldest = min(filter(None, (self.oldest, other.oldest)), default=None)


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


def _folded(groups: dict[tuple[Any, ...], _Group], by: GroupBy) -> dict[HogKey, _Group]:
    """Groups by name as groups by family: there are far fewer names than sessions."""
    needed = _NEEDED[by]
    found: dict[HogKey, _Group] = {}
    for key, group in groups.items():
        told = dict(zip(needed, key, strict=True))
        user, application, client, database = (told.get(field) for field in _FIELDS)
        folded = _key(by, (user, application, client, database))
        same = found.setdefault(folded, _Group())
        same.take(group)
        same.folded |= any(one is not None and one != told[field] for field, one in zip(_FIELDS, folded, strict=True))
    return found


def _single(field: str) -> _KeyOf:
    value = attrgetter(field)
    return lambda session: (value(session),)


def _hog(snapshot: Snapshot, by: GroupBy, key: HogKey, group: _Group) -> Hog:
    user, application, client, database = key
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
        folded=group.folded,
    )


def _role_limit(snapshot: Snapshot, user: str | None) -> int | None:
    role = snapshot.roles.get(user) if user else None
    return None if role is None or role.superuser else role.limit


def _database_limit(snapshot: Snapshot, name: str | None) -> int | None:
    database = snapshot.databases.get(name) if name else None
    return None if database is None or not database.valid else database.limit
