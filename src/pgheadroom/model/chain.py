"""From the real client through PgBouncer to PostgreSQL's backend."""

from typing import NamedTuple

from pgheadroom.model.bouncer import BouncerClient, ServerConnection
from pgheadroom.model.session import Session


class Chain(NamedTuple):
    """A server connection with what is known of its two ends.

    Attributes:
        bouncer: Name of the PgBouncer.
        client: Who uses it now; None when nobody does, or when what clients and servers say of each other disagrees.
        session: Its backend; None when it is none of the server that is watched.
        unknown: Why there is no session, in a few words; empty when there is one.
    """

    bouncer: str
    server: ServerConnection
    client: BouncerClient | None
    session: Session | None
    unknown: str = ""


class RealClients(NamedTuple):
    """Clients of a PgBouncer that are the same application from the same address as the same user.

    Attributes:
        database: PgBouncer's name for it.
        holding: How many of them use a server connection now, `waiting` how many wait for one; the rest is idle.
    """

    bouncer: str
    user: str
    database: str
    application: str
    address: str
    total: int
    holding: int
    waiting: int
