"""The flow of an action: plan, question, audit, signal, and what came of it. For sessions and for PgBouncers."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from pgheadroom.acting.bouncers import give
from pgheadroom.acting.powers import Powers
from pgheadroom.acting.rolling_back import roll_back
from pgheadroom.acting.sessions import Confirmed, SessionAction
from pgheadroom.analysis import Analysis
from pgheadroom.errors import PgHeadroomError
from pgheadroom.model.action import Target, Verb
from pgheadroom.model.bouncer_command import BouncerCommand
from pgheadroom.model.plan import Plan, Scope
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.ports import Source
from pgheadroom.model.session import Session
from pgheadroom.model.snapshot import PreparedTransaction, SlotKind, Snapshot
from pgheadroom.rules.acting.choice import ALTHOUGH_CHANGED, BY_HAND, by_hand, regardless
from pgheadroom.rules.acting.outcome import WATCHED_SECONDS, changed_alone
from pgheadroom.rules.acting.plan import find, plan
from pgheadroom.rules.acting.rollback import no_rollback
from pgheadroom.rules.pools.commands import command_words, consequence
from pgheadroom.tui.ground import Ground
from pgheadroom.tui.holding import Holding
from pgheadroom.tui.screens.command_menu import CommandMenu
from pgheadroom.tui.screens.confirm import Confirm
from pgheadroom.view.bouncer_lines import command_lines
from pgheadroom.view.cells import Line
from pgheadroom.view.confirmation import READ_AT_ONCE, confirmation, question, refusal
from pgheadroom.view.rollback_lines import rollback_lines
from pgheadroom.words.counts import plural
from pgheadroom.words.wording import clipped

if TYPE_CHECKING:
    from pgheadroom.tui.applying import Applying

_LOOK_AFTER = 0.2
"""Seconds: the sample that ends a watch is taken a little after its end."""


class Acting:
    """How the monitor acts. Nothing here happens without a question that was answered with yes.

    Attributes:
        powers: What may be done; None for a replay and when read-only.
        holding: Holds roles back, and knows what is held.
        on_signalled: Told of each action once its signals were sent.
    """

    def __init__(self, ground: Ground, source: Source, powers: Powers | None) -> None:
        self._ground = ground
        self._source = source
        self.powers = powers
        self.on_signalled: Callable[[SessionAction], object] = lambda action: None
        self._under_way: list[SessionAction] = []
        self.holding = Holding(ground, powers, self.carry_out, self.confirm_command)

    @cached_property
    def applying(self) -> "Applying":
        """Applies advice, and knows what is applied."""
        from pgheadroom.tui.applying import Applying  # here: the screen of advice alone has it

        return Applying(self._ground, self.powers)

    def plan(
        self,
        analysis: Analysis,
        verb: Verb,
        chosen: Sequence[Session],
        *,
        include_poolers: bool = False,
        include_superusers: bool = False,
    ) -> Plan:
        """What a signal to the chosen sessions would do, and who of them is left out."""
        protected = frozenset(self.powers.protected_roles if self.powers is not None else ())
        scope = Scope(protected, include_superusers=include_superusers, include_poolers=include_poolers)
        return plan(analysis, verb, chosen, scope)

    def confirm(self, verb: Verb, chosen: Sequence[Session], aside: str = "") -> None:
        """Ask, and if the answer is yes, do it: to the sessions that were shown, whatever the rows do meanwhile.

        `aside` is what else the question says of them.
        """
        analysis = self._ground.analysis
        if analysis is None:
            return
        if not chosen:
            self._ground.say("no session is chosen: move the cursor to one")
            return
        planned = self.plan_by_hand(analysis, verb, chosen)
        if not planned.targets:
            if self.powers is not None:
                self.powers.audit.refuse(verb.value, chosen, analysis.snapshot, BY_HAND, refusal(planned))
            self._ground.say(f"not {'terminated' if verb is Verb.TERMINATE else 'cancelled'}: {refusal(planned)}")
        elif len(planned.targets) > READ_AT_ONCE:
            self._ground.open_marked(verb, chosen)
        else:
            targets = by_hand(verb, planned.targets)
            self._ask(planned, analysis, question(verb, len(planned.targets)) + aside, BY_HAND, targets)

    def plan_by_hand(self, analysis: Analysis, verb: Verb, chosen: Sequence[Session]) -> Plan:
        """As `plan`: whoever is picked by hand is named; a filter names nobody."""
        ours = analysis.snapshot.door.slot is SlotKind.SUPERUSER
        return self.plan(analysis, verb, chosen, include_poolers=True, include_superusers=ours)

    def _ask(
        self,
        planned: Plan,
        analysis: Analysis,
        asked: str,
        chosen_by: str,
        targets: Sequence[Target],
        changed: str = "",
    ) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self.carry_out(planned, analysis, chosen_by, targets)

        now = analysis.snapshot.taken_at
        served = ((one.pid, analysis.chains.client_of(one)) for one in planned.poolers)
        clients = {pid: client for pid, client in served if client is not None}

        def lines(width: int) -> list[Line]:
            return confirmation(planned.verb, planned, now, width, clients, targets, changed)

        self._ground.ask(Confirm(asked, lines), answered)

    def carry_out(
        self, planned: Plan, analysis: Analysis, chosen_by: str, targets: Sequence[Target], said_before: str = ""
    ) -> None:
        """Write the action down, signal, and follow what comes of it; in the background.

        Args:
            targets: Those of the plan, with what each must still be.
            said_before: What was done before it in the same step.
        """
        if self.powers is None:
            return
        action = SessionAction(Confirmed(planned, targets, analysis.snapshot, chosen_by), self.powers)
        action.said_before = said_before
        newest = self._ground.newest
        if newest is not None:
            action.take(newest.snapshot)
        self._under_way.append(action)
        self._ground.in_background(self._carry_out(action))

    async def _carry_out(self, action: SessionAction) -> None:
        plan = action.confirmed.plan
        self._ground.say(f"{plan.verb}: signalling {plural(len(plan.targets), 'session')} ...")
        try:
            await action.signal()
        except PgHeadroomError as error:
            self._ground.say(f"{plan.verb}: {error}")
        else:
            self._signalled(action)
        self._under_way = [one for one in self._under_way if not one.over]

    @property
    def is_signalling(self) -> bool:
        """Whether an action waits for its answer."""
        return self.holding.is_holding or any(action.action is None and not action.over for action in self._under_way)

    def _signalled(self, action: SessionAction) -> None:
        """Follow an action of which the signals were sent; whatever was followed before is known as far as it goes."""
        for other in self._under_way:
            if other is not action:
                other.finish()
        self._source.sample_now()
        self.on_signalled(action)

    def stop_following(self) -> None:
        """At the end of the program, write down what is known so far."""
        for action in self._under_way:
            action.finish()

    def follow(self, snapshot: Snapshot) -> None:
        """Tell with each sample what came of the last action, until there is nothing more to wait for."""
        followed = [action for action in self._under_way if action.action is not None]
        self.holding.follow()
        for action in self._under_way:
            action.take(snapshot)
        for action in followed:
            self._ground.say("; ".join(filter(None, (action.said_before, action.sentence, action.trouble))))
            if action.over:
                self._under_way.remove(action)
                self._ask_again(action)
            elif self._source.interval > WATCHED_SECONDS:
                # By itself the next sample would come long after the end of the watch.
                self._ground.after(action.seconds_left + _LOOK_AFTER, self._source.sample_now)

    def _ask_again(self, done: SessionAction) -> None:
        """Whoever was meant alone, and changed while the question was answered, may be meant all the same."""
        action, analysis = done.action, self._ground.newest
        changed = changed_alone(action) if action is not None else ""
        if action is None or analysis is None or not changed:
            return
        if done.confirmed.chosen_by != BY_HAND or not self._ground.may_ask():
            return
        planned = self.plan_by_hand(analysis, action.plan.verb, find(analysis.snapshot, [action.results[0].target.id]))
        if planned.targets:
            targets = [regardless(session) for session in planned.targets]
            self._ask(planned, analysis, "Terminate it although it changed?", ALTHOUGH_CHANGED, targets, changed)

    def confirm_rollback(self, prepared: PreparedTransaction) -> None:
        """Ask, and if the answer is yes, roll it back; where we may not, say who may, with the statement."""
        analysis, powers = self._ground.analysis, self.powers
        if analysis is None or powers is None or powers.rollbacks is None:
            return
        if why := no_rollback(analysis, prepared):
            powers.audit.refuse_rollback(prepared.gid, why)
            self._ground.say(f"not rolled back: {why}")
            return

        def lines(width: int) -> list[Line]:
            return rollback_lines(analysis, prepared, width)

        def answered(yes: bool | None) -> None:
            if yes:
                self._ground.in_background(self._roll_back(analysis.snapshot, prepared, powers))

        self._ground.ask(Confirm("Roll this prepared transaction back?", lines), answered)

    async def _roll_back(self, shown: Snapshot, prepared: PreparedTransaction, powers: Powers) -> None:
        words = f"ROLLBACK PREPARED {clipped(prepared.gid, 40)}"
        self._ground.say(f"{words} ...")
        try:
            came_of_it = await roll_back(prepared, shown.server.name, shown.door.user, powers)
            self._ground.say(f"{words}: {came_of_it}")
        except PgHeadroomError as error:
            self._ground.say(f"{words}: {error}")
        self._source.sample_now()

    def open_commands(self, bouncer: PgBouncer, commands: Sequence[BouncerCommand]) -> None:
        """Choose a command, confirm it, and give it in the background: a PAUSE can take long."""

        def chosen(command: BouncerCommand | None) -> None:
            if command is not None:
                self.confirm_command(bouncer, command)

        self._ground.ask(CommandMenu(bouncer, commands), chosen)

    def confirm_command(self, bouncer: PgBouncer, command: BouncerCommand) -> None:
        """Ask, and if the answer is yes, give it."""
        expected = consequence(command, bouncer)

        def lines(width: int) -> list[Line]:
            return command_lines(command, expected, bouncer, width)

        def answered(yes: bool | None) -> None:
            if yes:
                self._ground.in_background(self._command(bouncer, command, expected))

        self._ground.ask(Confirm(f"{command_words(command)}?", lines), answered)

    async def _command(self, bouncer: PgBouncer, command: BouncerCommand, expected: str) -> None:
        if self.powers is None:
            return
        words = command_words(command)
        self._ground.say(f"{words} ...")
        try:
            given = await give(command, bouncer.name, expected, self.powers.commands, self.powers.audit)
            self.holding.look_again()
            self._ground.say(given.sentence)
        except PgHeadroomError as error:
            self._ground.say(f"{words}: {error}")
        self._source.sample_now()
