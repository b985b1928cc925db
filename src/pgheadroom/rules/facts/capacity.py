"""Slot arithmetic, by the rules that PostgreSQL itself applies when a connection comes in.

Source: `InitPostgres` and `CheckMyDatabase` in src/backend/utils/init/postinit.c, `InitProcess` in
src/backend/storage/lmgr/proc.c; verified on PostgreSQL 13 to 18.
"""

from collections import Counter
from collections.abc import Iterator
from operator import attrgetter

from pgheadroom.model import versions
from pgheadroom.model.capacity import Capacity, Limit, percent
from pgheadroom.model.session import Session, State
from pgheadroom.model.snapshot import Database, Role, Snapshot

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
    limits = tuple(sorted(_limits(snapshot), key=lambda limit: (limit.closed, -limit.percent, limit.kind, limit.name)))
    return Capacity(
        max_connections=settings.max_connections,
        superuser_reserved=settings.superuser_reserved,
        reserved=settings.reserved,
        usable=usable,
        used=used,
        authenticating=snapshot.authenticating + sum(one.state is State.STARTING for one in snapshot.sessions),
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
    return max([server, *(limit for limit in limits if not limit.closed)], key=lambda limit: limit.percent)


def _limits(snapshot: Snapshot) -> Iterator[Limit]:
    roles = {name: limit for name, role in snapshot.roles.items() if (limit := _role_limit(role)) is not None}
    databases = {
        name: database.limit
        for name, database in snapshot.databases.items()
        if database.limit is not None and _admits(database)
    }
    counted = (*snapshot.sessions, *_counted_processes(snapshot)) if roles or databases else ()
    by_role = Counter(map(_user_of, counted)) if roles else Counter[str | None]()
    by_database = Counter(map(_database_of, counted)) if databases else Counter[str | None]()
    for name, ceiling in roles.items():
        yield Limit("role", name, by_role[name], ceiling)
    for name, ceiling in databases.items():
        yield Limit("database", name, by_database[name], ceiling)


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
