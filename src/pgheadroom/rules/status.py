"""How a server does, in one word."""

from collections.abc import Iterable

from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.health import Status
from pgheadroom.rules.case import Case
from pgheadroom.rules.health import health_of, overall

_OF_SEVERITY = {
    Severity.CRITICAL: Status.CRITICAL,
    Severity.WARNING: Status.WARNING,
    Severity.NOTICE: Status.OK,
}
_WORST_FIRST = (Status.CRITICAL, Status.WARNING, Status.UNKNOWN, Status.OK)


def status_of(case: Case, findings: Iterable[Finding]) -> Status:
    """The worst of what is measured and of what was found. What is surely bad outweighs what is not known."""
    return worst(overall(health_of(case)), findings)


def worst(measured: Status, findings: Iterable[Finding]) -> Status:
    """As `status_of`, for metrics whose worst is known."""
    return min({measured, *(_OF_SEVERITY[finding.severity] for finding in findings)}, key=_WORST_FIRST.index)


def milder(one: Status, other: Status) -> Status:
    return max(one, other, key=_WORST_FIRST.index)
