"""How a server does, in one word."""

from collections.abc import Iterable

from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.health import Health, Status
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
    return worst(health_of(case), findings)


def worst(metrics: Iterable[Health], findings: Iterable[Finding]) -> Status:
    """As `status_of`, for metrics that are needed elsewhere, too."""
    found = {_OF_SEVERITY[finding.severity] for finding in findings} | {overall(metrics)}
    return min(found, key=_WORST_FIRST.index)
