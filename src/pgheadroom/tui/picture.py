"""What the screens draw: a sample, what the rules make of it, and the samples before."""

from collections.abc import Mapping, Sequence
from functools import cached_property

from pgheadroom.history.history import History
from pgheadroom.model.capacity import Capacity
from pgheadroom.model.chain import RealClients
from pgheadroom.model.decision import Step
from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.forecast import Forecast
from pgheadroom.model.grouping import GroupBy, Hog, StateCount
from pgheadroom.model.health import Health, Status
from pgheadroom.model.locks import LockNode
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.facts.chain import Chains, HogKey, chains, clients_by_hog
from pgheadroom.rules.facts.hogs import hogs
from pgheadroom.rules.findings.filling_soon import urgency_of
from pgheadroom.rules.findings.registry import findings_of
from pgheadroom.rules.pools.overcommit import overcommitment, proposals, sentence
from pgheadroom.rules.verdict.decision import path_of, walk_of
from pgheadroom.rules.verdict.health import health_of, overall
from pgheadroom.rules.verdict.status import worst
from pgheadroom.rules.verdict.watch import Watch


class Picture:
    """A case. Each part is worked out once a sample, and only when a screen asks for it; `history` ends with it."""

    def __init__(self, snapshot: Snapshot, thresholds: Thresholds, history: History, watch: Watch) -> None:
        """`watch` and `history` take this sample in with `remember`; each sample has to, seen or not."""
        self.snapshot = snapshot
        self.thresholds = thresholds
        self.history = history
        self._case = Case(snapshot, thresholds, history)
        self._watch = watch
        self.findings: Sequence[Finding] = ()
        self.ahead: Forecast | None = None
        self.status = Status.UNKNOWN

    @property
    def capacity(self) -> Capacity:
        return self._case.capacity

    @property
    def states(self) -> tuple[StateCount, ...]:
        return self._case.states

    @property
    def locks(self) -> tuple[LockNode, ...]:
        return self._case.locks

    def remember(self) -> None:
        """Add this sample to what is known of the time before, and settle what is found in it."""
        self.history.append(self.snapshot, self.capacity)
        self.findings = self._watch.update(self.snapshot.taken_at, findings_of(self._case))
        self.ahead = self._watch.steady(self.snapshot.taken_at, self._case.forecast)
        self.status = worst(self._watch.lasting(overall(self.health)), self.findings)

    def steps(self, chosen: Finding | None = None) -> Sequence[Step]:
        """The path through the decision flow: to the chosen finding, or without one where the data lead."""
        return path_of(walk_of(self._case, self.findings, chosen))

    @cached_property
    def health(self) -> Sequence[Health]:
        return health_of(self._case)

    @property
    def ahead_style(self) -> str:
        """The style for how soon the slots are gone, by the thresholds."""
        urgency = urgency_of(self.thresholds.until_full, self.ahead)
        return {Severity.CRITICAL: "bad", Severity.WARNING: "warn"}.get(urgency, "") if urgency else ""

    @property
    def usage_style(self) -> str:
        """The style for how full the server is, by the thresholds."""
        usage, used, usable = self.thresholds.usage, self.capacity.used, self.capacity.usable
        if usage.critical.reached(used, usable):
            return "bad"
        return "warn" if usage.warning.reached(used, usable) else "ok"

    @property
    def chains(self) -> Chains:
        return chains(self.snapshot)

    @cached_property
    def overcommitment(self) -> Sequence[str]:
        """What the PgBouncers may ask for, and what to cut; empty when the server has that many slots."""
        found = overcommitment(self.snapshot)
        return () if found is None or not found.exceeds else (sentence(found), *proposals(found))

    def real_clients(self, by: GroupBy) -> Mapping[HogKey, tuple[RealClients, ...]]:
        """The clients behind PgBouncer, for the hogs that are its server connections."""
        return clients_by_hog(self.snapshot, by)

    def hogs(self, by: GroupBy) -> tuple[Hog, ...]:
        return self._case.hogs if by is GroupBy.ALL else hogs(self.snapshot, by)
