"""Over-commitment: what PgBouncers may ask for together, against the slots there are, and which pools to cut.

The rule: over all PgBouncer processes and pools, pool_size + reserve, and the direct sessions beside them, must not be
more than max_connections less both reserves. Caps that are counted: max_db_connections of a database and
max_user_connections of a user, each over all its pools. Not counted: connections that carry a cancel request; they pass
all limits, and are gone in a moment.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from pgheadroom.model.bouncer import BouncerDatabase
from pgheadroom.model.overcommit import Cut, Overcommitment, PoolDemand
from pgheadroom.model.pool import PgBouncer, Pool
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.rules.facts.chain import Chains
from pgheadroom.rules.facts.most_servers import Pipe, most_servers
from pgheadroom.words.counts import plural
from pgheadroom.words.text import safe

_BOUNDLESS = 1_000_000
"""Stands for the size of an unlimited pool; PgBouncer cannot have as many sockets."""
_Target = tuple[str, int]


def overcommitment(
    snapshot: Snapshot, usable: int, chains: Chains, processes: Mapping[str, int] | None = None
) -> Overcommitment | None:
    """What the PgBouncers may ask for; None when none is watched, or none has shown a pool yet.

    Args:
        usable: Slots that an ordinary role may take.
        processes: For how many processes each console stands (`so_reuseport`), by its name; by default as its peers
            tell. Each has pools of its own, and a console reaches only one of them.
    """
    counts = processes_of(snapshot.pgbouncers) if processes is None else processes
    parts = [_Part(bouncer, counts.get(bouncer.name, 1), snapshot, chains) for bouncer in snapshot.pgbouncers]
    pools = sorted((pool for part in parts for pool in part.pools), key=_largest_first)
    not_counted = tuple(name for part in parts for name in part.not_counted)
    if not pools and not not_counted:
        return None
    pooled = {chain.session.pid for chain in chains if chain.session is not None}
    direct = sum(session.pid not in pooled for session in snapshot.sessions)
    demand = sum(part.demand() for part in parts)
    room = max(0, usable - direct)
    height = _height(parts, room) if demand > room else None
    return Overcommitment(
        demand=demand if demand < _BOUNDLESS else None,
        usable=usable,
        direct=direct,
        pools=tuple(pools),
        cuts=() if height is None else tuple(_cuts(pools, max(1, height))),
        enough=height is None or height >= 1,
        not_counted=not_counted,
    )


def processes_of(bouncers: Sequence[PgBouncer]) -> Mapping[str, int]:
    """For how many processes each console stands: those that share a port and know each other, less those whose own
    console is given."""
    given: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for bouncer in bouncers:
        if bouncer.shares_its_port and bouncer.peers:
            given[bouncer.peers].append(bouncer.name)
    return {names[0]: max(1, len(peers) - len(names) + 1) for peers, names in given.items()}


def sentence(found: Overcommitment) -> str:
    """What it comes to, in one line that is safe to show."""
    asks = "any number" if found.demand is None else str(found.demand)
    if found.exceeds:
        return f"this configuration can ask for {asks} of {found.usable} slots"
    beside = f"{plural(found.direct, 'direct session')} beside it"
    if not found.fits:
        return f"this configuration can ask for {asks} of {found.usable} slots, with {beside}: {found.room} are left"
    return f"this configuration asks for {asks} of {found.usable} slots at most, with {beside}"


def proposals(found: Overcommitment) -> tuple[str, ...]:
    """Which pools to cut and to what, one in a line that is safe to show; the largest first."""
    lines = [_proposal(cut) for cut in found.cuts]
    if not found.enough:
        lines.append(f"{plural(len(found.pools), 'pool')} for {plural(found.room, 'slot')}: fewer pools are needed")
    return tuple(lines)


def _proposal(cut: Cut) -> str:
    pool = cut.pool
    was = "unlimited" if pool.size is None else str(pool.size)
    name = f"{safe(pool.database)}/{safe(pool.user)}" if pool.user else safe(pool.database)
    reserve = f", reserve_pool_size {pool.reserve} to {cut.reserve}" if cut.reserve != pool.reserve else ""
    return f"{safe(pool.bouncer)} {name}: pool_size {was} to {cut.size}{reserve}"


# --- one PgBouncer ---------------------------------------------------------------------------------------------------


class _Part:
    """One PgBouncer's share of the demand."""

    def __init__(self, bouncer: PgBouncer, processes: int, snapshot: Snapshot, chains: Chains) -> None:
        self._bouncer = bouncer
        self._processes = processes
        self._roles = snapshot.roles
        self._leads_elsewhere = leads_elsewhere_of(bouncer, snapshot, chains)
        self.not_counted = [safe(bouncer.name)] if bouncer.age is None else []
        self.pools = list(self._pools())
        self._database_caps = {one.name: one.max_connections for one in bouncer.databases if one.max_connections > 0}
        self._user_caps = self._caps_of_users()

    def demand(self, height: int | None = None) -> int:
        """The most servers of all its processes, with every pool cut to `height`."""
        pipes = [
            Pipe(pool.database, pool.user, most if height is None else min(most, height))
            for pool in self.pools
            for most in [_BOUNDLESS if pool.most is None else pool.most]
        ]
        return self._processes * most_servers(pipes, self._database_caps, self._user_caps)

    def _pools(self) -> Iterator[PoolDemand]:
        used = {pool.database for pool in self._bouncer.pools}
        for pool in self._bouncer.pools:
            if self._nobody_comes(pool):
                continue
            yield from self._pool(pool.database, pool.user, pool.size, pool.reserve, pool.servers)
        for database in self._bouncer.databases:
            if database.name not in used:
                yield from self._pool(database.name, database.force_user, *_sizes(database), 0)

    def _nobody_comes(self, pool: Pool) -> bool:
        """PgBouncer keeps the pool of a user who is gone: it is empty, and stays so, for nobody can log in as it."""
        if pool.servers or pool.cl_active or pool.cl_waiting or not self._roles or self._leads_elsewhere(pool.database):
            return False
        role = self._roles.get(pool.user)
        return role is None or not role.login

    def _pool(self, database: str, user: str, size: int | None, reserve: int, servers: int) -> Iterator[PoolDemand]:
        if self._leads_elsewhere(database):
            return
        if size is None:
            self.not_counted.append(safe(f"{self._bouncer.name} {database}/{user}"))
            return
        unlimited = size == 0 and self._bouncer.zero_is_unlimited
        if self._bouncer.setting("reserve_pool_timeout") in ("0", "0.0"):
            reserve = 0
        yield PoolDemand(self._bouncer.name, database, user, None if unlimited else size, reserve, servers)

    def _caps_of_users(self) -> dict[str, int]:
        everybody = self._bouncer.limit("max_user_connections") or 0
        own = {user.name: user.max_connections for user in self._bouncer.users if user.max_connections is not None}
        caps = {pool.user: own.get(pool.user, everybody) for pool in self.pools if pool.user}
        return {user: cap for user, cap in caps.items() if cap > 0}


def _sizes(database: BouncerDatabase) -> tuple[int | None, int]:
    return database.pool_size, database.reserve or 0


def leads_elsewhere_of(bouncer: PgBouncer, snapshot: Snapshot, chains: Chains) -> Callable[[str], bool]:
    """Whether a database's servers were seen, and none of them is a backend of the server that is watched.

    What holds for one database holds for all with the same host and port.
    """
    targets: dict[str, _Target] = {database.name: (database.host, database.port) for database in bouncer.databases}
    seen: dict[_Target | str, set[bool]] = defaultdict(set)
    for chain in chains:
        if chain.bouncer == bouncer.name and chain.server.state in ("active", "idle", "used", "tested"):
            name = chain.server.database
            seen[targets.get(name, name)].add(chain.session is not None)

    def leads_elsewhere(database: str) -> bool:
        # Who may not see the backends cannot tell that one is missing.
        return snapshot.exact and seen.get(targets.get(database, database)) == {False}

    return leads_elsewhere


# --- cutting ---------------------------------------------------------------------------------------------------------


def _height(parts: Sequence[_Part], room: int) -> int:
    """The greatest height to which all pools can be cut so that they fit; 0 when not even one server each does."""
    low, high = 0, room
    while low < high:
        middle = (low + high + 1) // 2
        if sum(part.demand(middle) for part in parts) <= room:
            low = middle
        else:
            high = middle - 1
    return low


def _cuts(pools: Iterable[PoolDemand], height: int) -> Iterator[Cut]:
    for pool in pools:
        if pool.most is None:
            yield Cut(pool, height, 0)
        elif pool.most > height:
            size = min(pool.size or 0, height)
            yield Cut(pool, size, height - size)


def _largest_first(pool: PoolDemand) -> tuple[int, str, str, str]:
    most = _BOUNDLESS if pool.most is None else pool.most
    return (-most, pool.bouncer, pool.database, pool.user)
