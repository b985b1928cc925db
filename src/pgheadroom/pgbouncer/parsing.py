"""SHOW POOLS, DATABASES, USERS, CONFIG, LISTS and STATE as values. Pure; every column by name, see `table`."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pgheadroom.model import versions
from pgheadroom.model.bouncer import CONSOLE, BouncerDatabase, BouncerUser, PoolerState, Setting
from pgheadroom.model.pool import Pool
from pgheadroom.pgbouncer.table import Record, Table, count, seconds, text, whole

NEEDED = ("database", "user", "cl_active", "cl_waiting", "sv_active", "sv_idle")
"""Columns without which a row of SHOW POOLS says too little."""
HIDDEN = "***"
_SECRET = ("password", "passwd", "secret", "ldap")
"""Parts of the names of settings that can hold a password: `auth_ldap_options` has ldapbindpasswd."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Pool sizes that apply: the user's if set, else the database's, else the default.

    Attributes:
        default: `default_pool_size`; None when not known.
        reserve: `reserve_pool_size`.
        of: Size and reserve by database.
        users: Size and reserve by user, each None without one.
    """

    default: int | None = None
    reserve: int = 0
    of: Mapping[str, tuple[int | None, int]] = field(default_factory=dict)
    users: Mapping[str, tuple[int | None, int | None]] = field(default_factory=dict)

    def size(self, database: str, user: str = "") -> tuple[int | None, int]:
        """Size and reserve of the pool of `user` in `database`."""
        size, reserve = self.of.get(database, (self.default, self.reserve))
        own_size, own_reserve = self.users.get(user, (None, None))
        return size if own_size is None else own_size, reserve if own_reserve is None else own_reserve


def sizes_of(
    databases: Iterable[BouncerDatabase], config: Iterable[Setting], users: Iterable[BouncerUser] = ()
) -> Sizes:
    """What SHOW DATABASES, CONFIG and USERS say about the size of pools."""
    settings = {setting.key: setting.value for setting in config}
    default, reserve = whole(settings.get("default_pool_size")), whole(settings.get("reserve_pool_size")) or 0
    return Sizes(
        default,
        reserve,
        {
            one.name: (
                default if one.pool_size is None else one.pool_size,
                reserve if one.reserve is None else one.reserve,
            )
            for one in databases
        },
        {one.name: (one.pool_size, one.reserve) for one in users},
    )


def read_pools(table: Table, sizes: Sizes) -> tuple[Pool, ...]:
    """SHOW POOLS without the console's own row, in its order."""
    return tuple(_pool(row, sizes) for row in table.records() if text(row.get("database")) != CONSOLE)


def missing_columns(names: Sequence[str]) -> list[str]:
    """Which needed columns of SHOW POOLS a look-alike does not have."""
    return [name for name in NEEDED if name not in names]


_COUNTS = ("cl_active", "cl_waiting", "sv_active", "sv_idle", "sv_used", "sv_tested", "sv_login")


def _pool(row: Record, sizes: Sizes) -> Pool:
    database, user = text(row.get("database")), text(row.get("user"))
    size, reserve = sizes.size(database, user)
    return Pool(
        database=database,
        user=user,
        maxwait=seconds(row.get("maxwait"), row.get("maxwait_us")),
        mode=text(row.get("pool_mode")),
        size=size,
        reserve=reserve,
        # 1.16 had one column for cancel requests, 1.18 made four of it.
        cl_cancelling=sum(
            count(row.get(name)) for name in ("cl_cancel_req", "cl_active_cancel_req", "cl_waiting_cancel_req")
        ),
        sv_cancelling=count(row.get("sv_active_cancel")) + count(row.get("sv_being_canceled")),
        **{name: count(row.get(name)) for name in _COUNTS},
    )


def read_databases(table: Table) -> tuple[BouncerDatabase, ...]:
    """SHOW DATABASES without the console itself."""
    return tuple(_database(row) for row in table.records() if text(row.get("name")) != CONSOLE)


def _database(row: Record) -> BouncerDatabase:
    return BouncerDatabase(
        name=text(row.get("name")),
        host=text(row.get("host")),
        port=count(row.get("port")),
        database=text(row.get("database")),
        force_user=text(row.get("force_user")),
        mode=text(row.get("pool_mode")),
        pool_size=whole(row.get("pool_size")),
        min_pool_size=count(row.get("min_pool_size")),
        # 1.24 renamed the column.
        reserve=whole(row.get("reserve_pool_size", row.get("reserve_pool"))),
        max_connections=count(row.get("max_connections")),
        current_connections=count(row.get("current_connections")),
        max_client_connections=count(row.get("max_client_connections")),
        current_client_connections=count(row.get("current_client_connections")),
        paused=bool(count(row.get("paused"))),
        disabled=bool(count(row.get("disabled"))),
    )


def read_users(table: Table, version: tuple[int, ...] = ()) -> tuple[BouncerUser, ...]:
    """SHOW USERS. `version` decides whether its pool sizes can be believed."""
    first, last = versions.BOUNCER_WRONG_USER_SIZES
    wrong = first <= version <= last
    return tuple(_user(row, wrong) for row in table.records())


def _user(row: Record, wrong: bool) -> BouncerUser:
    return BouncerUser(
        name=text(row.get("name")),
        mode=text(row.get("pool_mode")),
        pool_size=None if wrong else whole(row.get("pool_size")),
        reserve=None if wrong else whole(row.get("reserve_pool_size")),
        max_connections=whole(row.get("max_user_connections")),
        current_connections=whole(row.get("current_connections")),
        max_client_connections=whole(row.get("max_user_client_connections")),
        current_client_connections=whole(row.get("current_client_connections")),
    )


def read_config(table: Table) -> tuple[Setting, ...]:
    """SHOW CONFIG: what differs from its default first, each part by name. Values that can be secret are hidden."""
    settings = (_setting(row) for row in table.records())
    return tuple(sorted(settings, key=lambda setting: (not setting.changed, setting.key)))


def _setting(row: Record) -> Setting:
    key, value, default = text(row.get("key")), text(row.get("value")), row.get("default")
    changeable = text(row.get("changeable")) in ("yes", "1", "true")
    if value and any(part in key for part in _SECRET):
        value = HIDDEN
    return Setting(key, value, None if default is None else text(default), changeable)


def read_lists(table: Table) -> tuple[tuple[str, int], ...]:
    """SHOW LISTS: how many of what."""
    return tuple((text(row.get("list")), count(row.get("items"))) for row in table.records())


def read_peers(table: Table) -> tuple[str, ...]:
    """SHOW PEERS: where each process is reached that shares the configuration, this one too."""
    return tuple(sorted(f"{text(row.get('host'))}:{text(row.get('port'))}" for row in table.records()))


def read_state(table: Table) -> PoolerState:
    """SHOW STATE (1.19+)."""
    told = {text(row.get("key")): text(row.get("value")) for row in table.records()}
    for state in (PoolerState.SUSPENDED, PoolerState.PAUSED, PoolerState.ACTIVE):
        if told.get(state.value) == "yes":
            return state
    return PoolerState.UNKNOWN


def read_product(table: Table) -> str:
    """SHOW VERSION's one line, for instance `PgBouncer 1.18.0`."""
    return next((text(value) for value in table.values("version")), "")


# Odyssey before 1.5 tells its version, commit and kind of build, and no name.
_NAMELESS = re.compile(r"(\d+(?:\.\d+)*)-[^-]+-[^-]+")
_NAMED = re.compile(r"(.*?\S)\s+v?(\d[\w.]*)")


def name_and_version(product: str) -> tuple[str, str]:
    """`Odyssey` and `1.5.2` of `odyssey 1.5.2 release, compiled by gcc`; all of it where no version can be told."""
    if found := _NAMELESS.match(product):
        return "Odyssey", found[1]
    found = _NAMED.match(product)
    name, version = found.groups() if found else (product, "")
    return ("Odyssey" if name.lower() == "odyssey" else name), version
