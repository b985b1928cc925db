"""Backends of a pooler that tells no pids, by the ports of its connections."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from pgheadroom.model.bouncer import ServerConnection
from pgheadroom.model.session import Session
from pgheadroom.model.snapshot import Snapshot


def backends_by_port(snapshot: Snapshot, servers: Iterable[ServerConnection]) -> Mapping[str, Session]:
    """The sessions at the other end of server connections over TCP, by the connections' `ptr`.

    A pooler's address and port are a session's client address and port. To two servers a pooler may use the same port
    at once, so a single pair proves little: connections to one server are believed together, where half of them fit.
    """
    there = {(session.client, session.client_port): session for session in snapshot.sessions}
    groups: dict[tuple[str, int], list[ServerConnection]] = defaultdict(list)
    for server in servers:
        groups[server.address, server.port].append(server)
    found: dict[str, Session] = {}
    for group in groups.values():
        fitting = {server.ptr: session for server in group if (session := _fitting(server, there)) is not None}
        if 2 * len(fitting) >= len(group):
            found |= fitting
    return found


def _fitting(server: ServerConnection, there: Mapping[tuple[str | None, int | None], Session]) -> Session | None:
    session = there.get((server.local_address, server.local_port))
    return session if session is not None and session.user == server.user else None
