"""What the screens draw: a sample, what the rules make of it, and the samples before."""

from collections.abc import Sequence
from functools import cached_property

from pgheadroom.model.capacity import Capacity
from pgheadroom.model.finding import Finding
from pgheadroom.model.grouping import GroupBy, Hog, StateCount
from pgheadroom.model.history import History
from pgheadroom.model.locks import LockNode
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules.case import Case
from pgheadroom.rules.findings import findings_of
from pgheadroom.rules.hogs import hogs


class Picture:
    """A case with its history. Each part is worked out once a sample, and only when a screen asks for it."""

    def __init__(self, snapshot: Snapshot, thresholds: Thresholds, history: History) -> None:
        self.snapshot = snapshot
        self.thresholds = thresholds
        self.history = history
        self._case = Case(snapshot, thresholds)

    @property
    def capacity(self) -> Capacity:
        return self._case.capacity

    @property
    def states(self) -> tuple[StateCount, ...]:
        return self._case.states

    @property
    def locks(self) -> tuple[LockNode, ...]:
        return self._case.locks

    @cached_property
    def findings(self) -> Sequence[Finding]:
        return findings_of(self._case)

    @property
    def usage_style(self) -> str:
        """The style for how full the server is, by the thresholds."""
        usage, used, usable = self.thresholds.usage, self.capacity.used, self.capacity.usable
        if usage.critical.reached(used, usable):
            return "bad"
        return "warn" if usage.warning.reached(used, usable) else "ok"

    def hogs(self, by: GroupBy) -> tuple[Hog, ...]:
        return self._case.hogs if by is GroupBy.ALL else hogs(self.snapshot, by)
