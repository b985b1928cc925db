"""What a door said when it did not open."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class RefusedBy(StrEnum):
    """The limit that a refused connection hit. All but `OTHER` mean that there was no room.

    Source: the order of checks in InitPostgres (src/backend/utils/init/postinit.c) and InitProcess
    (src/backend/storage/lmgr/proc.c); the postmaster's own cap in src/backend/postmaster.

    `SERVER`: no slot is left, not for a superuser either. `SUPERUSER_RESERVE`: only superusers get in. `RESERVE`:
    only superusers and roles with `pg_use_reserved_connections` (16+). `ROLE` and `DATABASE`: their CONNECTION LIMIT.
    `WALSENDERS`: max_wal_senders. `PROCESSES`: the postmaster starts no more processes, although slots may be free:
    connections that never log in. `POOLER`: a PgBouncer's own limit. `UNCLEAR`: one of these, in words that we cannot
    read. `OTHER`: not for lack of room.
    """

    SERVER = "server"
    SUPERUSER_RESERVE = "superuser reserve"
    RESERVE = "reserve"
    ROLE = "role"
    DATABASE = "database"
    WALSENDERS = "walsenders"
    PROCESSES = "processes"
    POOLER = "pooler"
    UNCLEAR = "unclear"
    OTHER = "other"


class Hindrance(StrEnum):
    """What keeps us out, by how soon that may change.

    `NO_ROOM`: at any moment. `OPENING`: the server says that it starts, recovers or shuts down (SQLSTATE 57P03).
    `DOWN`: nobody listens, or who does has hung up. `LOGIN`: the server, or we, do not want this role here.
    `UNKNOWN_HOST`, `NO_ROUTE`, `SILENCE`: it is not reached.
    """

    NO_ROOM = "no room"
    OPENING = "opening"
    DOWN = "down"
    LOGIN = "login"
    UNKNOWN_HOST = "unknown host"
    NO_ROUTE = "no route"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class Refusal:
    """The last word of a door.

    Attributes:
        door: How it is called: user, host, port and database, never a secret.
        limit: What refused us.
        name: Of the role or the database whose limit it was; else empty.
        sqlstate: Where it is known; libpq does not tell it for a connection that failed.
        message: One line, as the server (or libpq) said it; must pass `view.text.safe`.
        at: By the client's clock.
        hindrance: What kind of thing it is.
    """

    door: str
    limit: RefusedBy
    name: str
    sqlstate: str | None
    message: str
    at: datetime
    hindrance: Hindrance = Hindrance.LOGIN

    @property
    def full(self) -> bool:
        """Whether it was for lack of room: the door may open at any moment."""
        return self.limit is not RefusedBy.OTHER
