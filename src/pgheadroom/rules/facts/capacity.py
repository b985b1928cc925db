"""Slot arithmetic, by the rules that PostgreSQL itself applies when a connection comes in.

Source: `InitPostgres` and `CheckMyDatabase` in src/backend/utils/init/postinit.c, `InitProcess` in
src/backend/storage/lmgr/proc.c; verified on PostgreSQL 13 to 18.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from operator import attrgetter

from pgheadroom.model import versions
from pgheadroom.model.capacity import Capacity, Limit, percent
from pgheadroom.model.session import Session, State
from pgheadroom.model.snapshot import Database, Role, Snapshot
from pgheadroom.rules.facts.kept import of_the_same

WALSENDER = "walsender"
_COUNTED_BEFORE = frozenset({WALSENDER, "autovacuum worker", "slotsync worker"})


def capacity(snapshot: Snapshot) -> Capacity:
    """The slots of the server, and every limit of a role or database beside them.

    A slot is held by a client backend, by one that still authenticates (it has no row before PostgreSQL 18), and by the
    slot-sync worker of 17.0 to 17.2. Walsenders and workers have pools of their own.
    """
    settings = snapshot.settings
    used = len(snapshot.sessions) + snapshot.authenticating + snapshot.slot_sync_takes_slot
    reserve = settings.superuser_reserved + settings.reserved
    usable = max(0, settings.max_connections - reserve)
    limits = _limits(snapshot)
    return Capacity(
        max_connections=settings.max_connections,
        superuser_reserved=settings.superuser_reserved,
        reserved=settings.reserved,
        usable=usable,
        used=used,
        authenticating=snapshot.authenticating + len(snapshot.by_state[State.STARTING]),
        free=max(0, usable - used),
        free_reserved=max(0, settings.max_connections - settings.superuser_reserved - used),
        free_superuser=max(0, settings.max_connections - used),
        used_percent=percent(used, usable),
        in_reserve=max(0, used - usable),
        exact=snapshot.exact,
        walsenders=sum(process.backend_type == WALSENDER for process in snapshot.processes),
        max_wal_senders=settings.max_wal_senders,
        limits=limits,
        tightest=_tightest(Limit("server", "", used, usable), limits),
    )


def free_for(slots: Capacity, snapshot: Snapshot, role_name: str, database_name: str) -> int:
    """Connections that a role can still open to a database. A superuser skips both limits, not an invalid database.

    A role we know nothing about is taken for an ordinary one.
    """
    database = snapshot.databases.get(database_name)
    if database is not None and not _admits(database):
        return 0
    role = snapshot.roles.get(role_name)
    if role is not None and role.superuser:
        return slots.free_superuser
    free = slots.free_reserved if role is not None and role.reserved else slots.free
    theirs = {("role", role_name), ("database", database_name)}
    return min([free, *(limit.free for limit in slots.limits if (limit.kind, limit.name) in theirs)])


def _admits(database: Database) -> bool:
    """datconnlimit = -2 marks what an interrupted DROP DATABASE left: everybody is refused, superusers too."""
    return database.valid and database.allows_connections


def _tightest(server: Limit, limits: tuple[Limit, ...]) -> Limit:
    fullest = [limit for limit in limits[:1] if not limit.closed]
    return max([server, *fullest], key=lambda limit: limit.percent)


def _limits(snapshot: Snapshot) -> tuple[Limit, ...]:
    """The fullest first, those that let nobody in last. There can be thousands of them that nobody uses."""
    unused = _unused(snapshot.roles, snapshot.databases)
    if not unused:
        return ()
    counted = (*snapshot.sessions, *_counted_processes(snapshot))
    by_kind = {"role": Counter(map(_user_of, counted)), "database": Counter(map(_database_of, counted))}
    in_use = {
        (kind, name): replace(unused[kind, name], used=count)
        for kind, counts in by_kind.items()
        for name, count in counts.items()
        if (kind, name) in unused
    }
    rest = [limit for key, limit in unused.items() if key not in in_use]
    closed = bisect_left(rest, True, key=lambda limit: limit.closed)
    used_open = sorted((one for one in in_use.values() if not one.closed), key=_fullest_first)
    used_closed = [one for one in in_use.values() if one.closed]
    last = sorted([*used_closed, *rest[closed:]], key=_fullest_first) if used_closed else rest[closed:]
    return (*used_open, *rest[:closed], *last)


def _fullest_first(limit: Limit) -> tuple[object, ...]:
    return limit.closed, -limit.percent, limit.kind, limit.name


@of_the_same
def _unused(roles: Mapping[str, Role], databases: Mapping[str, Database]) -> dict[tuple[str, str | None], Limit]:
    """Every limit as if nobody were there, in the order of `_fullest_first`: once a reading of the catalogue."""
    limits = [
        *(Limit("role", name, 0, limit) for name, role in roles.items() if (limit := _role_limit(role)) is not None),
        *(
            Limit("database", name, 0, database.limit)
            for name, database in databases.items()
            if database.limit is not None and _admits(database)
        ),
    ]
    return {(limit.kind, limit.name): limit for limit in sorted(limits, key=_fullest_first)}


# Thousands a sample: these are called from C.
_user_of = attrgetter("user")
_database_of = attrgetter("database")


def _role_limit(role: Role) -> int | None:
    """Superusers are let in whatever their own limit says, even 0."""
    return None if role.superuser else role.limit


def _counted_processes(snapshot: Snapshot) -> tuple[Session, ...]:
    fixed_in = versions.LIMITS_COUNT_CLIENTS_ONLY_SINCE.get(snapshot.server.major)
    if fixed_in is None or snapshot.server.version_num >= fixed_in:
        return ()
    return tuple(process for process in snapshot.processes if process.backend_type in _COUNTED_BEFORE)
