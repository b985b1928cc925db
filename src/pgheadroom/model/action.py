"""Signals: what is to be done to which session, and what came of it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from pgheadroom.model.session import SessionId, State


class Verb(StrEnum):
    """`pg_cancel_backend` ends a query, `pg_terminate_backend` a session."""

    CANCEL = "cancel"
    TERMINATE = "terminate"


class Outcome(StrEnum):
    """What came of an action for one target, as it is said and written down.

    The guarded statement answers with one of the first five. `SIGNALLED` means that the signal was sent, not that it
    had an effect; `GONE_BEFORE` that the session had ended before; `CHANGED` that the pid belongs to another session,
    or that it is no more what the choice was about; `REFUSED` that our role lacks the privilege, or that what protects
    it could not be read; `PROTECTED` that the statement's own rules spared it.

    Samples after the signal make one of the next four of `SIGNALLED`. `UNKNOWN` is for a signal without an answer.
    """

    SIGNALLED = "signalled"
    GONE_BEFORE = "gone before"
    CHANGED = "changed before"
    REFUSED = "refused"
    PROTECTED = "protected"
    ENDED = "signalled and gone"
    STILL_THERE = "signalled and still there"
    STOPPED = "its query was stopped"
    STILL_RUNNING = "signalled and still running"
    UNKNOWN = "unknown"


NEVER = datetime.min.replace(tzinfo=UTC)
"""Stands in `Still` for the moment of what there was none of: `transaction=NEVER` was in no transaction."""

CHANGES = {
    "another role name": "its role has another name now",
    "another application": "its application has another name now",
    "another state": "it is in another state now",
    "another transaction": "the transaction that it was in has ended, or another one has begun",
    "another query": "it runs another query now",
    "no query": "it runs no query now",
    "not so long": "it did something since: it is not for so long as it is any more",
    "another wait": "it does not wait for that any more",
    "used": "it was used since it was shown",
}
"""What can have changed of a session since it was chosen: the word of the statement, and the sentence."""


@dataclass(frozen=True, slots=True)
class Still:
    """What a session must still be when it is signalled, because the choice was about that; None is not compared.

    Attributes:
        role: The name of its role.
        transaction: When its transaction began.
        query: When its last query began.
        moved: When it last changed its state: whoever was used since does not match.
        longer_than: Seconds that it must have been in its state.
        wait: `type:event` of what it waits for.
    """

    role: str | None = None
    application: str | None = None
    state: State | None = None
    transaction: datetime | None = None
    query: datetime | None = None
    moved: datetime | None = None
    longer_than: float | None = None
    wait: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """The session that was chosen: a signal must match all of it. `query_start` only guards a cancel."""

    pid: int
    backend_start: datetime
    query_start: datetime | None = None
    still: Still = Still()

    @property
    def id(self) -> SessionId:
        return SessionId(self.pid, self.backend_start)


@dataclass(frozen=True, slots=True)
class Result:
    """One target's outcome.

    Attributes:
        message: A sentence where there is more to say, such as the grant that is missing.
        reservation: What the outcome rests on, where that is less than usual.
    """

    target: Target
    outcome: Outcome
    message: str = ""
    reservation: str = ""

    @property
    def whole_message(self) -> str:
        """Both, for where each session has a line of its own."""
        return "; ".join(filter(None, (self.message, self.reservation)))
