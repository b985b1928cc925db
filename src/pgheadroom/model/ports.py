"""What is asked of a server, as protocols: a live one, a recording and another process are equal to whoever asks.

A recording is a `Source` only: it has nothing to inquire of, to signal or to command.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from pgheadroom.model.update import Update

if TYPE_CHECKING:
    from pgheadroom.model.action import Result, Target, Verb
    from pgheadroom.model.applied import Alteration, ApplySite, Spot
    from pgheadroom.model.bouncer_command import BouncerCommand, CommandResult
    from pgheadroom.model.detail import SessionDetail
    from pgheadroom.model.hold import Change, ChangeResult, HeldKind, HoldSite
    from pgheadroom.model.server_settings import ServerSettings
    from pgheadroom.model.session import SessionId
    from pgheadroom.model.snapshot import PreparedTransaction

Post = Callable[[Update], None]
"""Takes each update of a source; must not wait."""


class Source(Protocol):
    """Where updates come from."""

    @property
    def interval(self) -> float:
        """Seconds between the starts of two samples."""

    def set_interval(self, seconds: float) -> None:
        """Change the interval; holds from the sample that is being waited for."""

    def sample_now(self) -> None:
        """End the wait for the next sample."""

    async def run(self, post: Post) -> None:
        """Sample until cancelled, and post each update. Never raises for a server in trouble."""

    async def close(self) -> None:
        """Give back what is held for sampling: a live server's slot."""


class Inquiries(Protocol):
    """Asks for more than a sample has."""

    async def detail(self, session: SessionId, known: SessionDetail | None = None) -> SessionDetail | None:
        """Everything about one session; None when it has ended. What `known` tells of the same query already, and is
        long, need not come again.

        Raises:
            PgHeadroomError: It could not be had; one line says why.
        """


class Advisory(Protocol):
    """Reads what advice stands on."""

    async def server_settings(self) -> ServerSettings:
        """Settings of the server, of its roles and its databases, and where each comes from.

        Raises:
            PgHeadroomError: They could not be had; one line says why.
        """

    def backend_memory(self, pids: Iterable[int], own: int) -> tuple[int, ...]:
        """Bytes of private memory of each of these backends; empty where they are elsewhere. `own` is ours."""


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

        Args:
            protected_roles: Names of roles whose sessions are left alone, whatever they were called when shown.

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


class Rollbacks(Protocol):
    """Rolls prepared transactions back."""

    async def is_prepared(self, prepared: PreparedTransaction) -> bool:
        """Whether this one is still there.

        Raises:
            PgHeadroomError: It could not be had; one line says why.
        """

    async def roll_back(self, prepared: PreparedTransaction) -> ChangeResult:
        """Roll it back, if it is still the one that was shown.

        Raises:
            NoAnswer: No answer came; its `asked` says whether it may have happened all the same.
            PgHeadroomError: The connection is lost, or there is none; it may have happened.
        """


class Holdings(Protocol):
    """Holds roles and databases back."""

    async def look(
        self, names: Collection[tuple[HeldKind, str]] = (), numbers: Collection[tuple[HeldKind, int]] = ()
    ) -> HoldSite:
        """What could be held of these, by name or by OID.

        Raises:
            PgHeadroomError: It could not be had; one line says why.
        """

    async def change(self, change: Change) -> ChangeResult:
        """Make a change, if it is still what it was.

        Raises:
            NoAnswer: No answer came; its `asked` says whether the change may have happened all the same.
            PgHeadroomError: The connection is lost, or there is none; the change may have happened.
        """


class Alterations(Protocol):
    """Sets what advice is about: for roles, databases and the server."""

    async def look_at(self, spots: Sequence[Spot]) -> ApplySite:
        """What stands at these spots. Errors as `Holdings.look`."""

    async def alter(self, alteration: Alteration) -> ChangeResult:
        """Make a change, if it is still what it was. Errors as `Holdings.change`."""
