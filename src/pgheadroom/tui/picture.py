"""What a snapshot means, worked out once a sample and only when a screen asks for it."""

from collections.abc import Sequence
from functools import cached_property

from pgheadroom.model.capacity import Capacity
from pgheadroom.model.finding import Finding
from pgheadroom.model.grouping import GroupBy, Hog, StateCount
from pgheadroom.model.history import History
from pgheadroom.model.locks import LockNode
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules.capacity import capacity
from pgheadroom.rules.findings import findings
from pgheadroom.rules.hogs import hogs
from pgheadroom.rules.locks import lock_tree
from pgheadroom.rules.states import states


class Picture:
    """A snapshot with everything that the rules make of it."""

    def __init__(self, snapshot: Snapshot, thresholds: Thresholds, history: History) -> None:
        self.snapshot = snapshot
        self.thresholds = thresholds
        self.history = history

    @cached_property
    def capacity(self) -> Capacity:
        return capacity(self.snapshot)

    @cached_property
    def states(self) -> tuple[StateCount, ...]:
        return states(self.snapshot)

    @cached_property
    def locks(self) -> tuple[LockNode, ...]:
        return lock_tree(self.snapshot)

    @cached_property
    def findings(self) -> Sequence[Finding]:
        return findings(self.snapshot, self.thresholds)

    @property
    def usage_style(self) -> str:
        """The style for how full the server is, by the thresholds."""
        usage, used, usable = self.thresholds.usage, self.capacity.used, self.capacity.usable
        if usage.critical.reached(used, usable):
            return "bad"
        return "warn" if usage.warning.reached(used, usable) else "ok"

    def hogs(self, by: GroupBy) -> tuple[Hog, ...]:
        return hogs(self.snapshot, by)
