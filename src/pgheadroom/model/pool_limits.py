"""What holds a pool back."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Cap(StrEnum):
    """What keeps a pool from opening another server connection for a client that waits."""

    PAUSED = "paused"
    POOL_SIZE = "pool_size"
    MAX_DB_CONNECTIONS = "max_db_connections"
    MAX_USER_CONNECTIONS = "max_user_connections"
    POSTGRESQL = "PostgreSQL"
    LOGIN = "login"


class LoginTrouble(NamedTuple):
    """Why a pool gets no server connection. Each text is safe to show.

    Attributes:
        why: A sentence without its full stop.
        remedy: Likewise.
        sql: One statement that mends it; empty where there is none.
    """

    why: str
    remedy: str
    sql: str = ""


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """The sizes and caps that apply to a pool.

    Attributes:
        size: None when not known, 0 when unlimited (1.24+).
        reserve: Extra servers once a client has waited `reserve_pool_timeout`.
        most: Size and reserve; None when not known or unlimited.
        servers: Open now.
        database_servers, database_cap: Of all pools of the database; a cap of 0 is none.
        user_servers, user_cap: Of all pools of the user, likewise.
        oldest_wait: Seconds the oldest waiting client has waited; 0 when nobody waits.
        binding: The cap that holds waiting clients back now; None when nobody waits, or none of them does.
        explanation: The same in a sentence that is safe to show; empty without one.
        login: Why its logins fail, where `binding` is the login; else None.
    """

    size: int | None
    reserve: int
    most: int | None
    servers: int
    database_servers: int
    database_cap: int
    user_servers: int
    user_cap: int
    oldest_wait: float
    binding: Cap | None
    explanation: str
    login: LoginTrouble | None = None
