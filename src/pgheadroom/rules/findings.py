"""Everything that is wrong in a sample, the most urgent first."""

from collections.abc import Callable, Iterable

from pgheadroom.model.finding import Finding
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules import crowding, pooling, stalls
from pgheadroom.rules.case import Case

Rule = Callable[[Case], Iterable[Finding]]

# In the order in which findings of the same severity are told: what stops everybody comes before what stops some, and
# a cause before what it brings about.
RULES: tuple[Rule, ...] = (
    stalls.lock_pile_ups,
    crowding.server_slots,
    crowding.reserve,
    crowding.limits,
    pooling.clients_waiting,
    stalls.idle_in_transaction,
    stalls.long_queries,
    crowding.authenticating,
    pooling.unreachable,
    stalls.aborted,
    crowding.visibility,
)


def findings(snapshot: Snapshot, thresholds: Thresholds) -> tuple[Finding, ...]:
    """What every rule finds. Sentences and remedies are safe to show."""
    return findings_of(Case(snapshot, thresholds))


def findings_of(case: Case) -> tuple[Finding, ...]:
    """As `findings`, for a case whose parts are needed elsewhere, too."""
    found = [finding for rule in RULES for finding in rule(case)]
    return tuple(sorted(found, key=lambda finding: finding.severity.rank))
