"""Who was not let in, as the server's log tells it: a refusal moves no counter of PostgreSQL."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from pgheadroom.model.refusal import RefusedBy


class Reason(StrEnum):
    """Why a client was not let in. The first are those of `RefusedBy`, by its words.

    `RESOURCES`: memory, files or a configured limit (SQLSTATE 53000, 53200, 53400). `LOGIN`: a wrong password, no such
    role, no line of pg_hba.conf (28P01, 28000). `NO_DATABASE`: there is none of that name (3D000). Whoever is refused
    for these last two held a slot until then.
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
    RESOURCES = "resources"
    LOGIN = "login"
    NO_DATABASE = "no database"

    @property
    def no_room(self) -> bool:
        """It was for lack of room, not for who asked."""
        return self not in (Reason.LOGIN, Reason.NO_DATABASE)

    @classmethod
    def of(cls, limit: RefusedBy) -> "Reason":
        return cls(limit.value) if limit is not RefusedBy.OTHER else cls.UNCLEAR


class Who(NamedTuple):
    """Those who were refused alike.

    Attributes:
        host: Address or name of the client, `local` for a Unix socket; empty where the line has none, as `role` and
            `database` are. Text as it was written: it must pass `words.text.safe` before it is shown.
    """

    reason: Reason
    host: str = ""
    role: str = ""
    database: str = ""


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """A count of refusals.

    Attributes:
        first, last: By the server's clock, to the second where the log tells no more; the moment of the sample where
            its lines carry no time.
    """

    reason: Reason
    host: str
    role: str
    database: str
    count: int
    first: datetime
    last: datetime

    @property
    def who(self) -> Who:
        return Who(self.reason, self.host, self.role, self.database)


@dataclass(frozen=True, slots=True)
class Refusals:
    """What the log of a server says of refusals since the sample before.

    Attributes:
        groups: The largest first.
        seconds: What they were counted over: the time since the last reading, of a first one the time before it.
        log: What was read: a file's name, or the command.
        skipped: Bytes that were not read, because the log grew faster than it is read: there were more refusals.
        others: Refusals of those who are in no group, for there are too many of them.
        before: These are of the time before the first sample.
    """

    groups: tuple[TurnedAway, ...] = ()
    seconds: float = 0.0
    log: str = ""
    skipped: int = 0
    others: int = 0
    before: bool = False

    @property
    def no_room(self) -> int:
        """Refusals for lack of room."""
        return self.others + sum(one.count for one in self.groups if one.reason.no_room)

    @property
    def not_wanted(self) -> int:
        """Refusals for who asked: password, role, database."""
        return sum(one.count for one in self.groups if not one.reason.no_room)
