"""What came of an action, told again with each sample until there is nothing more to wait for."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from pgheadroom.model.action import CHANGES, Outcome, Result, Verb
from pgheadroom.model.plan import Plan
from pgheadroom.model.session import Session, SessionId, State
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.rules.acting.reclaimed import Reclaimed, reclaimed

WATCHED_SECONDS = 5.0
"""How long, by the server's clock, the samples after a terminate are watched: who lost a session may come back."""

_AS_ASKED = frozenset({Outcome.ENDED, Outcome.STOPPED, Outcome.GONE_BEFORE})
_TOLD_BY_SLOTS = frozenset({Outcome.ENDED, Outcome.STILL_THERE})


@dataclass(frozen=True, slots=True)
class Action:
    """A plan that was confirmed and carried out.

    Attributes:
        seen: The newest sample before the signal.
        results: What the guarded statement answered, one for each target of the plan.
        watched_from: When the first sample after the signal was taken; None before it.
    """

    plan: Plan
    seen: Snapshot
    results: tuple[Result, ...]
    watched_from: datetime | None = None

    @property
    def signalled(self) -> list[SessionId]:
        return [result.target.id for result in self.results if result.outcome is Outcome.SIGNALLED]


def results_by(action: Action, now: Snapshot | None) -> tuple[Result, ...]:
    """What is known of each target by a sample after the signal, in the plan's order.

    Args:
        now: None when there was no sample yet: who was signalled is that, and no more is known.
    """
    if now is None:
        return action.results
    present = {session.id: session for session in now.sessions}
    return tuple(replace(one, outcome=_outcome(action.plan.verb, one, present)) for one in action.results)


def _outcome(verb: Verb, result: Result, present: Mapping[SessionId, Session]) -> Outcome:
    if result.outcome is not Outcome.SIGNALLED:
        return result.outcome
    session = present.get(result.target.id)
    if session is None:
        return Outcome.ENDED
    if verb is Verb.TERMINATE:
        return Outcome.STILL_THERE
    same_query = session.state is State.ACTIVE and session.query_start == result.target.query_start
    return Outcome.STILL_RUNNING if same_query else Outcome.STOPPED


def seconds_left(action: Action, now: Snapshot) -> float:
    """Seconds for which it is to be watched still, from the sample `now` on; 0 when all is known.

    A cancel is over when its queries have ended: they do not come back. After a terminate others may come, whoever was
    quick to end.
    """
    over = not action.signalled
    if action.plan.verb is Verb.CANCEL:
        over = all(result.outcome is not Outcome.STILL_RUNNING for result in results_by(action, now))
    if over:
        return 0.0
    watched = (now.taken_at - (action.watched_from or now.taken_at)).total_seconds()
    return max(0.0, WATCHED_SECONDS - watched)


def settled(action: Action, now: Snapshot) -> bool:
    """Whether nothing more is to be waited for: all had its effect, and there was time to come back."""
    return not seconds_left(action, now)


def sentence(action: Action, now: Snapshot | None) -> str:
    """One line: what was done, what came of it, and what to do about it; its texts are safe to show."""
    results = results_by(action, now)
    counts = Counter(result.outcome for result in results)
    slots = slots_by(action, now)
    parts = [slots.sentence] if slots else []
    parts += [f"{count} {outcome}" for outcome, count in counts.items() if not (slots and outcome in _TOLD_BY_SLOTS)]
    notes = dict.fromkeys(result.reservation for result in results if result.reservation)
    return f"{action.plan.verb}: {'; '.join([*parts, *messages(action), *notes])}"


def slots_by(action: Action, now: Snapshot | None) -> Reclaimed | None:
    """What became of the slots; None for a cancel, where nobody was signalled, and before the first sample."""
    if action.plan.verb is Verb.CANCEL or now is None or not action.signalled:
        return None
    return reclaimed(action.seen, action.signalled, now, over=settled(action, now))


def messages(action: Action) -> list[str]:
    """Why some targets were not signalled, each sentence once."""
    unusual = (result for result in action.results if result.outcome is not Outcome.SIGNALLED)
    told = dict.fromkeys((result.message, f"it was {result.outcome}") for result in unusual if result.message)
    return [message for message, outcome in told if message != outcome]  # `1 gone before` says it


def changed_alone(action: Action) -> str:
    """What had changed of the one session that was to be ended, in a sentence; empty when it was something else."""
    if action.plan.verb is Verb.CANCEL or len(action.results) != 1:
        return ""
    message = action.results[0].message
    return message if message in CHANGES.values() else ""


def as_asked(results: Iterable[Result]) -> bool:
    """Whether all that was asked for happened."""
    return all(result.outcome in _AS_ASKED for result in results)
