"""A PgBouncer as last seen, and its pools as its admin console shows them."""

import re
from dataclasses import dataclass

from pgheadroom.model import versions
from pgheadroom.model.bouncer import (
    BouncerClient,
    BouncerDatabase,
    BouncerUser,
    DatabaseStats,
    PoolerState,
    ServerConnection,
    Setting,
)
from pgheadroom.model.bouncer_command import BouncerCommand
from pgheadroom.model.gap import Gap

_NUMBER = re.compile("[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Pool:
    """A row of SHOW POOLS: one pair of database and user.

    Attributes:
        maxwait: Seconds the oldest waiting client has waited (`maxwait` and `maxwait_us` added).
        mode: `session`, `transaction` or `statement`.
        size: The pool_size that applies; None when not known, 0 when unlimited (1.24+).
        reserve: The reserve_pool_size that applies.
        cl_cancelling, sv_cancelling: Cancel requests, and servers that carry one or wait for one (1.16+, 1.18+).
    """

    database: str
    user: str
    cl_active: int
    cl_waiting: int
    sv_active: int
    sv_idle: int
    sv_used: int
    sv_tested: int
    sv_login: int
    maxwait: float
    mode: str
    size: int | None = None
    reserve: int = 0
    cl_cancelling: int = 0
    sv_cancelling: int = 0

    @property
    def servers(self) -> int:
        """Server connections that the pool has open or opens now; each takes a slot of PostgreSQL."""
        return self.sv_active + self.sv_idle + self.sv_used + self.sv_tested + self.sv_login + self.sv_cancelling

    @property
    def in_use(self) -> int:
        """Server connections that are taken by clients, or on their way to be."""
        return self.sv_active + self.sv_tested + self.sv_login

    @property
    def full_percent(self) -> float | None:
        """Per cent of the pool's size in use by clients, None when the size is unknown or unlimited."""
        if not self.size:
            return None
        return 100.0 * self.in_use / self.size


@dataclass(frozen=True, slots=True)
class PgBouncer:
    """One PgBouncer as last seen. Everything leaves out the admin console's own rows.

    Attributes:
        name: How the user calls it, without secrets.
        version: For instance `1.18.0`.
        trouble: Why the data is missing or old; empty when it is fresh.
        age: Seconds since the pools were read; 0 when fresh, None when there was never any.
        sockets_age: Seconds between the reading of clients and servers and that of the pools: with thousands of
            clients they are read less often.
        lists: SHOW LISTS: how many of what. The `free_` ones are cached memory, not capacity.
        admin: Whether we may command it: our user is in `admin_users`. None when that is not known.
        product: What it says it is when that is not PgBouncer (Odyssey, PgCat); else empty.
        command: Ours that is under way; no other can be given meanwhile, but RESUME for a PAUSE.
        gaps: Parts it did not give, and why.
        peers: Places of the processes that know each other by `[peers]` (1.19+), this one too; empty where there are
            none, or none are told.
    """

    name: str
    version: str = ""
    pools: tuple[Pool, ...] = ()
    trouble: str = ""
    age: float | None = 0.0
    servers: tuple[ServerConnection, ...] = ()
    clients: tuple[BouncerClient, ...] = ()
    databases: tuple[BouncerDatabase, ...] = ()
    users: tuple[BouncerUser, ...] = ()
    config: tuple[Setting, ...] = ()
    stats: tuple[DatabaseStats, ...] = ()
    lists: tuple[tuple[str, int], ...] = ()
    state: PoolerState = PoolerState.UNKNOWN
    sockets_age: float = 0.0
    admin: bool | None = None
    product: str = ""
    command: BouncerCommand | None = None
    gaps: tuple[Gap, ...] = ()
    peers: tuple[str, ...] = ()

    @property
    def shares_its_port(self) -> bool:
        """Whether other processes may listen on its port (`so_reuseport`), each with clients and pools of its own."""
        return self.setting("so_reuseport") == "1"

    @property
    def version_num(self) -> tuple[int, ...]:
        """For comparisons: `(1, 25, 2)`; empty when not known, or not PgBouncer's."""
        return () if self.product else version_tuple(self.version)

    @property
    def zero_is_unlimited(self) -> bool:
        """Whether a pool_size of 0 is no limit (PgBouncer 1.24+, Odyssey); else such a pool opens nothing."""
        return self.product == "Odyssey" or self.version_num >= versions.BOUNCER_ZERO_IS_UNLIMITED_SINCE

    def database(self, name: str) -> BouncerDatabase | None:
        return next((database for database in self.databases if database.name == name), None)

    def setting(self, key: str) -> str | None:
        """A value of SHOW CONFIG, None when not known."""
        return next((setting.value for setting in self.config if setting.key == key), None)

    def limit(self, key: str) -> int | None:
        """A number of SHOW CONFIG such as `max_client_conn`, None when not known."""
        value = self.setting(key)
        return int(value) if value is not None and _NUMBER.fullmatch(value) else None


def version_tuple(version: str) -> tuple[int, ...]:
    """`1.25.2` and `1.26dev` as numbers; empty for what is no version."""
    numbers: list[int] = []
    for part in version.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits[:9]))
        if digits != part:
            break
    return tuple(numbers)
