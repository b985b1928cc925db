"""The chain: real client, pool, server connection, backend.

Verified on real servers: `C.link = S.ptr` and `S.link = C.ptr` join a client with the server connection it uses;
`S.remote_pid` is the backend's pid, and over TCP `S.local_port` its `client_port`. Pointers are reused, and clients and
servers are two readings: only where both directions agree is the link believed.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from pgheadroom.model.application import family
from pgheadroom.model.bouncer import UNIX, BouncerClient, ServerConnection
from pgheadroom.model.chain import Chain, RealClients
from pgheadroom.model.grouping import GroupBy, Hog
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.session import LOCAL, Session, SessionId, seconds_between
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.rules.facts.hogs import HogKey, group_of
from pgheadroom.rules.facts.ports import backends_by_port
from pgheadroom.words.text import safe

_CLOCKS_AGREE = 15.0
"""Seconds by which a server connection and its backend may differ in age: whole seconds, two readings, a busy host."""


class Chains:
    """All chains of a snapshot, found from either end."""

    def __init__(self, found: Iterable[Chain]) -> None:
        self.all = tuple(found)
        self._by_session = {chain.session.id: chain for chain in self.all if chain.session is not None}
        self._by_ptr = {(chain.bouncer, chain.server.ptr): chain for chain in self.all}

    @cached_property
    def pids(self) -> frozenset[int]:
        """Of the sessions that are server connections of a PgBouncer that we watch."""
        return frozenset(session.pid for session in self._by_session)

    def __iter__(self) -> Iterator[Chain]:
        return iter(self.all)

    def of_session(self, session: Session | SessionId) -> Chain | None:
        """The chain that ends in this backend; None when it is no pooler's."""
        return self._by_session.get(session.id if isinstance(session, Session) else session)

    def of(self, bouncer: PgBouncer | str, end: BouncerClient | ServerConnection) -> Chain | None:
        """The chain of this client, or of this server connection; None for a client that uses no server now."""
        name = bouncer if isinstance(bouncer, str) else bouncer.name
        if isinstance(end, ServerConnection):
            return self._by_ptr.get((name, end.ptr))
        chain = self._by_ptr.get((name, end.link)) if end.link else None
        return chain if chain is not None and chain.client is not None and chain.client.ptr == end.ptr else None

    def client_of(self, session: Session | SessionId) -> BouncerClient | None:
        """The real client that uses this backend now."""
        chain = self.of_session(session)
        return chain.client if chain is not None else None

    def session_of(self, bouncer: PgBouncer | str, end: BouncerClient | ServerConnection) -> Session | None:
        """The backend that serves this client, or that this server connection leads to."""
        chain = self.of(bouncer, end)
        return chain.session if chain is not None else None


def chains(snapshot: Snapshot) -> Chains:
    """Every server connection of every PgBouncer with its client and its backend, as far as they are known."""
    sessions = {session.pid: session for session in snapshot.sessions}
    return Chains(chain for bouncer in snapshot.pgbouncers for chain in _of_bouncer(snapshot, bouncer, sessions))


def clients_by_hog(
    snapshot: Snapshot, chains: Chains, by: GroupBy = GroupBy.ALL
) -> Mapping[HogKey, tuple[RealClients, ...]]:
    """The real clients of the pools whose server connections are a hog's sessions, for each hog that has any.

    All clients of these pools, not only those that use a server at this moment: together they are why it is open.
    Who holds most comes first.
    """
    pools: dict[HogKey, dict[tuple[str, str, str], None]] = {}
    for chain in chains:
        if chain.session is not None:
            pool = (chain.bouncer, chain.server.database, chain.server.user)
            pools.setdefault(group_of(chain.session, by), {})[pool] = None
    if not pools:
        return {}
    clients = _by_pool(snapshot)
    return {
        key: tuple(sorted((one for pool in theirs for one in clients.get(pool, ())), key=_most_first))
        for key, theirs in pools.items()
    }


def hog_key(hog: Hog) -> HogKey:
    """By which `clients_by_hog` finds this hog."""
    return (hog.user, hog.application, hog.client, hog.database)


# --- one PgBouncer ---------------------------------------------------------------------------------------------------


def _of_bouncer(snapshot: Snapshot, bouncer: PgBouncer, sessions: Mapping[int, Session]) -> Iterator[Chain]:
    linked = {client.ptr: client for client in bouncer.clients if client.link}
    names = {database.name: database.database for database in bouncer.databases}
    behind = (bouncer.age or 0.0) + bouncer.sockets_age
    by_port = backends_by_port(snapshot, bouncer.servers) if bouncer.product else {}
    for server in bouncer.servers:
        client = linked.get(server.link) if server.link else None
        if client is not None and client.link != server.ptr:
            client = None
        session = sessions.get(server.remote_pid)
        if session is not None and not _is_backend(session, server, names.get(server.database), snapshot, behind):
            session = None
        session = session or by_port.get(server.ptr)
        yield Chain(
            bouncer.name, server, client, session, _why_unknown(server, snapshot, bouncer) if not session else ""
        )


def _is_backend(
    session: Session, server: ServerConnection, database: str | None, snapshot: Snapshot, behind: float
) -> bool:
    """Whether the session with the right pid is the right one: another server has the same pids."""
    if session.client != LOCAL:
        return server.address != UNIX and server.local_port == session.client_port
    # A Unix socket has no ports. Who else has this pid, this user, this database and this age?
    if server.address != UNIX or server.user != session.user or (database or session.database) != session.database:
        return False
    age = seconds_between(session.backend_start, snapshot.taken_at)
    return age is None or server.age is None or abs(age - server.age - behind) <= _CLOCKS_AGREE


def _why_unknown(server: ServerConnection, snapshot: Snapshot, bouncer: PgBouncer) -> str:
    if server.state == "new" or (not server.remote_pid and not bouncer.product):
        return "it is logging in"
    if not snapshot.exact:
        return "our role may not see whose backend it is"
    if not server.remote_pid and not server.local_port:
        return f"{safe(bouncer.product)} does not tell its backend"
    return "no backend of this server: it leads to another server, or through another pooler"


# --- hogs ------------------------------------------------------------------------------------------------------------


def _by_pool(snapshot: Snapshot) -> dict[tuple[str, str, str], list[RealClients]]:
    """The clients of each pool, grouped. A database with force_user has one pool for all users."""
    groups: dict[tuple[str, str, str], dict[tuple[str, str, str], list[BouncerClient]]] = {}
    for bouncer in snapshot.pgbouncers:
        forced = {database.name: database.force_user for database in bouncer.databases if database.force_user}
        for client in bouncer.clients:
            pool = (bouncer.name, client.database, forced.get(client.database, client.user))
            same = groups.setdefault(pool, {})
            same.setdefault((client.user, family(client.application), client.address), []).append(client)
    return {pool: [_grouped(pool[0], pool[1], same) for same in found.values()] for pool, found in groups.items()}


def _grouped(bouncer: str, database: str, clients: list[BouncerClient]) -> RealClients:
    first = clients[0]
    return RealClients(
        bouncer,
        first.user,
        database,
        family(first.application),
        first.address,
        total=len(clients),
        holding=sum(1 for client in clients if client.link or client.state == "active"),
        waiting=sum(1 for client in clients if client.waits),
    )


def _most_first(group: RealClients) -> tuple[int, int, int, str, str]:
    return (-group.holding, -group.waiting, -group.total, group.application, group.address)
