"""Sessions counted: by state, and by who holds them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from pgheadroom.model.session import State


class GroupBy(StrEnum):
    """What hogs are grouped by, in the order a key press goes through them."""

    ALL = "all"
    USER = "user"
    APPLICATION = "application"
    CLIENT = "client"
    DATABASE = "database"

    @property
    def following(self) -> "GroupBy":
        members = list(GroupBy)
        return members[(members.index(self) + 1) % len(members)]


@dataclass(frozen=True, slots=True)
class StateCount:
    """How many sessions are in a state.

    Attributes:
        waits: These are the ones that wait for a lock, their client or a standby, and so do not run; the others of
            their state are counted apart.
        percent: Of all slots used.
        oldest_seconds: How long the longest has been in it; None where no moment is known.
    """

    state: State
    count: int
    percent: float
    oldest_seconds: float | None
    waits: bool = False


class Hog(NamedTuple):
    """A group of sessions. A field that was not grouped by is None, and so is one the server did not say.

    Attributes:
        active: As the server calls them; of those, `waiting` wait for a lock, their client or a standby.
        idle_in_transaction: With the aborted ones.
        oldest_connection_seconds: Age of the oldest connection; None where our role may not see it.
        limit: The role's limit when grouped by user, the database's when grouped by database alone; None without one.
        folded: Its application, or its client, stands for others than the sessions' own (`sidekiq *`).
    """

    user: str | None
    application: str | None
    client: str | None
    database: str | None
    total: int
    idle: int
    active: int
    idle_in_transaction: int
    oldest_connection_seconds: float | None
    limit: int | None
    waiting: int = 0
    folded: bool = False

    @property
    def running(self) -> int:
        return self.active - self.waiting
