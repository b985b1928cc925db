"""Parts of a sample that are missing."""

from dataclasses import replace

from pgheadroom.model.finding import Severity
from pgheadroom.model.gap import Gap
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules.findings import findings
from samples import snapshot

TIMEOUT = "canceling statement due to lock timeout"


def found(*gaps: Gap) -> list[str]:
    told = findings(replace(snapshot(), gaps=gaps), Thresholds())
    assert all(finding.severity is Severity.NOTICE for finding in told)
    return [finding.sentence for finding in told]


def test_what_one_lock_keeps_away_is_told_once() -> None:
    gaps = (Gap("locks", TIMEOUT), Gap("settings", f"not reached: {TIMEOUT}"), Gap("roles", f"not reached: {TIMEOUT}"))
    assert found(*gaps) == [f"Not known at present: locks, settings, roles ({TIMEOUT})"]


def test_nothing_is_missing() -> None:
    assert found() == []


def test_hidden_sessions_are_told_as_what_they_are() -> None:
    assert found(Gap("sessions", "hidden")) == []


def test_what_a_server_says_drives_no_terminal() -> None:
    (sentence,) = found(Gap("locks", "\x1b[31mred"))
    assert "\x1b" not in sentence
