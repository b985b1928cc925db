"""Rows of PgBouncer's admin console as pools. Pure; every column by name.

Versions add columns in the middle and rename them (1.12 to 1.25): an unknown column is ignored, a missing one has its
neutral value.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pgheadroom.model.bouncer import ServerConnection
from pgheadroom.model.pool import Pool

Record = Mapping[str, object]

CONSOLE = "pgbouncer"
"""The console's own row in SHOW POOLS and SHOW DATABASES: no pool."""
NEEDED = ("database", "user", "cl_active", "cl_waiting", "sv_active", "sv_idle")
"""Columns without which a row of SHOW POOLS says too little."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Pool sizes that apply, from SHOW DATABASES and SHOW CONFIG.

    A size set for a user (1.23+) is not used: SHOW USERS shows the previous row's value for users without one, up to
    1.25.2.

    Attributes:
        default: `default_pool_size`; None when not known.
        reserve: `reserve_pool_size`.
        of: Size and reserve by database.
    """

    default: int | None = None
    reserve: int = 0
    of: Mapping[str, tuple[int | None, int]] = field(default_factory=dict)

    def size(self, database: str) -> tuple[int | None, int]:
        return self.of.get(database, (self.default, self.reserve))


def read_sizes(databases: Iterable[Record], config: Iterable[Record]) -> Sizes:
    """The sizes from SHOW DATABASES and SHOW CONFIG."""
    settings = {text(row.get("key")): row.get("value") for row in config}
    default = whole(settings.get("default_pool_size"))
    reserve = whole(settings.get("reserve_pool_size")) or 0
    of = {}
    for row in databases:
        size = whole(row.get("pool_size"))
        # 1.24 renamed the column.
        own_reserve = whole(row.get("reserve_pool_size", row.get("reserve_pool")))
        of[text(row.get("name"))] = (default if size is None else size, reserve if own_reserve is None else own_reserve)
    return Sizes(default, reserve, of)


def read_pools(rows: Iterable[Record], sizes: Sizes) -> tuple[Pool, ...]:
    """SHOW POOLS without the console's own row, in its order."""
    return tuple(_pool(row, sizes) for row in rows if text(row.get("database")) != CONSOLE)


def read_servers(rows: Iterable[Record]) -> tuple[ServerConnection, ...]:
    """SHOW SERVERS: PgBouncer's connections to PostgreSQL. `application_name` came with 1.18."""
    return tuple(_server(row) for row in rows)


def _server(row: Record) -> ServerConnection:
    return ServerConnection(
        database=text(row.get("database")),
        user=text(row.get("user")),
        state=text(row.get("state")),
        address=text(row.get("addr")),
        port=whole(row.get("port")) or 0,
        local_port=whole(row.get("local_port")) or 0,
        remote_pid=whole(row.get("remote_pid")) or 0,
        application=text(row.get("application_name")),
        ptr=text(row.get("ptr")),
        link=text(row.get("link")),
    )


def missing_columns(names: Sequence[str]) -> list[str]:
    """Which needed columns of SHOW POOLS a look-alike does not have."""
    return [name for name in NEEDED if name not in names]


def _pool(row: Record, sizes: Sizes) -> Pool:
    database = text(row.get("database"))
    size, reserve = sizes.size(database)
    counts = {name: whole(row.get(name)) or 0 for name in _COUNTS}
    # maxwait is whole seconds; maxwait_us is the rest of it, not the same again.
    maxwait = (whole(row.get("maxwait")) or 0) + (whole(row.get("maxwait_us")) or 0) / 1_000_000
    return Pool(
        database=database,
        user=text(row.get("user")),
        maxwait=maxwait,
        mode=text(row.get("pool_mode")),
        size=size,
        reserve=reserve,
        **counts,
    )


_COUNTS = ("cl_active", "cl_waiting", "sv_active", "sv_idle", "sv_used", "sv_tested", "sv_login")


def text(value: object) -> str:
    """A name, also one that is not UTF-8; empty for NULL."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return "" if value is None else str(value)


def whole(value: object) -> int | None:
    """A whole number, None when there is none."""
    try:
        return int(text(value))
    except ValueError:
        return None
