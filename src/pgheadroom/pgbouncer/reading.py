"""What is asked of a PgBouncer when, and what its answers make of it. No IO: the console asks, this remembers.

SHOW POOLS comes first and each time; a part that fails leaves the others alone.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from pgheadroom.model import versions
from pgheadroom.model.bouncer import CONSOLE, BouncerClient, ServerConnection, Totals
from pgheadroom.model.budget import Budget
from pgheadroom.model.gap import Gap
from pgheadroom.model.pool import PgBouncer
from pgheadroom.pgbouncer import odyssey
from pgheadroom.pgbouncer.parsing import (
    missing_columns,
    name_and_version,
    read_config,
    read_databases,
    read_lists,
    read_peers,
    read_pools,
    read_product,
    read_state,
    read_users,
    sizes_of,
)
from pgheadroom.pgbouncer.sockets import NEEDED_FOR_THE_CHAIN, clock, read_clients, read_servers
from pgheadroom.pgbouncer.statistics import read_stats, with_recent
from pgheadroom.pgbouncer.table import NOTHING, Table

RARELY = 30.0
"""Seconds after which the configuration is read again, and a refused part is asked for again."""
POOLS_AT_LEAST_EVERY = 2.0
"""Seconds: without its pools nothing of a PgBouncer is shown."""
SIGN = "/bouncer"
"""The end of PgBouncer's `server_version`."""


class Part(NamedTuple):
    """One SHOW. `every` is the least number of seconds between two of it, `since` the version that brought it."""

    name: str
    every: float = 0.0
    since: tuple[int, ...] = ()

    @property
    def question(self) -> bytes:
        return b"SHOW " + self.name.encode()


POOLS, SERVERS, CLIENTS = Part("POOLS"), Part("SERVERS"), Part("CLIENTS")
DATABASES = Part("DATABASES", 3.0)
VERSION = Part("VERSION", RARELY)
IS_PAUSED = Part("IS_PAUSED", 3.0)
PARTS = (
    POOLS,
    # What clients and servers say of each other is compared, so they are read in one breath.
    SERVERS,
    CLIENTS,
    DATABASES,
    Part("STATS", 2.0),
    Part("STATE", 3.0, since=versions.BOUNCER_STATE_SINCE),
    IS_PAUSED,
    Part("CONFIG", RARELY),
    Part("USERS", RARELY),
    Part("LISTS", 10.0),
    Part("PEERS", RARELY, since=versions.BOUNCER_PEERS_SINCE),
    # Costs nothing: what it takes is the round trip.
    VERSION,
)


class Reading:
    """What is known of one PgBouncer, part by part."""

    def __init__(self, name: str) -> None:
        self.known = PgBouncer(name, age=None)
        self._due: dict[str, float] = {}
        self._gaps: dict[str, str] = {}
        self._pools = NOTHING
        self._servers: Table | None = None
        self._sockets_at: float | None = None
        self._pools_at = 0.0
        self._totals: Mapping[str, Totals] = {}
        self._totals_at = 0.0
        self._user = ""
        self._odyssey: odyssey.Answers | None = None
        self._console = CONSOLE
        # PgBouncer is one thread: while it answers us, everybody waits.
        self._budgets = {part.name: Budget() for part in PARTS}
        self._round_trip = 0.0

    def begin(self, server_version: str, user: str, console: str = CONSOLE) -> None:
        """A new connection: everything is asked for again. `user` is who we are there, in the database `console`."""
        ours = server_version.endswith(SIGN)
        version, product = server_version.removesuffix(SIGN), "" if ours else server_version or "nothing"
        self.known = replace(self.known, version=version, product=product, admin=None, gaps=(), command=None)
        self._user = user
        self._due.clear()
        self._gaps = {} if ours else {"console": not_a_pgbouncer(product)}
        self._totals = {}
        self._odyssey, self._console = None, console

    def due(self, now: float) -> Iterator[Part]:
        """What to ask for now, in this order; who is no PgBouncer says first what it is, and that decides the rest."""
        for part in (VERSION, *PARTS) if self.known.product else PARTS:
            if self._due.get(part.name, 0.0) <= now and self._exists(part):
                yield part

    def hurry(self, *parts: Part) -> None:
        """Ask for these parts next time, or for everything: a command has changed something."""
        for part in parts or PARTS:
            if part.name in self._due:
                self._due[part.name] = 0.0

    def untold(self) -> Iterator[Part]:
        """What has not been answered or refused yet on this connection, of what is shown."""
        return (part for part in self.due(math.inf) if part.name not in self._due and part is not VERSION)

    def take(self, part: Part, table: Table, now: float, took: float = 0.0) -> None:
        """An answer that took so many seconds, the round trip included."""
        self._due[part.name] = now + max(part.every, self._spared(part, now, took))
        self._gaps.pop(part.name, None)
        _TAKE[part.name](self, table, now)
        self._gather()

    def _spared(self, part: Part, now: float, took: float) -> float:
        """Seconds for which it is not asked again, so that it takes no more than its share of the pooler's time."""
        if part is VERSION:
            self._round_trip = took
        budget = self._budgets[part.name]
        budget.asked(now, took - self._round_trip)
        return min(budget.every, POOLS_AT_LEAST_EVERY) if part is POOLS else budget.every

    def refuse(self, part: Part, reason: str, now: float) -> None:
        """No answer but a refusal: the part is a gap, and is not asked for again each second."""
        self._due[part.name] = now + RARELY
        self._gaps[part.name] = reason
        if part is CLIENTS and self._servers is not None:
            self.known = replace(self.known, clients=(), servers=read_servers(self._servers))
        self._gather()

    def learn(self, *, admin: bool | None) -> None:
        """Whether we may command it."""
        self.known = replace(self.known, admin=admin)

    def _exists(self, part: Part) -> bool:
        if self._odyssey is not None:
            return part.name not in odyssey.LACKS
        if part is IS_PAUSED:
            return False
        return bool(self.known.product) or self.known.version_num >= part.since

    def _gather(self) -> None:
        gaps = tuple(Gap(part.lower(), reason) for part, reason in self._gaps.items())
        behind = 0.0 if self._sockets_at is None else max(0.0, self._pools_at - self._sockets_at)
        self.known = replace(self.known, gaps=gaps, sockets_age=behind)

    # --- one method for each part ------------------------------------------------------------------------------------

    def _take_pools(self, table: Table, now: float) -> None:
        self._size_pools(table)
        self._pools, self._pools_at = table, now
        if missing := missing_columns(table.columns):
            self._gaps["POOLS"] = f"SHOW POOLS has no {', '.join(missing)}"

    def _size_pools(self, pools: Table | None = None) -> None:
        known = self.known
        if self._odyssey is not None:
            self._odyssey.pools = self._pools if pools is None else pools
            self.known = replace(known, pools=self._odyssey.read_pools(), databases=self._odyssey.read_databases())
            return
        sizes = sizes_of(known.databases, known.config, known.users)
        self.known = replace(known, pools=read_pools(self._pools if pools is None else pools, sizes))

    def _take_servers(self, table: Table, now: float) -> None:
        servers = read_servers(table) if self._odyssey is None else self._odyssey.read_servers(table)
        # Shown together with the clients that are read next.
        self._servers = table
        if self._due.get(CLIENTS.name, 0.0) > now:
            self.known = replace(self.known, servers=servers)
            self._sockets_at = now

    def _take_clients(self, table: Table, now: float) -> None:
        clients, servers = self._read_sockets(table)
        self.known = replace(self.known, clients=clients, servers=servers)
        self._sockets_at = now
        if SERVERS.name not in self._gaps:
            self._due[SERVERS.name] = self._due[CLIENTS.name]
        self._gaps.pop("chain", None)
        if self._odyssey is not None:
            self._size_pools()
        elif lacking := table.lacks(NEEDED_FOR_THE_CHAIN):
            reason = f"SHOW CLIENTS has no {', '.join(lacking)}: clients cannot be joined with their backends"
            self._gaps["chain"] = reason

    def _read_sockets(self, table: Table) -> tuple[tuple[BouncerClient, ...], tuple[ServerConnection, ...]]:
        if self._odyssey is not None:
            servers = self.known.servers if self._servers is None else self._odyssey.read_servers(self._servers)
            return self._odyssey.read_clients(table), servers
        moment = clock(table)
        servers = self.known.servers if self._servers is None else read_servers(self._servers, moment)
        return read_clients(table, moment), servers

    def _take_databases(self, table: Table, now: float) -> None:
        if self._odyssey is not None:
            self._odyssey.databases = table
            self._size_pools()
            return
        self.known = replace(self.known, databases=read_databases(table))
        self._size_pools()

    def _take_stats(self, table: Table, now: float) -> None:
        stats = with_recent(read_stats(table), self._totals, now - self._totals_at)
        self._totals, self._totals_at = {one.database: one.totals for one in stats}, now
        self.known = replace(self.known, stats=stats)

    def _take_state(self, table: Table, now: float) -> None:
        self.known = replace(self.known, state=read_state(table))

    def _take_config(self, table: Table, now: float) -> None:
        config = read_config(table)
        self.known = replace(self.known, config=config, admin=_is_admin(self._user, config, self.known.admin))
        self._size_pools()

    def _take_users(self, table: Table, now: float) -> None:
        self.known = replace(self.known, users=read_users(table, self.known.version_num))
        self._size_pools()

    def _take_lists(self, table: Table, now: float) -> None:
        self.known = replace(self.known, lists=read_lists(table))

    def _take_peers(self, table: Table, now: float) -> None:
        self.known = replace(self.known, peers=read_peers(table))

    def _take_version(self, table: Table, now: float) -> None:
        if not self.known.product:
            return
        name, version = name_and_version(read_product(table))
        product = name or self.known.product
        self.known = replace(self.known, product=product, version=version or self.known.version)
        if name != odyssey.NAME:
            self._gaps["console"] = not_a_pgbouncer(f"{product} {version}".rstrip())
        elif self._odyssey is None:
            self._begin_odyssey()

    def _begin_odyssey(self) -> None:
        self._odyssey = odyssey.Answers()
        self._odyssey.console = self._console
        self._gaps["console"] = odyssey.NOT_TOLD
        self._gaps |= {part: f"{odyssey.NAME} has no SHOW {part}" for part in ("USERS", "CONFIG")}

    def _take_is_paused(self, table: Table, now: float) -> None:
        self.known = replace(self.known, state=odyssey.read_is_paused(table))


_TAKE: Mapping[str, Callable[[Reading, Table, float], None]] = {
    part.name: getattr(Reading, f"_take_{part.name.lower()}") for part in PARTS
}


def not_a_pgbouncer(product: str) -> str:
    return f"this is not a PgBouncer (it calls itself {product})"


def _is_admin(user: str, config: Any, before: bool | None) -> bool | None:
    """By the lists of users in the configuration; who is in neither may still be its own user on the Unix socket."""
    names = {setting.key: [name.strip() for name in setting.value.split(",")] for setting in config}
    if user in names.get("admin_users", ()):
        return True
    return False if user in names.get("stats_users", ()) else before
