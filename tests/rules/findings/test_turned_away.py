"""The findings of refused clients: who they are, and the remedy that frees what they need."""

from dataclasses import replace

import pytest

from pgheadroom.analysis import analyse
from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.session import State
from pgheadroom.model.snapshot import Gap, Role, Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.model.turned_away import Reason, Refusals, TurnedAway
from pgheadroom.output.json_ import document
from pgheadroom.output.text import render
from pgheadroom.view.cells import line_width, plain
from pgheadroom.view.gauge import gauge_line
from samples import NOW, many, snapshot


def refused(reason: Reason, count: int = 37, **who: str) -> Snapshot:
    one = TurnedAway(reason, who.get("host", ""), who.get("role", ""), who.get("database", ""), count, NOW, NOW)
    seen = replace(snapshot(many(20)), refusals=Refusals((one,), 1.0, "log/a.csv"))
    return replace(seen, roles={**seen.roles, "web": Role("web", False, 20)})


def finding_of(sample: Snapshot, family: str = "turned-away") -> Finding | None:
    return next((one for one in analyse(sample, Thresholds()).findings if one.family == family), None)


def test_who_is_refused_for_a_limit_is_named_with_the_remedy_for_that_limit() -> None:
    found = finding_of(refused(Reason.ROLE, host="10.0.0.5", role="web", database="shop"))
    assert found is not None
    assert found.sentence == "37 clients a second are turned away: role limit web"
    assert found.evidence[0].startswith("37/s role limit web: web in shop from 10.0.0.5, 37 since ")
    assert found.severity is Severity.WARNING
    assert found.refuses
    assert "CONNECTION LIMIT" in found.sql
    assert '"web"' in found.sql or " web " in found.sql


def test_a_server_that_refuses_is_critical_and_slots_are_what_helps() -> None:
    found = finding_of(refused(Reason.SERVER, role="web"))
    assert found is not None
    assert found.severity is Severity.CRITICAL
    assert found.sentence == "37 clients a second are turned away: no slot left, most of them web"
    assert found.remedy


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_words_and_what_helps(reason: Reason) -> None:
    sample = refused(reason, role="\x1b[2Jweb", database="a\nb")
    found = finding_of(sample, "turned-away" if reason.no_room else "logins-refused")
    assert found is not None
    assert found.remedy.endswith(".")
    assert "\x1b" not in found.sentence + "".join(found.evidence)
    assert finding_of(sample, "logins-refused" if reason.no_room else "turned-away") is None


def test_nobody_refused_is_no_finding_and_no_word_in_the_gauge() -> None:
    calm = replace(snapshot(many(20)), refusals=Refusals((), 1.0))
    assert finding_of(calm) is None
    case = analyse(calm, Thresholds())
    assert "refused" not in plain(gauge_line(case.capacity, "", "", 80, case.refused))


@pytest.mark.parametrize("width", [60, 80, 160])
def test_the_gauge_says_how_many_are_refused_and_why(width: int) -> None:
    case = analyse(refused(Reason.ROLE, role="web"), Thresholds())
    line = gauge_line(case.capacity, "", "▁▂▃▄▅▆▇█" * 3, width, case.refused)
    assert line_width(line) == width
    assert ("refused 37/s role limit web" if width >= 80 else "refused 37/s") in plain(line)


def test_a_full_server_whose_log_is_not_read_says_what_would_show_who_is_refused() -> None:
    full = replace(snapshot(many(97)), gaps=(Gap("refused", "GRANT EXECUTE ... shows them", harmless=True),))
    found = finding_of(full, "server-slots")
    assert found is not None
    assert "who is refused is not known: GRANT EXECUTE ... shows them" in found.evidence
    case = analyse(full, Thresholds())
    assert "refused: GRANT EXECUTE ... shows them" in render(case)
    assert document(case)["gaps"] == [{"part": "refused", "reason": "GRANT EXECUTE ... shows them", "harmless": True}]


def test_no_slot_left_while_slots_are_free_may_be_the_limit_of_processes() -> None:
    found = finding_of(refused(Reason.SERVER, role="web"))
    assert found is not None
    assert any("slots free now" in line and "never log in" in line for line in found.evidence)
    full = finding_of(replace(refused(Reason.SERVER, role="web"), sessions=tuple(many(100))))
    assert full is not None
    assert not any("never log in" in line for line in full.evidence)


def test_the_text_has_who_is_refused() -> None:
    text = render(analyse(refused(Reason.ROLE, host="10.0.0.5", role="web", database="shop"), Thresholds()))
    assert "REFUSED     37/s for lack of room, 0/s logins" in text
    assert "role limit        web" in text


def test_what_fills_a_server_that_refuses_is_told_before_that_it_refuses() -> None:
    sample = refused(Reason.RESERVE, role="web")
    sessions = many(95, state=State.IDLE_IN_TRANSACTION, since=900.0)
    found = analyse(replace(sample, sessions=tuple(sessions)), Thresholds()).findings
    families = [one.family for one in found]
    assert families.index("idle-in-transaction") < families.index("turned-away")
    assert found[0].refuses
