"""One word for how a server does."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.health import Status
from pgheadroom.model.snapshot import Role
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.verdict.health import health, overall
from pgheadroom.rules.verdict.status import status_of
from samples import snapshot

KNOWN = snapshot(roles={"web": Role("web", False, -1)})


def status(case: Case, findings: Sequence[Finding]) -> Status:
    return status_of(overall(health(case)), findings)


@pytest.mark.parametrize(
    ("severities", "exact", "word"),
    [
        ((), True, Status.OK),
        ((), False, Status.UNKNOWN),
        ((Severity.NOTICE,), True, Status.OK),
        ((Severity.NOTICE,), False, Status.UNKNOWN),
        ((Severity.WARNING,), True, Status.WARNING),
        ((Severity.WARNING,), False, Status.WARNING),
        ((Severity.WARNING, Severity.CRITICAL), False, Status.CRITICAL),
    ],
)
def test_the_worst_counts_and_the_unseen_is_never_ok(severities: Sequence[Severity], exact: bool, word: Status) -> None:
    found = [Finding(f"trouble:{number}", severity, "") for number, severity in enumerate(severities)]
    assert status(Case(replace(KNOWN, exact=exact), Thresholds()), found) is word


def test_a_metric_over_its_threshold_counts_before_anything_is_found() -> None:
    tight = Thresholds.from_mapping({"usage": ["0%", "90%"]})
    assert status(Case(KNOWN, tight), ()) is Status.WARNING
