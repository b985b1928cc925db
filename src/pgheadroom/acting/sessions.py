"""An action on sessions: written down, signalled, followed for some seconds, and written down with what came of it."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from pgheadroom.acting.powers import Powers
from pgheadroom.errors import PgHeadroomError
from pgheadroom.model.action import Outcome, Result, Target
from pgheadroom.model.plan import Plan
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.rules.acting.outcome import WATCHED_SECONDS, Action, results_by, seconds_left, sentence, slots_by
from pgheadroom.rules.acting.reclaimed import Reclaimed

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 1.0
"""Seconds between two looks at what came of a signal: most sessions end at once, and a server in trouble is spared."""
_AT_MOST = 2 * WATCHED_SECONDS
"""Seconds of our own clock for which it is watched, whatever the server's clock says: that can be set back."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What was shown, and answered with yes.

    Attributes:
        targets: Those of the plan, with what each must still be.
        shown: The sample that it was shown on.
        chosen_by: The filter's text, or how sessions were picked by hand.
    """

    plan: Plan
    targets: Sequence[Target]
    shown: Snapshot
    chosen_by: str


class SessionAction:
    """One action, from the line in the audit file that says what is intended to the one that says what came of it.

    `signal` it, and let it `take` every sample meanwhile and after it until it is `over`. Whatever ends the following
    before, `finish` writes down what was known then.

    Attributes:
        action: None before the signals are sent.
        over: Whether nothing more is waited for; its result is written down then.
        trouble: Why its result could not be written down; empty when it was.
        said_before: What was done before it in the same step; its sentence begins with that.
    """

    def __init__(self, confirmed: Confirmed, powers: Powers, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` is our own, in seconds."""
        self.confirmed = confirmed
        self.action: Action | None = None
        self.over = False
        self.trouble = ""
        self.said_before = ""
        self._powers = powers
        self._audit_id = ""
        self._before = confirmed.shown
        self._now: Snapshot | None = None
        self._clock = clock
        self._ends = math.inf

    async def signal(self) -> None:
        """Write down what is intended, then signal.

        Raises:
            AuditFailed: It cannot be written down, and nothing was signalled.
            PgHeadroomError: No answer came; it is written down that the outcome is not known.
        """
        plan, confirmed = self.confirmed.plan, self.confirmed
        self._audit_id = self._powers.audit.intend(plan.verb, plan.targets, confirmed.shown, confirmed.chosen_by)
        try:
            results = await self._powers.signals.signal(
                plan.verb,
                confirmed.targets,
                include_superusers=plan.may_be_superusers,
                protected_roles=plan.scope.protected_roles,
            )
        except BaseException as error:
            self._without_answer(_why(error))
            raise
        self.action = Action(plan, self._before, tuple(results))

    def take(self, snapshot: Snapshot) -> None:
        """A sample: before the signal it is what the later ones are compared with."""
        if self.action is None:
            self._before = snapshot
        elif not self.over and snapshot is not self.action.seen:
            if self.action.watched_from is None:
                self.action = replace(self.action, watched_from=snapshot.taken_at)
                self._ends = self._clock() + _AT_MOST
            self._now = snapshot
            if not self.seconds_left or self._clock() >= self._ends:
                self.finish()

    def finish(self) -> None:
        """Write down what is known by now; nothing more is waited for."""
        if self.action is None or self.over:
            return
        self.over = True
        self._write(lambda: self._powers.audit.complete(self._audit_id, self.results))

    @property
    def seconds_left(self) -> float:
        """Seconds for which samples are to be taken still, by the server's clock."""
        return seconds_left(self.action, self._now) if self.action and self._now else WATCHED_SECONDS

    @property
    def results(self) -> tuple[Result, ...]:
        """What is known of each target."""
        if self.action is None:
            return tuple(Result(target, Outcome.UNKNOWN) for target in self.confirmed.targets)
        return results_by(self.action, self._now)

    @property
    def sentence(self) -> str:
        """What came of it until now; once it is over, with what the audit file lacks of it."""
        if self.action is None:
            return f"{self.confirmed.plan.verb}: what came of it is not known"
        return sentence(self.action, self._now)

    @property
    def slots(self) -> Reclaimed | None:
        """What became of the slots; None for a cancel, and as long as nothing is known."""
        return slots_by(self.action, self._now) if self.action is not None else None

    def _without_answer(self, reason: str) -> None:
        self.over = True
        unknown = [replace(result, message=reason) for result in self.results]
        self._write(lambda: self._powers.audit.fail(self._audit_id, unknown, reason))

    def _write(self, write: Callable[[], None]) -> None:
        # It happened, or may have: what the file lacks is said, and changes nothing about that.
        try:
            write()
            self.trouble = self._powers.audit.trouble
        except PgHeadroomError as error:
            self.trouble = str(error)


def _why(error: BaseException) -> str:
    if isinstance(error, PgHeadroomError):
        return str(error)
    interrupted = isinstance(error, asyncio.CancelledError | KeyboardInterrupt)
    return "interrupted" if interrupted else f"fault in pgheadroom: {type(error).__name__}"


async def watch(action: SessionAction, look: Callable[[], Awaitable[Snapshot]]) -> None:
    """Take samples until the action is over: soon after the signal first, then ever slower.

    Args:
        look: Takes a sample.

    Raises:
        PgHeadroomError: No sample is to be had any more.
    """
    pause = _FIRST_PAUSE
    while not action.over:
        action.take(await look())
        if not action.over:
            await asyncio.sleep(min(pause, max(_FIRST_PAUSE, action.seconds_left)))
            pause = min(2 * pause, _LONGEST_PAUSE)
