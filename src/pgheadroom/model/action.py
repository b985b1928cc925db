"""Ending a query or a session: what is asked, and what became of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from pgheadroom.model.session import Session, SessionId


class Verb(StrEnum):
    """`cancel` ends the query (pg_cancel_backend), `terminate` the session (pg_terminate_backend)."""

    CANCEL = "cancel"
    TERMINATE = "terminate"


class Target(NamedTuple):
    """What was shown and confirmed: a session, and for a cancel the query that it ran.

    `query_start` is compared for a cancel only: the next query of the same session was not confirmed.
    """

    pid: int
    backend_start: datetime | None
    query_start: datetime | None = None

    @classmethod
    def of(cls, session: Session) -> "Target":
        return cls(session.pid, session.backend_start, session.query_start)

    @property
    def id(self) -> SessionId:
        return SessionId(self.pid, self.backend_start)


class Outcome(StrEnum):
    """What became of one target.

    `signalled` means that the signal was sent, not that anything happened: read the sessions again. `gone`: there is
    no such process any more. `changed`: the pid belongs to another session now, or the session no longer runs that
    query. `refused`: a right is missing. `protected`: not one of those that may be signalled at all.
    """

    SIGNALLED = "signalled"
    GONE = "gone"
    CHANGED = "changed"
    REFUSED = "refused"
    PROTECTED = "protected"


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome for one target, and one sentence that says why."""

    target: Target
    outcome: Outcome
    message: str
