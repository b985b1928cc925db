"""How a server does, in one word."""

from collections.abc import Iterable

from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.health import Status
from pgheadroom.rules.verdict.health import WORST_FIRST

_OF_SEVERITY = {
    Severity.CRITICAL: Status.CRITICAL,
    Severity.WARNING: Status.WARNING,
    Severity.NOTICE: Status.OK,
}


def status_of(measured: Status, findings: Iterable[Finding]) -> Status:
    """The worst of what is measured (see `health.overall`) and of what was found.

    What is surely bad outweighs what is not known.
    """
    return min({measured, *(_OF_SEVERITY[finding.severity] for finding in findings)}, key=WORST_FIRST.index)


def milder(one: Status, other: Status) -> Status:
    return max(one, other, key=WORST_FIRST.index)
