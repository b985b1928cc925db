"""What PgBouncer's admin console shows beside its pools: clients, server connections, databases, users, statistics.

Source: https://www.pgbouncer.org/usage.html. Names are as PgBouncer wrote them and must pass `view.text.safe`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

CONSOLE = "pgbouncer"
"""The admin console's database. It is no pool, and its clients are monitors such as we are."""
UNIX = "unix"
"""The address of who came over a Unix socket."""


class PoolerState(StrEnum):
    """SHOW STATE (1.19+). Older versions do not say whether all of PgBouncer is paused or suspended: `UNKNOWN`."""

    ACTIVE = "active"
    PAUSED = "paused"
    SUSPENDED = "suspended"
    UNKNOWN = "unknown"


class BouncerClient(NamedTuple):
    """A row of SHOW CLIENTS: an application's connection to PgBouncer. A NamedTuple, because there are thousands.

    Attributes:
        database: PgBouncer's name for it, which need not be PostgreSQL's.
        state: `active`, `waiting`, `idle`, or that of a cancel request. Before 1.25 PgBouncer calls a client without a
            server `active`; here it is `idle` in every version.
        address: `unix` for a Unix socket.
        waited: Seconds a `waiting` client has waited for a server; 0 for any other, whose `wait` is no waiting.
        age: Seconds since it connected, None where not known.
        quiet: Seconds since its last request, likewise; they are PgBouncer's whole seconds.
        ptr, link: Its own pointer, and that of the server connection it uses; empty without one. Pointers are reused.
        os_pid: The client's process on PgBouncer's host; only over a Unix socket, else 0.
        id: What KILL_CLIENT wants (1.24+), never reused; None before.
    """

    user: str
    database: str
    state: str
    address: str
    port: int
    application: str
    waited: float
    age: float | None
    quiet: float | None
    ptr: str
    link: str
    os_pid: int
    tls: str
    id: int | None

    @property
    def waits(self) -> bool:
        """Whether it waits for a server connection."""
        return self.state == "waiting"


class ServerConnection(NamedTuple):
    """A row of SHOW SERVERS: a connection of PgBouncer's to PostgreSQL, which takes a slot there.

    Attributes:
        database: PgBouncer's name for it.
        state: `active` (a client uses it), `idle`, `used`, `tested`, `new` (logging in), or that of a cancel request.
        address, port: Of the PostgreSQL it is connected to; `unix` for a socket.
        local_address, local_port: PgBouncer's side: over TCP the backend's `client_addr` and `client_port`.
        remote_pid: The backend's pid; a random number when the server is another pooler, 0 while it logs in, and where
            the console does not tell it (Odyssey).
        ptr, link: Its own pointer, and that of the client using it; empty when idle. Pointers are reused.
        age, quiet: As of a client.
        closing: It will be closed when its client lets go of it (RECONNECT, or a changed configuration).
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
    age: float | None = None
    quiet: float | None = None
    closing: bool = False
    tls: str = ""
    local_address: str = ""


@dataclass(frozen=True, slots=True)
class BouncerDatabase:
    """A row of SHOW DATABASES.

    Attributes:
        name: PgBouncer's name for it; `database` is PostgreSQL's.
        host: Empty for a Unix socket in the usual place.
        pool_size: Of each of its pools: its own, or `default_pool_size`. None when not known, 0 is unlimited (1.24+).
        max_connections: Most servers over all its pools (`max_db_connections`); 0 is unlimited.
        max_client_connections: 1.24+; 0 is unlimited.
        force_user: The one role all its clients become; empty when each keeps its own.
        paused: By PAUSE or KILL of this database; clients wait. A PAUSE of all PgBouncer is not shown here.
        disabled: By DISABLE; new clients are refused.
    """

    name: str
    host: str
    port: int
    database: str
    force_user: str
    mode: str
    pool_size: int | None
    min_pool_size: int
    reserve: int | None
    max_connections: int
    current_connections: int
    max_client_connections: int
    current_client_connections: int
    paused: bool
    disabled: bool


@dataclass(frozen=True, slots=True)
class BouncerUser:
    """A row of SHOW USERS.

    Attributes:
        pool_size: The user's own; None without one. Never known from 1.23 to 1.25.2, which show another row's value.
        max_connections: Most servers over all the user's pools (1.23+), 0 is unlimited, None when not shown.
        max_client_connections: 1.24+, likewise.
    """

    name: str
    mode: str = ""
    pool_size: int | None = None
    reserve: int | None = None
    max_connections: int | None = None
    current_connections: int | None = None
    max_client_connections: int | None = None
    current_client_connections: int | None = None


class Setting(NamedTuple):
    """A row of SHOW CONFIG. `default` is None where PgBouncer has none, or does not tell it (before 1.15)."""

    key: str
    value: str
    default: str | None
    changeable: bool

    @property
    def changed(self) -> bool:
        """Whether it is known to differ from its default."""
        if self.default is None or self.value == self.default:
            return False
        # unix_socket_mode: its value is written in decimal, its default in octal.
        octal = len(self.default) > 1 and self.default.startswith("0") and self.default.isdigit()
        return not (octal and self.value.isdigit() and int(self.value) == int(self.default, 8))


class Totals(NamedTuple):
    """What a database has done since PgBouncer started (SHOW STATS, total_*). Seconds and bytes.

    Attributes:
        wait_seconds: Counted when a waiting client gets its server: one stuck right now adds nothing.
        logins: Of clients; None where they are not counted (before 1.26).
    """

    transactions: float
    queries: float
    received: float
    sent: float
    transaction_seconds: float
    query_seconds: float
    wait_seconds: float
    logins: float | None = None


class Rates(NamedTuple):
    """What a database does in a second.

    Attributes:
        transactions, queries, received, sent: A second; bytes.
        transaction_seconds, query_seconds: That one of them takes on average; None when there was none.
        wait_seconds: That clients wait for servers in each second, all together: how many wait on average.
        logins: Of clients; None where they are not counted.
    """

    transactions: float
    queries: float
    received: float
    sent: float
    transaction_seconds: float | None
    query_seconds: float | None
    wait_seconds: float
    logins: float | None = None


@dataclass(frozen=True, slots=True)
class DatabaseStats:
    """A row of SHOW STATS.

    Attributes:
        average: PgBouncer's own, over its last whole `stats_period` (60 s).
        recent: Between the last two times that were asked; None at first, and after totals began anew: PgBouncer was
            restarted, or (1.26+) removed an idle pool and what that had done.
    """

    database: str
    totals: Totals
    average: Rates
    recent: Rates | None = None
