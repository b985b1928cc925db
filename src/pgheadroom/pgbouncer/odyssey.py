"""Odyssey's console: PgBouncer's columns, with meanings of its own. Pure.

Seen on Odyssey 1.5.2, and in its sources/console.c:

- POOLS and DATABASES have a row for each route, in the same order. A route's database and user are those that it has in
  PostgreSQL, so two routes can look alike; DATABASES names the rule's own ones in `database` and `force_user`, and its
  `max_connections` is the most clients of the route. A `pool_size` of 0 is no limit.
- `cl_waiting` counts clients in state `pending`, which do nothing. Who waits for a server is in state `queue`, and is
  counted nowhere in POOLS. No wait is timed: `maxwait` and `wait` are always 0.
- CLIENTS has what the client asked for; its `storage_user` lacks the last character. Nothing says which server a client
  uses, nor a server its backend's pid; `local_port` is the backend's `client_port`.
- There is no SHOW USERS, CONFIG or STATE; SHOW IS_PAUSED says whether all of it is paused.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from pgheadroom.model.bouncer import BouncerClient, BouncerDatabase, PoolerState, ServerConnection
from pgheadroom.model.pool import Pool
from pgheadroom.pgbouncer.parsing import Sizes, read_databases, read_pools
from pgheadroom.pgbouncer.sockets import read_clients, read_servers
from pgheadroom.pgbouncer.table import NOTHING, Table, count, text, whole

NAME = "Odyssey"
LACKS = frozenset({"USERS", "CONFIG", "STATE", "PEERS"})
"""What it refuses, with an error in its log each time."""
NOT_TOLD = "it does not say how long clients wait, nor which server a client uses"

_STATES = {"pending": "idle", "queue": "waiting"}
_NO_TLS = "(null)"
_Route = tuple[str, str]
"""Database and user, as the row names them."""


class Answers:
    """The last answers of one Odyssey, which mean something only together."""

    def __init__(self) -> None:
        self.console = ""
        """The database of the console itself, as the configuration happens to call it."""
        self.pools = NOTHING
        self.databases = NOTHING
        self._waiting: Counter[tuple[str, str, str]] = Counter()

    def read_clients(self, table: Table) -> tuple[BouncerClient, ...]:
        """SHOW CLIENTS in PgBouncer's words, without consoles; and who waits is remembered for the pools."""
        columns = (table.values(name) for name in ("database", "user", "storage_user", "state"))
        self._waiting = Counter(
            (text(database), text(user), text(storage_user))
            for database, user, storage_user, state in zip(*columns, strict=True)
            if text(state) == "queue"
        )
        consoles = self._consoles()
        return tuple(
            client._replace(state=_STATES.get(client.state, client.state))
            for client in read_clients(table)
            if client.database not in consoles
        )

    def read_servers(self, table: Table) -> tuple[ServerConnection, ...]:
        """SHOW SERVERS."""
        return tuple(server._replace(tls="" if server.tls == _NO_TLS else server.tls) for server in read_servers(table))

    def read_databases(self) -> tuple[BouncerDatabase, ...]:
        """SHOW DATABASES with one row for each database of PostgreSQL, its clients and servers counted together."""
        servers = Counter[str]()
        for pool in self.read_pools():
            servers[pool.database] += pool.servers
        consoles = self._consoles()
        rows = [row for row in read_databases(self.databases) if row.name not in consoles]
        return tuple(
            replace(
                first,
                database=name,
                force_user="",
                pool_size=_common(row.pool_size for row in rows if row.name == name),
                max_connections=0,
                current_connections=servers[name],
                max_client_connections=_common(row.max_connections for row in rows if row.name == name) or 0,
                current_client_connections=sum(row.current_connections for row in rows if row.name == name),
            )
            for name, first in {row.name: row for row in reversed(rows)}.items()
        )

    def read_pools(self) -> tuple[Pool, ...]:
        """SHOW POOLS with one row for each database and user, who waits counted, and the size of each."""
        consoles = self._consoles()
        found: dict[_Route, Pool] = {}
        for pool, size in zip(read_pools(self.pools, Sizes()), self._sizes(), strict=True):
            if pool.database not in consoles:
                known = replace(pool, cl_active=pool.cl_active + pool.cl_waiting, cl_waiting=0, size=size)
                route = (pool.database, pool.user)
                found[route] = _together(found[route], known) if route in found else known
        for waiter, waiting in self._waiting.items():
            if waited_for := self._route_of(waiter, found):
                found[waited_for] = replace(found[waited_for], cl_waiting=found[waited_for].cl_waiting + waiting)
        return tuple(found.values())

    def _consoles(self) -> set[str]:
        """Databases that lead to Odyssey itself: ours, and what has neither host nor port."""
        columns = (self.databases.values(name) for name in ("name", "host", "port"))
        local = {text(name) for name, host, port in zip(*columns, strict=True) if not text(host) and not count(port)}
        return {self.console, *local}

    def _sizes(self) -> Sequence[int | None]:
        """The pool_size of each row of POOLS: of the same route in DATABASES, which is read less often."""
        names = [text(name) for name in self.pools.values("database")]
        of = [text(name) for name in self.databases.values("name")]
        sizes = [whole(size) for size in self.databases.values("pool_size")]
        if names[: len(of)] == of:
            return [*sizes, *[None] * (len(names) - len(of))]
        return [_common(size for name, size in zip(of, sizes, strict=True) if name == wanted) for wanted in names]

    def _route_of(self, waiter: tuple[str, str, str], routes: Mapping[_Route, Pool]) -> _Route | None:
        """The pool that a client waits for: by its own names, or by those that its rule has in PostgreSQL."""
        database, user, storage_user = waiter
        if (database, user) in routes and not storage_user:
            return (database, user)
        rules = zip(self.databases.values("database"), self.databases.values("name"), strict=True)
        leads_to = {database, *(text(name) for rule, name in rules if text(rule) == database)}
        for route in routes:
            same_user = route[1].startswith(storage_user) if storage_user else route[1] == user
            if route[0] in leads_to and same_user:
                return route
        return None


def read_is_paused(table: Table) -> PoolerState:
    """SHOW IS_PAUSED."""
    paused = any(text(value).startswith("t") for value in table.values("is_paused"))
    return PoolerState.PAUSED if paused else PoolerState.ACTIVE


def _together(first: Pool, second: Pool) -> Pool:
    """Two routes to the same database as the same user."""
    counts = ("cl_active", "sv_active", "sv_idle", "sv_used", "sv_tested", "sv_login")
    sizes = (first.size, second.size)
    size = None if None in sizes else 0 if 0 in sizes else sum(one or 0 for one in sizes)
    return replace(first, size=size, **{name: getattr(first, name) + getattr(second, name) for name in counts})


def _common(values: Iterable[int | None]) -> int | None:
    """The one value that all have; None where they differ, or none is known."""
    found = set(values)
    return found.pop() if len(found) == 1 else None
