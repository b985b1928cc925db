"""What a sample means: everything that is worked out of it, and of the time before. Whoever shows, checks, records or
reports takes this one value."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pgheadroom.history.history import History
from pgheadroom.history.past import Past
from pgheadroom.model.finding import Finding
from pgheadroom.model.forecast import Forecast
from pgheadroom.model.health import Health, Status
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.findings.registry import findings, rule_by_rule, told_in_order
from pgheadroom.rules.verdict.health import health, overall
from pgheadroom.rules.verdict.status import status_of
from pgheadroom.rules.verdict.watch import Watch

if TYPE_CHECKING:  # commands that look once load neither
    from pgheadroom.model.decision import Step
    from pgheadroom.model.hold import Hold
    from pgheadroom.model.pooler_hold import PoolerHold

_NOTHING_BEFORE = History(1).past()
_LONG = ("hogs", "lock_places", "locks")
"""Facts that many rules ask for, and that take milliseconds where there are thousands of sessions."""


@dataclass(frozen=True)
class Analysis(Case):
    """A case with what is found in it. It never changes, whatever samples come after it.

    Attributes:
        findings: The most urgent first. Of a `Memory` those that last, each with `since`.
        ahead: The forecast that is to be shown: where there is a `Memory`, not one that comes and goes.
        status: How the server does, in one word.
    """

    findings: tuple[Finding, ...] = ()
    ahead: Forecast | None = None
    status: Status = Status.UNKNOWN

    @cached_property
    def health(self) -> tuple[Health, ...]:
        return health(self)

    @property
    def before(self) -> Past:
        """The past, for plots: empty where nothing is known of it."""
        return self.past if self.past is not None else _NOTHING_BEFORE

    def steps(self, chosen: Finding | None = None) -> "Sequence[Step]":
        """The path through the decision flow: to the chosen finding, or without one where the data lead."""
        from pgheadroom.rules.verdict.decision import path_of, walk  # here: only screens show it

        return path_of(walk(self, self.findings, chosen))


def analyse(
    snapshot: Snapshot,
    thresholds: Thresholds,
    past: Past | None = None,
    holds: "tuple[Hold, ...]" = (),
    pooler_holds: "tuple[PoolerHold, ...]" = (),
) -> Analysis:
    """One sample, with what was before where that is known; its findings are those of this sample alone."""
    seen = Analysis(snapshot, thresholds, past, holds, pooler_holds)
    found = findings(seen)
    return _settled(seen, found, seen.forecast, status_of(overall(seen.health), found))


class Memory:
    """What was before, from sample to sample: the only state between a source and what is shown.

    Attributes:
        holds: What is held back on this server; whoever knows sets it, for the samples from now on.
        pooler_holds: So are databases of PgBouncers that were paused or disabled.
    """

    def __init__(self, thresholds: Thresholds) -> None:
        self.holds: tuple[Hold, ...] = ()
        self.pooler_holds: tuple[PoolerHold, ...] = ()
        self._thresholds = thresholds
        self._history = History()
        self._watch = Watch()
        self._newest: Analysis | None = None

    def take(self, snapshot: Snapshot) -> Analysis:
        """Add a sample, and say what it means after those before it. The same sample twice changes nothing."""
        if self._newest is not None and self._newest.snapshot is snapshot:
            return self._newest
        work = self.work(snapshot)
        while True:
            try:
                next(work)
            except StopIteration as done:
                analysis: Analysis = done.value
                return analysis

    def work(self, snapshot: Snapshot) -> Generator[None, None, Analysis]:
        """The work of `take`, piece by piece: whoever has keys to answer meanwhile need not wait for all of it.

        Nothing else is to be taken before it is done; then `take` of this sample says at once what it means.
        """
        alone = Case(snapshot, self._thresholds)
        self._history.append(snapshot, alone.capacity)
        yield
        past = self._history.past()
        seen = _keeping(alone, Analysis(snapshot, self._thresholds, past, self.holds, self.pooler_holds))
        for fact in _LONG:
            getattr(seen, fact)
            yield
        found: list[Finding] = []
        for more in rule_by_rule(seen):
            found += more
            yield
        shown = self._watch.update(snapshot.taken_at, told_in_order(seen, found), returned=bool(snapshot.returned))
        status = status_of(self._watch.lasting(overall(seen.health)), shown)
        ahead = self._watch.steady(snapshot.taken_at, seen.forecast)
        self._newest = _settled(seen, shown, ahead, status)
        return self._newest


def _settled(seen: Analysis, found: tuple[Finding, ...], ahead: Forecast | None, status: Status) -> Analysis:
    """The same analysis with what was found in it."""
    of_sample = seen.snapshot, seen.thresholds, seen.past, seen.holds, seen.pooler_holds
    return _keeping(seen, Analysis(*of_sample, found, ahead, status))


def _keeping(known: Case, later: Analysis) -> Analysis:
    """`later`, with what has been worked out of the same sample already."""
    for name, value in vars(known).items():
        vars(later).setdefault(name, value)
    return later
