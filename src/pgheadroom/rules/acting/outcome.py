"""What came of an action, told again with each sample until there is nothing more to wait for."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pgheadroom.model.action import CHANGES, Outcome, Result, Verb
from pgheadroom.model.plan import Plan
from pgheadroom.model.session import Session, SessionId, State
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.rules.acting.aftermath import aftermath

WATCHED_SECONDS = 5.0
"""How long, by the server's clock, the samples after an action are watched for what it brought."""


class Fate(StrEnum):
    """What became of one target, as it is said and written down."""

    GONE = "signalled and gone"
    STILL_THERE = "signalled and still there"
    STOPPED = "its query was stopped"
    STILL_RUNNING = "signalled and still running"
    GONE_BEFORE = "gone before"
    CHANGED_BEFORE = "changed before"
    REFUSED = "refused"
    PROTECTED = "protected"


_WITHOUT_EFFECT = {
    Outcome.GONE: Fate.GONE_BEFORE,
    Outcome.CHANGED: Fate.CHANGED_BEFORE,
    Outcome.REFUSED: Fate.REFUSED,
    Outcome.PROTECTED: Fate.PROTECTED,
}


@dataclass(frozen=True, slots=True)
class Deed:
    """A plan that was confirmed and carried out.

    Attributes:
        seen: The newest sample before the signal.
        results: One for each target of the plan.
    """

    plan: Plan
    seen: Snapshot
    results: tuple[Result, ...]

    @property
    def signalled(self) -> list[SessionId]:
        return [result.target.id for result in self.results if result.outcome is Outcome.SIGNALLED]


def fates(deed: Deed, now: Snapshot) -> list[Fate]:
    """What became of each target by the sample `now`, in the order of the results."""
    present = {session.id: session for session in now.sessions}
    return [_fate(deed.plan.verb, result, present) for result in deed.results]


def _fate(verb: Verb, result: Result, present: Mapping[SessionId, Session]) -> Fate:
    if result.outcome is not Outcome.SIGNALLED:
        return _WITHOUT_EFFECT[result.outcome]
    session = present.get(result.target.id)
    if verb is Verb.TERMINATE:
        return Fate.STILL_THERE if session is not None else Fate.GONE
    if session is None:
        return Fate.GONE
    same_query = session.state is State.ACTIVE and session.query_start == result.target.query_start
    return Fate.STILL_RUNNING if same_query else Fate.STOPPED


def settled(deed: Deed, now: Snapshot) -> bool:
    """Whether nothing more is to be waited for: all had its effect, and there was time to come back."""
    watched = (now.taken_at - deed.seen.taken_at).total_seconds()
    return not deed.signalled or watched >= WATCHED_SECONDS


def sentence(deed: Deed, now: Snapshot) -> str:
    """One line: what was done, what came of it, and what to do about it; its texts are safe to show."""
    counts = Counter(fates(deed, now))
    done = "terminate" if deed.plan.verb is Verb.TERMINATE else "cancel"
    told = _TOLD_BY_AFTERMATH if deed.plan.verb is Verb.TERMINATE else frozenset[Fate]()
    notes = dict.fromkeys(result.reservation for result in deed.results if result.reservation)
    parts = [f"{count} {fate}" for fate, count in counts.items() if fate not in told]
    if deed.plan.verb is Verb.TERMINATE and deed.signalled:
        parts.insert(0, aftermath(deed.seen, deed.signalled, now).sentence)
    return f"{done}: {'; '.join([*parts, *messages(deed), *notes])}"


def messages(deed: Deed) -> list[str]:
    """Why some targets were not signalled, each sentence once."""
    unusual = (result for result in deed.results if result.outcome is not Outcome.SIGNALLED)
    return list(dict.fromkeys(result.message for result in unusual if result.message))


def changed_alone(deed: Deed) -> str:
    """What had changed of the one session that was to be ended, in a sentence; empty when it was something else."""
    if deed.plan.verb is Verb.CANCEL or len(deed.results) != 1:
        return ""
    message = deed.results[0].message
    return message if message in CHANGES.values() else ""


_TOLD_BY_AFTERMATH = frozenset({Fate.GONE, Fate.STILL_THERE})


def complete(fates_seen: Sequence[Fate]) -> bool:
    """Whether all that was asked for happened."""
    return all(fate in {Fate.GONE, Fate.STOPPED, Fate.GONE_BEFORE} for fate in fates_seen)
