"""Parts of a sample that are missing."""

from dataclasses import replace

from pgheadroom.analysis import analyse
from pgheadroom.model.finding import Severity
from pgheadroom.model.gap import Gap
from pgheadroom.model.session import State
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.output.check import judged
from pgheadroom.output.families import Families
from samples import session, snapshot

TIMEOUT = "canceling statement due to lock timeout"


def found(*gaps: Gap) -> list[str]:
    told = analyse(replace(snapshot(), gaps=gaps), Thresholds()).findings
    assert all(finding.severity is Severity.NOTICE for finding in told)
    return [finding.sentence for finding in told]


def test_what_one_lock_keeps_away_is_told_once() -> None:
    gaps = (Gap("locks", TIMEOUT), Gap("settings", f"not reached: {TIMEOUT}"), Gap("roles", f"not reached: {TIMEOUT}"))
    assert found(*gaps) == [f"Not known at present: locks, settings, roles ({TIMEOUT})"]


def test_sessions_without_a_state_are_counted() -> None:
    silent = [session(number, State.DISABLED) for number in (1, 2)]
    (told,) = analyse(replace(snapshot(), sessions=(session(3), *silent)), Thresholds()).findings
    assert told.sentence == "2 sessions without a state: track_activities is off for them"
    assert len(told.sessions) == 2


def test_nothing_is_missing() -> None:
    assert found() == []


def test_a_log_that_wants_a_grant_is_no_finding_and_stands_beside_what_is_one() -> None:
    quiet = Gap("refused", "GRANT EXECUTE ... shows them", harmless=True)
    assert found(quiet) == []
    assert found(quiet, Gap("locks", TIMEOUT)) == [f"Not known at present: locks ({TIMEOUT})"]
    case = analyse(replace(snapshot(), gaps=(quiet,)), Thresholds())
    assert "not seen" not in " ".join(judged(case).details)
    assert not next(family.samples for family in Families().of(case) if family.name.endswith("gap"))


def test_hidden_sessions_are_told_as_what_they_are() -> None:
    assert found(Gap("sessions", "hidden")) == []


def test_what_a_server_says_drives_no_terminal() -> None:
    (sentence,) = found(Gap("locks", "\x1b[31mred"))
    assert "\x1b" not in sentence
