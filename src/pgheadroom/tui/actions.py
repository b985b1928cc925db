"""What the screens may ask of a server and do to it. A replay has neither; read-only has no powers."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pgheadroom.audit import Audit, SessionResult
from pgheadroom.model.action import Result, Target, Verb
from pgheadroom.model.bouncer_command import BouncerCommand, CommandResult
from pgheadroom.model.detail import SessionDetail
from pgheadroom.model.session import SessionId
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.rules.acting.outcome import Deed, fates


class Inquiries(Protocol):
    """Asks for more than a sample has."""

    async def detail(self, session: SessionId) -> SessionDetail | None:
        """Everything about one session; None when it has ended.

        Raises:
            PgHeadroomError: It could not be had; one line says why.
        """


class Signals(Protocol):
    """Signals sessions."""

    async def signal(
        self,
        verb: Verb,
        targets: Sequence[Target],
        *,
        include_superusers: bool = False,
        protected_roles: Collection[str] = (),
    ) -> list[Result]:
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


def session_results(deed: Deed, now: Snapshot) -> list[SessionResult]:
    """What the audit file keeps of each target."""
    return [
        SessionResult(result.target.id, fate.value, result.whole_message)
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
