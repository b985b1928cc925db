"""Slots: how many there are, how many are taken, and what limits them besides."""

from dataclasses import dataclass
from typing import Literal

LimitKind = Literal["server", "database", "role"]


def percent(part: float, whole: float) -> float:
    """`part` in per cent of `whole`. Of nothing, everything is taken: 100."""
    return 100.0 * part / whole if whole > 0 else 100.0


@dataclass(frozen=True, slots=True)
class Limit:
    """A ceiling that can refuse a connection with SQLSTATE 53300.

    Attributes:
        name: Of the database or role as the server sent it; empty for the server itself.
        used: Sessions that count against it.
        ceiling: Sessions it lets in. 0 is a door closed on purpose (CONNECTION LIMIT 0), not a crowd.
    """

    kind: LimitKind
    name: str
    used: int
    ceiling: int

    @property
    def free(self) -> int:
        """Sessions it still lets in; 0 also where it was set below what was already used."""
        return max(0, self.ceiling - self.used)

    @property
    def percent(self) -> float:
        return percent(self.used, self.ceiling)

    @property
    def closed(self) -> bool:
        return self.ceiling <= 0


@dataclass(frozen=True, slots=True)
class Capacity:
    """The slots of a server at one moment.

    Attributes:
        reserved: `reserved_connections`; 0 before PostgreSQL 16.
        usable: Slots an ordinary role may take.
        used: Slots taken, by whomever; can be more than `usable`.
        authenticating: Part of `used` that still authenticates: those without a row and those in state `starting`.
        free: Slots left for an ordinary role. Role and database limits come on top, see `limits`.
        free_reserved: Slots left for a role that inherits `pg_use_reserved_connections`.
        free_superuser: Slots left for a superuser.
        used_percent: Per cent of `usable`; more than 100 when the reserve is in use.
        in_reserve: Slots of the reserve that are taken.
        exact: False when our role may not see other sessions, so that `used` is an estimate.
        walsenders: Replication connections; they take slots of `max_wal_senders`, not of `max_connections`.
        limits: Role and database limits, the fullest first, those that let nobody in last.
        tightest: The fullest of the server and all limits that let anybody in.
    """

    max_connections: int
    superuser_reserved: int
    reserved: int
    usable: int
    used: int
    authenticating: int
    free: int
    free_reserved: int
    free_superuser: int
    used_percent: float
    in_reserve: int
    exact: bool
    walsenders: int
    max_wal_senders: int
    limits: tuple[Limit, ...]
    tightest: Limit

    @property
    def reserve(self) -> int:
        """Slots that an ordinary role never gets."""
        return self.superuser_reserved + self.reserved
