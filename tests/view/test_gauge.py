"""The gauge says how full the server is, in numbers that are whole and by the thresholds that are set."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgheadroom.analysis import analyse
from pgheadroom.model.session import State
from pgheadroom.model.snapshot import Role, Snapshot
from pgheadroom.model.thresholds import Levels, Threshold, Thresholds, Unit
from pgheadroom.view.cells import line_width, plain
from pgheadroom.view.common_cells import STATE_GLYPHS
from pgheadroom.view.gauge import gauge_bar, gauge_line, headroom_line, slots_words
from pgheadroom.view.urgency import fullest_style, usage_style
from samples import many, roles, session, snapshot
from strategies import snapshots
from view.drawn import check

PLAIN = Thresholds()
widths = st.integers(1, 200)


def of_percent(warning: float, critical: float) -> Levels:
    return Levels(Threshold(warning, Unit.PERCENT), Threshold(critical, Unit.PERCENT))


@pytest.mark.parametrize(("used", "style"), [(10, "ok"), (11, "warn"), (13, "bad")])
def test_the_fullest_limit_is_judged_by_the_thresholds_for_limits(used: int, style: str) -> None:
    seen = snapshot(many(used), roles=roles(Role("web", False, 20)))
    case = analyse(seen, Thresholds(limit=of_percent(55, 65)))
    assert case.capacity.tightest.name == "web"
    assert fullest_style(case) == style
    cell = next(cell for cell in headroom_line(case.capacity, fullest_style(case), 120) if "role web" in cell.text)
    assert cell.style == style


@pytest.mark.parametrize(("used", "style"), [(92, "ok"), (93, "warn"), (96, "bad")])
def test_where_the_server_is_fullest_its_own_thresholds_count(used: int, style: str) -> None:
    case = analyse(snapshot(many(used)), Thresholds(usage=of_percent(95, 98), limit=of_percent(1, 2)))
    assert case.capacity.tightest.kind == "server"
    assert fullest_style(case) == usage_style(case) == style


def test_a_threshold_may_be_slots_that_are_left() -> None:
    left = Levels(Threshold(10, Unit.LEFT), Threshold(2, Unit.LEFT))
    case = analyse(snapshot(many(14), roles=roles(Role("web", False, 20))), Thresholds(limit=left))
    assert fullest_style(case) == "warn"


def test_the_fullest_limit_is_an_estimate_where_the_slots_are() -> None:
    case = analyse(snapshot(many(97), exact=False), PLAIN)
    line = plain(headroom_line(case.capacity, "", 120))
    assert "fullest: server ≈97/97 ≈100%" in line


@given(snapshots(), widths)
def test_no_line_is_wider_or_narrower_than_its_room(sample: Snapshot, width: int) -> None:
    case = analyse(sample, PLAIN)
    lines = [
        gauge_line(case.capacity, usage_style(case), "▁▂▃", width),
        gauge_bar(case.capacity, case.states, width),
        headroom_line(case.capacity, fullest_style(case), width),
    ]
    check(lines, width)


@given(snapshots(), st.integers(60, 200))
def test_the_slots_stand_whole_in_the_first_line(sample: Snapshot, width: int) -> None:
    case = analyse(sample, PLAIN)
    line = plain(gauge_line(case.capacity, "ok", "▁▂▃", width))
    about = "" if case.capacity.exact else "≈"
    assert line.startswith(f"SLOTS {about}{slots_words(case.capacity)}  {about}")
    assert "…" not in line


@given(snapshots(), st.integers(20, 200))
def test_every_state_that_is_there_has_its_sign_in_the_bar(sample: Snapshot, width: int) -> None:
    case = analyse(sample, PLAIN)
    bar = plain(gauge_bar(case.capacity, case.states, width))
    there = {STATE_GLYPHS[one.state] for one in case.states if one.count and not one.waits}
    assert there <= set(bar)
    assert ("▌" in bar) == any(one.count for one in case.states if one.waits)


def test_states_differ_in_their_sign_and_not_in_colour_alone() -> None:
    assert len(set(STATE_GLYPHS.values())) == len(STATE_GLYPHS) == len(State)


def test_free_slots_and_the_reserve_have_signs_of_their_own() -> None:
    case = analyse(snapshot([session(1)]), PLAIN)
    bar = gauge_bar(case.capacity, case.states, 100)
    assert [(cell.text[0], line_width([cell])) for cell in bar] == [("░", 1), ("─", 96), ("·", 3)]
