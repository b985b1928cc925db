"""Holding roles back from the screens: the choice, the question, what is held meanwhile, and letting go."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from pgheadroom.acting.holding import Changed, HoldVerb, carry_out
from pgheadroom.acting.powers import Powers
from pgheadroom.analysis import Analysis
from pgheadroom.errors import PgHeadroomError
from pgheadroom.model.action import Verb
from pgheadroom.model.bouncer_command import BouncerCommand
from pgheadroom.model.hold import Change, Grip, HeldKind, Hold, Holdable, HoldSite, HoldState
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.pooler_hold import PoolerHold
from pgheadroom.model.session import Session
from pgheadroom.rules.acting.choice import by_hand
from pgheadroom.rules.acting.held import Held, back, still_held
from pgheadroom.rules.acting.hold import held_words, offered_limit, refusal
from pgheadroom.rules.acting.hold_options import HoldOption, options, role_of
from pgheadroom.rules.acting.staged import STEP_EVERY, Key, has_steps, key_of, next_step
from pgheadroom.rules.pools.commands import forbidden
from pgheadroom.rules.pools.held import still_standing
from pgheadroom.rules.pools.hold_options import PoolerOption, pooler_options
from pgheadroom.tui.ground import Ground
from pgheadroom.tui.screens.confirm import Confirm
from pgheadroom.tui.screens.confirm_number import ConfirmNumber
from pgheadroom.tui.screens.confirm_release import ConfirmRelease
from pgheadroom.tui.screens.hold_menu import HoldMenu, LetGoMenu
from pgheadroom.view.cells import Line
from pgheadroom.view.hold_lines import held_line, hold_lines, release_lines
from pgheadroom.words.wording import clipped

LOOK_EVERY = 10.0
"""Seconds between two looks at what is held: it may be let go from another terminal."""
_IN_STEPS = (
    f"in steps: each {STEP_EVERY:.0f} s a higher limit, while the server stays below its warning and this program is "
    "open; s again stops it"
)
_CHOSEN_BY = "above the limit of a hold"


class Holding:
    """What H and L do. Nothing here happens without a question that was answered with yes.

    Attributes:
        held: What is held on this server by this user's record, as last looked at.
        is_holding: Whether a hold was confirmed of which the end of sessions has not begun yet.
        poolers: What is paused or disabled in its PgBouncers by this user's record, as the newest sample has it.
    """

    def __init__(
        self,
        ground: Ground,
        powers: Powers | None,
        end: Callable[..., None],
        command: Callable[[PgBouncer, BouncerCommand], None],
    ) -> None:
        """`end` ends sessions, and follows what comes of it; `command` asks, and then gives a PgBouncer a command."""
        self._ground = ground
        self._powers = powers if powers is not None and powers.holdings is not None else None
        self._end = end
        self._command = command
        self._looked_at: float | None = None
        self._looking = False
        self._recorded: tuple[Hold, ...] = ()
        self._stamp: tuple[int, int] | None = None
        self._recorded_poolers: tuple[PoolerHold, ...] = ()
        self.held: list[Held] = []
        self.poolers: tuple[PoolerHold, ...] = ()
        self.is_holding = False
        self._due: dict[Key, float] = {}
        self._stepping = False

    def can(self, action: str) -> bool:
        """Whether a key does something: H where there is somebody to act, L also where something is held."""
        return self._powers is not None and (action == "hold" or bool(self.held or self.poolers))

    @property
    def holds(self) -> tuple[Hold, ...]:
        """Those that are as we set them, and have less than before, by the name that each has now: who runs against a
        limit that was raised is in trouble like others."""
        as_set = (one for one in self.held if one.state is HoldState.HELD)
        return tuple(replace(one.hold, name=one.name) for one in as_set if one.hold.tightens)

    @property
    def pooler_holds(self) -> tuple[PoolerHold, ...]:
        """All that was written down: what of it stands is for whoever has the sample."""
        return self._recorded_poolers

    def lines(self, width: int) -> list[Line]:
        """What stands on every screen while something is held."""
        if not self.held and not self.poolers:
            return []
        return [held_line(self.held, self.poolers, datetime.now(UTC), width, self._due)]

    # --- what is held ------------------------------------------------------------------------------------------------

    def follow(self) -> None:
        """With each sample: look again, when it is time, and go on with what is let go in steps."""
        newest = self._ground.newest
        if newest is not None:
            self.poolers = still_standing(self._recorded_poolers, newest.snapshot.pgbouncers)
        due = self._looked_at is None or time.monotonic() - self._looked_at >= LOOK_EVERY
        if self._powers is not None and due and not self._looking:
            self._looking, self._looked_at = True, time.monotonic()
            self._ground.in_background(self._look())
        if not self._stepping and any(due <= time.monotonic() for due in self._due.values()):
            self._stepping = True
            self._ground.in_background(self._step())

    def look_again(self) -> None:
        """With the next sample, for something was done that may hold."""
        self._looked_at = None

    async def _look(self) -> None:
        before = self.held
        try:
            await self._read()
        except PgHeadroomError as error:
            if self.held or self._looked_at is None:
                self._ground.say(str(error))
        finally:
            self._looking = False
        if self.held != before:
            self._ground.draw()

    async def _read(self) -> HoldSite | None:
        """What is held now; nothing is asked where nothing was ever written down."""
        if self._powers is None or self._powers.holdings is None:
            return None
        if (stamp := self._powers.audit.stamp) != self._stamp:
            self._recorded, self._stamp = self._powers.audit.holds(), stamp
            self._recorded_poolers = self._powers.audit.pooler_holds()
        recorded = self._recorded
        if not recorded:
            self.held = []
            return None
        site = await self._powers.holdings.look(numbers=[(one.kind, one.oid) for one in recorded])
        self.held = still_held(recorded, site)
        return site

    # --- hold back ---------------------------------------------------------------------------------------------------

    def ask_hold(self, sessions: Sequence[Session]) -> None:
        """Ask what is to be done to the role of most of these sessions."""
        role = role_of(sessions)
        if not role:
            self._ground.say("whose role? Move the cursor to a session, a hog or a finding")
        elif self._ground.analysis is not None:
            databases = {one.database for one in sessions if one.database and one.user == role}
            database = databases.pop() if len(databases) == 1 else ""
            self._ground.in_background(self._ask_hold(self._ground.analysis, role, database))

    async def _ask_hold(self, analysis: Analysis, role: str, database: str) -> None:
        if self._powers is None or self._powers.holdings is None:
            return
        wanted = [(HeldKind.ROLE, role), (HeldKind.DATABASE, database)]
        try:
            site = await self._powers.holdings.look(wanted)
        except PgHeadroomError as error:
            self._ground.say(f"hold {role}: {error}")
            return
        what = site.named(HeldKind.ROLE, role)
        why = self._refusal(analysis, site, what) if what is not None else site.trouble or f"there is no role {role}"
        if what is None or why:
            self._powers.audit.refuse_change(HoldVerb.HOLD, HeldKind.ROLE, role, why)
            self._ground.say(f"not held: {why}")
            if what is not None and (poolers := self._poolers(analysis, role)):
                # An administrator of PgBouncer needs no right to the role.
                self._ground.ask(HoldMenu(role, 0, lambda limit: [*poolers], refused=why), self._give)
            return
        also = site.named(HeldKind.DATABASE, database)
        also = also if also is not None and not self._refusal(analysis, site, also) else None
        self._choose(analysis, site, what, also)

    def _refusal(self, analysis: Analysis, site: HoldSite, what: Holdable) -> str:
        protected = self._powers.protected_roles if self._powers is not None else ()
        wanted = Grip(offered_limit(analysis, what)) if what.kind is HeldKind.ROLE else None
        return refusal(what, site, analysis.snapshot.door.user, protected, wanted)

    def _choose(self, analysis: Analysis, site: HoldSite, role: Holdable, database: Holdable | None) -> None:
        protected = self._powers.protected_roles if self._powers is not None else ()

        poolers = self._poolers(analysis, role.name)

        def offered(limit: int) -> list[HoldOption | PoolerOption]:
            return [*options(analysis, role, limit, database, protected), *poolers]

        def chosen(option: HoldOption | PoolerOption | None) -> None:
            if isinstance(option, HoldOption):
                self._confirm(analysis, site, option)
            else:
                self._give(option)

        first = offered_limit(analysis, role)
        self._ground.ask(HoldMenu(role.name, first, offered), chosen)

    def _poolers(self, analysis: Analysis, role: str) -> list[PoolerOption]:
        if self._powers is None or self._powers.commands is None:
            return []
        return list(pooler_options(analysis, role, self._powers.protected_roles))

    def _give(self, option: HoldOption | PoolerOption | None) -> None:
        if isinstance(option, PoolerOption):
            self._command(option.bouncer, option.command)

    def _confirm(self, analysis: Analysis, site: HoldSite, option: HoldOption) -> None:
        def lines(width: int) -> list[Line]:
            return hold_lines(analysis, option.change, option.ending, width)

        def answered(yes: bool | None) -> None:
            if yes:
                self.is_holding = True
                self._ground.in_background(self._hold(analysis, site, option))

        question = f"Hold {option.words}?"
        if option.ending is None:
            self._ground.ask(Confirm(question, lines), answered)
        else:
            self._ground.ask(ConfirmNumber(question, lines, len(option.ending.targets)), answered)

    async def _hold(self, analysis: Analysis, site: HoldSite, option: HoldOption) -> None:
        self._due.pop((option.change.kind, option.change.oid), None)
        try:
            changed = await self._carry_out(HoldVerb.HOLD, analysis, site, option.change)
            if changed is not None and changed.done and option.ending is not None:
                targets = by_hand(Verb.TERMINATE, option.ending.targets)
                self._end(option.ending, analysis, _CHOSEN_BY, targets, changed.sentence)
        finally:
            self.is_holding = False

    async def _carry_out(self, verb: HoldVerb, analysis: Analysis, site: HoldSite, change: Change) -> Changed | None:
        if self._powers is None:
            return None
        snapshot = analysis.snapshot
        self._ground.say(f"{verb} {change.kind} {clipped(change.name)} ...")
        try:
            changed = await carry_out(verb, change, site, (snapshot.server.name, snapshot.door.user), self._powers)
        except PgHeadroomError as error:
            self._ground.say(f"{verb} {clipped(change.name)}: {error}")
            return None
        await self._look()
        self._ground.say(changed.sentence)
        return changed

    # --- let go ------------------------------------------------------------------------------------------------------

    def ask_let_go(self) -> None:
        """Ask which, where there are several, and then whether."""

        def chosen(some: list[Held | PoolerHold] | None) -> None:
            for one in some or ():
                if isinstance(one, PoolerHold):
                    self._resume(one)
            if held := [one for one in some or () if isinstance(one, Held)]:
                self._confirm_let_go(held)

        everything: list[Held | PoolerHold] = [*self.held, *self.poolers]
        if len(everything) == 1:
            chosen(everything)
        elif everything:
            self._ground.ask(LetGoMenu(everything), chosen)

    def _resume(self, hold: PoolerHold) -> None:
        """Ask, and then give the command that lets go of a database of a PgBouncer."""
        newest = self._ground.newest
        bouncers = newest.snapshot.pgbouncers if newest is not None else ()
        bouncer = next((one for one in bouncers if one.name == hold.bouncer), None)
        if bouncer is None:
            self._ground.say(f"there is no PgBouncer {clipped(hold.bouncer, 40)} here")
        elif why := forbidden(hold.undoing, bouncer):
            self._ground.say(f"not given: {why}")
        else:
            self._command(bouncer, hold.undoing)

    def _confirm_let_go(self, some: list[Held]) -> None:
        steps = _IN_STEPS if all(map(has_steps, some)) else ""
        if steps and any(one.hold.after.login is False for one in some):
            steps = f"{steps}; the first is LOGIN with a limit"
        if any(key_of(one) in self._due for one in some):
            steps = "stop the steps: the limit stays as it is"

        def lines(width: int) -> list[Line]:
            return release_lines(some, width, steps)

        def answered(yes: bool | None) -> None:
            if not yes:
                return
            stopped = [self._due.pop(key_of(one), None) for one in some]
            if not isinstance(question, ConfirmRelease) or not question.in_steps:
                self._ground.in_background(self._let_go(some))
            elif not any(stopped):
                self._due.update({key_of(one): time.monotonic() for one in some})
                self._ground.say("let go in steps: the first one with the next sample")

        question = ConfirmRelease("Let go?", lines) if steps else Confirm("Let go?", lines)
        self._ground.ask(question, answered)

    async def _let_go(self, some: Sequence[Held]) -> None:
        analysis = self._ground.newest
        site = await self._site(some)
        if analysis is not None and site is not None:
            done = [await self._carry_out(HoldVerb.LET_GO, analysis, site, back(one)) for one in some]
            self._ground.say("; ".join(one.sentence for one in done if one is not None))

    async def _site(self, some: Sequence[Held]) -> HoldSite | None:
        if self._powers is None or self._powers.holdings is None:
            return None
        try:
            return await self._powers.holdings.look(numbers=[key_of(one) for one in some])
        except PgHeadroomError as error:
            self._ground.say(f"let go: {error}")
            return None

    # --- let go in steps ---------------------------------------------------------------------------------------------

    async def _step(self) -> None:
        """The next step of each that is due, unless it was stopped. Nothing is sent again."""
        try:
            await self._look()
            for key in [key for key, due in self._due.items() if due <= time.monotonic()]:
                self._due[key] = math.inf
                held = next((one for one in self.held if key_of(one) == key), None)
                goes_on = held is not None and await self._step_of(held)
                if key in self._due:
                    self._due[key] = time.monotonic() + STEP_EVERY
                if not goes_on:
                    self._due.pop(key, None)
        finally:
            self._stepping = False

    async def _step_of(self, held: Held) -> bool:
        """One step; whether another one follows."""
        analysis, name = self._ground.newest, clipped(held.name)
        change = next_step(analysis, held) if analysis is not None and has_steps(held) else None
        if analysis is None or change is None:
            why = "the usage is at its warning" if has_steps(held) else "somebody else has changed it"
            self._ground.say(f"the steps of {name} end at {held_words(held.hold.after)}: {why}")
            return False
        is_last = change == back(held)
        site = await self._site([held])
        verb = HoldVerb.LET_GO if is_last else HoldVerb.HOLD
        changed = await self._carry_out(verb, analysis, site, change) if site is not None else None
        if changed is not None:
            self._ground.say(f"in steps: {changed.sentence}")
        return changed is not None and changed.done and not is_last
