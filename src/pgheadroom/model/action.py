"""Signals: what is to be done to which session, and what came of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pgheadroom.model.session import SessionId


class Verb(StrEnum):
    """`pg_cancel_backend` ends a query, `pg_terminate_backend` a session."""

    CANCEL = "cancel"
    TERMINATE = "terminate"


class Outcome(StrEnum):
    """What the guarded statement did about one target.

    `SIGNALLED` means that the signal was sent, not that it had an effect; `GONE` that the session had ended before;
    `CHANGED` that the pid belongs to another session, or runs another query, than was shown; `REFUSED` that our role
    lacks the privilege; `PROTECTED` that the statement's own rules spared it.
    """

    SIGNALLED = "signalled"
    GONE = "gone"
    CHANGED = "changed"
    REFUSED = "refused"
    PROTECTED = "protected"


@dataclass(frozen=True, slots=True)
class Target:
    """The session that was shown: a signal must match all of it. `query_start` only guards a cancel."""

    pid: int
    backend_start: datetime
    query_start: datetime | None = None

    @property
    def id(self) -> SessionId:
        return SessionId(self.pid, self.backend_start)


@dataclass(frozen=True, slots=True)
class Result:
    """One target's outcome; `message` is a sentence where there is more to say, such as the grant that is missing."""

    target: Target
    outcome: Outcome
    message: str = ""
