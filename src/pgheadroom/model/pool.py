"""PgBouncer's pools, as its admin console shows them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pool:
    """A row of SHOW POOLS: one pair of database and user.

    Attributes:
        maxwait: Seconds the oldest waiting client has waited (`maxwait` and `maxwait_us` added).
        mode: `session`, `transaction` or `statement`.
        size: The pool_size that applies; None when not known, 0 when unlimited (1.24+).
        reserve: The reserve_pool_size that applies.
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

    @property
    def servers(self) -> int:
        """Server connections that the pool has open or opens now; each takes a slot of PostgreSQL."""
        return self.sv_active + self.sv_idle + self.sv_used + self.sv_tested + self.sv_login

    @property
    def full_percent(self) -> float | None:
        """Per cent of the pool's size in use by clients, None when the size is unknown or unlimited."""
        if not self.size:
            return None
        return 100.0 * (self.sv_active + self.sv_tested + self.sv_login) / self.size


@dataclass(frozen=True, slots=True)
class ServerConnection:
    """A row of SHOW SERVERS: a connection of PgBouncer's to PostgreSQL, which takes a slot there.

    Attributes:
        address, port: Of the PostgreSQL it is connected to; `unix` for a socket.
        local_port: PgBouncer's side: over TCP the backend's `client_port`.
        remote_pid: The backend's pid; a random number when the server is another pooler.
        ptr, link: Its own pointer, and that of the client using it; empty when idle. Pointers are reused.
    """

    database: str
    user: str
    state: str
    address: str
    port: int
    local_port: int
    remote_pid: int
    application: str
    ptr: str
    link: str


@dataclass(frozen=True, slots=True)
class PgBouncer:
    """One PgBouncer as last seen.

    Attributes:
        name: How the user calls it, without secrets.
        pools: Without the console's own row.
        trouble: Why the data is missing or old; empty when it is fresh.
        age: Seconds since the data was taken; 0 when fresh, None when there was never any.
    """

    name: str
    version: str = ""
    pools: tuple[Pool, ...] = ()
    trouble: str = ""
    age: float | None = 0.0
    servers: tuple[ServerConnection, ...] = ()
