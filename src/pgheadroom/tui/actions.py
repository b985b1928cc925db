"""What the screens may ask of a server and do to it. A replay has neither; read-only has no powers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pgheadroom.audit import Audit, SessionResult
from pgheadroom.model.action import Result, Target, Verb
from pgheadroom.model.bouncer_command import BouncerCommand, CommandResult
from pgheadroom.model.detail import SessionDetail
from pgheadroom.model.session import Session, SessionId
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.rules.deed import Deed, fates


class Inquiries(Protocol):
    """Asks for more than a sample has."""

    async def detail(self, session: SessionId) -> SessionDetail | None:
        """Everything about one session; None when it has ended.

        Raises:
            PgHeadroomError: It could not be had; one line says why.
        """


class Signals(Protocol):
    """Signals sessions."""

    async def signal(self, verb: Verb, targets: Sequence[Target], *, include_superusers: bool = False) -> list[Result]:
        """Signal what was confirmed, or nothing: one result a target.

        Raises:
            PgHeadroomError: Nothing is known of the outcome; one line says why.
        """


class Commands(Protocol):
    """Commands PgBouncers."""

    async def command(self, bouncer: str, command: BouncerCommand) -> CommandResult:
        """Give a command to the PgBouncer of this name.

        Raises:
            PgHeadroomError: It was not given; one line says why.
        """


def target_of(session: Session) -> Target:
    """What a signal has to match. Only for a session whose start is visible: a plan has no others."""
    if session.backend_start is None:
        raise ValueError(f"the start of session {session.pid} is not known")
    return Target(session.pid, session.backend_start, session.query_start)


def session_results(deed: Deed, now: Snapshot) -> list[SessionResult]:
    """What the audit file keeps of each target."""
    return [
        SessionResult(result.target.id, fate.value, result.message)
        for result, fate in zip(deed.results, fates(deed, now), strict=True)
    ]


@dataclass(frozen=True)
class Powers:
    """What this run of the monitor may do to sessions.

    Attributes:
        protected_roles: Roles that a signal never reaches.
    """

    signals: Signals
    audit: Audit
    commands: Commands | None = None
    protected_roles: tuple[str, ...] = field(default=())
