"""The flow of an action: plan, question, audit, signal, and what came of it. For sessions and for PgBouncers."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from pgheadroom.analysis import Analysis
from pgheadroom.errors import PgHeadroomError
from pgheadroom.model.action import Target, Verb
from pgheadroom.model.bouncer_command import BouncerCommand
from pgheadroom.model.plan import Plan
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.ports import Source
from pgheadroom.model.session import Session
from pgheadroom.model.snapshot import SlotKind, Snapshot
from pgheadroom.rules.acting.choice import ALTHOUGH_CHANGED, BY_HAND, by_hand, regardless
from pgheadroom.rules.acting.outcome import Deed, changed_alone, sentence, settled
from pgheadroom.rules.acting.plan import find, plan
from pgheadroom.rules.facts.poolers import pooler_pids
from pgheadroom.rules.pools.commands import consequence
from pgheadroom.tui.actions import Powers, session_results
from pgheadroom.tui.screens.command_menu import CommandMenu
from pgheadroom.tui.screens.confirm import Confirm
from pgheadroom.tui.terminal_app import TerminalApp
from pgheadroom.view.bouncer_lines import command_lines, command_words
from pgheadroom.view.cells import Line
from pgheadroom.view.confirmation import READ_AT_ONCE, confirmation, question, refusal
from pgheadroom.words.counts import plural


@dataclass(frozen=True, slots=True)
class Following:
    """An action whose effect is watched; `action` is its id in the audit file."""

    deed: Deed
    action: str
    chosen_by: str


class Acting(TerminalApp):
    """The part of the monitor that acts. Nothing here happens without a question that was answered with yes."""

    def __init__(self, source: Source, powers: Powers | None) -> None:
        super().__init__()
        self.source = source
        self.powers = powers
        self.latest: Snapshot | None = None
        self._following: Following | None = None

    @property
    def analysis(self) -> Analysis | None:
        """What is shown."""
        raise NotImplementedError

    @property
    def newest(self) -> Analysis | None:
        """The newest sample, also while what is shown is paused."""
        raise NotImplementedError

    def may_ask(self) -> bool:
        """Whether a question may come up by itself: not over another one, nor while one types."""
        raise NotImplementedError

    def say(self, words: str, lasting: float | None = None) -> None:
        """Tell the user what became of something; news of `lasting` seconds go by themselves."""
        raise NotImplementedError

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
        return plan(
            analysis.snapshot,
            verb,
            chosen,
            own_pid=analysis.snapshot.door.pid,
            protected_roles=self.powers.protected_roles if self.powers else (),
            include_poolers=include_poolers,
            include_superusers=include_superusers,
            pooler_pids=pooler_pids(analysis.snapshot),
        )

    def confirm(self, verb: Verb, chosen: Sequence[Session], aside: str = "") -> None:
        """Ask, and if the answer is yes, do it: to the sessions that were shown, whatever the rows do meanwhile.

        `aside` is what else the question says of them.
        """
        analysis = self.analysis
        if analysis is None:
            return
        if not chosen:
            self.say("no session is chosen: move the cursor to one")
            return
        planned = self.plan_by_hand(analysis, verb, chosen)
        if not planned.targets:
            if self.powers is not None:
                self.powers.audit.refuse(verb.value, chosen, analysis.snapshot, BY_HAND, refusal(planned))
            self.say(f"not {'terminated' if verb is Verb.TERMINATE else 'cancelled'}: {refusal(planned)}")
        elif len(planned.targets) > READ_AT_ONCE:
            self.open_marked(verb, chosen)
        else:
            targets = by_hand(verb, planned.targets)
            self._ask(planned, analysis, question(verb, len(planned.targets)) + aside, BY_HAND, targets)

    def plan_by_hand(self, analysis: Analysis, verb: Verb, chosen: Sequence[Session]) -> Plan:
        """As `plan`: whoever is picked by hand is named; a filter names nobody."""
        ours = analysis.snapshot.door.slot is SlotKind.SUPERUSER
        return self.plan(analysis, verb, chosen, include_poolers=True, include_superusers=ours)

    def open_marked(self, verb: Verb, chosen: Sequence[Session]) -> None:
        """More sessions than a dialogue shows: a preview of all of them, and their number to be typed."""
        raise NotImplementedError

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

        self.push_screen(Confirm(asked, lines), answered)

    def carry_out(self, planned: Plan, analysis: Analysis, chosen_by: str, targets: Sequence[Target]) -> None:
        """Write the action down, signal, and follow what comes of it; in the background.

        Args:
            targets: Those of the plan, with what each must still be.
        """
        self.run_worker(self._carry_out(planned, analysis.snapshot, chosen_by, targets), group="action")

    async def _carry_out(self, planned: Plan, seen: Snapshot, chosen_by: str, targets: Sequence[Target]) -> None:
        powers = self.powers
        if powers is None:
            return
        self.say(f"{planned.verb.value}: signalling {plural(len(planned.targets), 'session')} ...")
        try:
            action = powers.audit.intend(planned.verb.value, planned.targets, seen, chosen_by)
        except PgHeadroomError as error:
            self.say(f"{planned.verb.value}: {error}")
            return
        try:
            results = await powers.signals.signal(
                planned.verb,
                targets,
                include_superusers=bool(planned.superusers),
                protected_roles=powers.protected_roles,
            )
        except PgHeadroomError as error:
            self.say(f"{planned.verb.value}: {error}")
            with suppress(PgHeadroomError):
                powers.audit.fail(action, str(error))
            return
        self.stop_following()
        self._following = Following(Deed(planned, self.latest or seen, tuple(results)), action, chosen_by)
        self.source.sample_now()

    def stop_following(self) -> None:
        """Write down what is known so far of an action that another one follows, or the end of the program."""
        following, self._following = self._following, None
        if following is None or self.powers is None:
            return
        with suppress(PgHeadroomError):
            known = self.latest or following.deed.seen
            self.powers.audit.complete(following.action, session_results(following.deed, known))

    def follow(self, snapshot: Snapshot) -> None:
        """Tell with each sample what came of the last action, until there is nothing more to wait for."""
        following = self._following
        if following is None or snapshot.taken_at <= following.deed.seen.taken_at:
            return
        said = sentence(following.deed, snapshot)
        self.say(said)
        if settled(following.deed, snapshot) and self.powers is not None:
            self._following = None
            try:
                self.powers.audit.complete(following.action, session_results(following.deed, snapshot))
                self._say_unrecorded(said)
            except PgHeadroomError as error:
                self.say(str(error))
            self._ask_again(following)

    def _ask_again(self, following: Following) -> None:
        """Whoever was meant alone, and changed while the question was answered, may be meant all the same."""
        deed, analysis = following.deed, self.newest
        changed = changed_alone(deed)
        if not changed or following.chosen_by != BY_HAND or analysis is None or not self.may_ask():
            return
        planned = self.plan_by_hand(analysis, deed.plan.verb, find(analysis.snapshot, [deed.results[0].target.id]))
        if planned.targets:
            targets = [regardless(session) for session in planned.targets]
            self._ask(planned, analysis, "Terminate it although it changed?", ALTHOUGH_CHANGED, targets, changed)

    def _say_unrecorded(self, said: str) -> None:
        """Under --no-audit a file that cannot be written stops nothing, and is no secret either."""
        if self.powers is not None and self.powers.audit.trouble:
            self.say(f"{said}; {self.powers.audit.trouble}")

    def open_commands(self, bouncer: PgBouncer, commands: Sequence[BouncerCommand]) -> None:
        """Choose a command, confirm it, and give it in the background: a PAUSE can take long."""

        def chosen(command: BouncerCommand | None) -> None:
            if command is not None:
                self._confirm_command(bouncer, command)

        self.push_screen(CommandMenu(bouncer, commands), chosen)

    def _confirm_command(self, bouncer: PgBouncer, command: BouncerCommand) -> None:
        expected = consequence(command, bouncer)

        def lines(width: int) -> list[Line]:
            return command_lines(command, expected, bouncer, width)

        def answered(yes: bool | None) -> None:
            if yes:
                self.run_worker(self._command(bouncer, command, expected), group="command")

        self.push_screen(Confirm(f"{command_words(command)}?", lines), answered)

    async def _command(self, bouncer: PgBouncer, command: BouncerCommand, expected: str) -> None:
        powers, words = self.powers, command_words(command)
        if powers is None or powers.commands is None:
            return
        self.say(f"{words} ...")
        try:
            action = powers.audit.intend_command(bouncer.name, words, expected)
            result = await powers.commands.command(bouncer.name, command)
            said = f"{words}: {result.outcome}{': ' if result.message else ''}{result.message}"
            self.say(said)
            powers.audit.complete_command(action, result.outcome, result.message)
            self._say_unrecorded(said)
        except PgHeadroomError as error:
            self.say(f"{words}: {error}")
        self.source.sample_now()
