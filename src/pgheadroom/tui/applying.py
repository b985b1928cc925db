"""Advice applied and undone from the screens: the question, and what is applied by this user's record."""

from collections.abc import Callable
from datetime import UTC, datetime

from pgheadroom.acting.applying import Advised, carry_out, look_again, propose, undo_of
from pgheadroom.acting.powers import Powers
from pgheadroom.errors import PgHeadroomError
from pgheadroom.model.advice import Advice
from pgheadroom.model.applied import Applied, ApplySite
from pgheadroom.rules.acting.applied import AppliedPiece, Standing, applied_pieces
from pgheadroom.tui.ground import Ground
from pgheadroom.tui.screens.confirm import Confirm
from pgheadroom.view.apply_lines import apply_lines, undo_lines
from pgheadroom.view.cells import Line

Then = Callable[[], None]


class Applying:
    """What A and U do. Nothing here happens without a question that was answered with yes.

    Attributes:
        standing: What is applied on this server by this user's record, as last looked at.
    """

    def __init__(self, ground: Ground, powers: Powers | None) -> None:
        self._ground = ground
        self._powers = powers if powers is not None and powers.alterations is not None else None
        self._recorded: tuple[Applied, ...] = ()
        self._stamp: tuple[int, int] | None = None
        self.standing: list[Standing] = []

    def can(self, action: str) -> bool:
        """Whether a key does something: A where there is somebody to act, U also where something is applied."""
        return self._powers is not None and (action == "apply" or bool(self.standing))

    def rows(self) -> tuple[AppliedPiece, ...]:
        """What is applied, the newest first, to stand among the advice."""
        return applied_pieces(self.standing, datetime.now(UTC))

    async def look(self) -> None:
        """See what is applied; nothing is asked where nothing was ever written down.

        Raises:
            PgHeadroomError: It could not be had.
        """
        await self._look()

    async def _look(self) -> ApplySite | None:
        if self._powers is None:
            return None
        if (stamp := self._powers.audit.stamp) != self._stamp:
            self._recorded, self._stamp = self._powers.audit.applied(), stamp
        if not self._recorded:
            self.standing = []
            return None
        site, self.standing = await look_again(self._recorded, self._powers)
        return site

    # --- apply -------------------------------------------------------------------------------------------------------

    def ask_apply(self, piece: Advice, then: Then) -> None:
        """Ask whether a piece of advice is to be applied; `then` is called when it was."""
        if isinstance(piece, AppliedPiece):
            self._ground.say("it is applied: U undoes it")
        else:
            self._ground.in_background(self._ask_apply(piece, then))

    async def _ask_apply(self, piece: Advice, then: Then) -> None:
        analysis, powers = self._ground.newest, self._powers
        if analysis is None or powers is None:
            return
        try:
            advised, site = await propose(piece, analysis.snapshot.door.user, powers)
        except PgHeadroomError as error:
            self._ground.say(str(error))
            return

        def lines(width: int) -> list[Line]:
            return apply_lines(piece, advised.alteration, analysis.snapshot.sessions, width)

        self._ask("Apply this advice?", lines, advised, site, then)

    def _ask(
        self, question: str, lines: Callable[[int], list[Line]], advised: Advised, site: ApplySite, then: Then
    ) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self._ground.in_background(self._carry_out(advised, site, then))

        if self._ground.may_ask():
            self._ground.ask(Confirm(question, lines), answered)

    async def _carry_out(self, advised: Advised, site: ApplySite, then: Then) -> None:
        analysis, powers = self._ground.newest, self._powers
        if analysis is None or powers is None:
            return
        called = analysis.snapshot.server.name, analysis.snapshot.door.user
        self._ground.say(f"{advised.verb} ...")
        try:
            done = await carry_out(advised, site, called, powers)
            await self._look()
        except PgHeadroomError as error:
            self._ground.say(f"{advised.verb}: {error}")
            return
        self._ground.say(done.sentence)
        then()

    # --- undo --------------------------------------------------------------------------------------------------------

    def ask_undo(self, piece: Advice | None, then: Then) -> None:
        """Ask whether what is under the cursor is to be undone, else what was applied last."""
        self._ground.in_background(self._ask_undo(piece, then))

    async def _ask_undo(self, piece: Advice | None, then: Then) -> None:
        analysis, powers = self._ground.newest, self._powers
        if analysis is None or powers is None:
            return
        try:
            site = await self._look()
            if site is None or not self.standing:
                self._ground.say("nothing is applied any more")
                return
            one = self._meant(piece)
            advised = undo_of(one, site, analysis.snapshot.door.user, powers)
        except PgHeadroomError as error:
            self._ground.say(str(error))
            return
        now = datetime.now(UTC)
        self._ask("Undo this?", lambda width: undo_lines(one, advised.alteration, now, width), advised, site, then)

    def _meant(self, piece: Advice | None) -> Standing:
        keys = {piece.key} if piece is not None else set()
        theirs = [one for one in self.standing if keys & {one.applied.key, AppliedPiece.key_of(one)}]
        return (theirs or self.standing)[-1]
