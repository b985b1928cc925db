"""Which sessions are a pooler's server connections."""

from pgheadroom.model.bouncer import ServerConnection
from pgheadroom.model.session import LOCAL, Session
from pgheadroom.model.snapshot import Snapshot


def pooler_pids(snapshot: Snapshot) -> frozenset[int]:
    """Pids of the sessions that a PgBouncer given to us holds open.

    A pid alone is not enough: a PgBouncer may serve several PostgreSQL servers, and one behind another pooler reports
    random numbers. Over TCP the port on PgBouncer's side must be the one that the backend sees; over a Unix socket,
    which has no ports, the user must be the same.
    """
    servers = {server.remote_pid: server for bouncer in snapshot.pgbouncers for server in bouncer.servers}
    if not servers:
        return frozenset()
    return frozenset(
        session.pid
        for session in snapshot.sessions
        if (server := servers.get(session.pid)) is not None and _same(session, server)
    )


def _same(session: Session, server: ServerConnection) -> bool:
    if session.client == LOCAL:
        return server.user == session.user
    return server.local_port == session.client_port
