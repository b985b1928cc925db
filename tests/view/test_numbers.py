"""Numbers are never cut, nobody has more than all, and verbs agree."""

import pytest

from pgheadroom.analysis import analyse
from pgheadroom.model.session import State
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules.facts.capacity import capacity
from pgheadroom.view.cells import Cell, plain
from pgheadroom.view.columns import Column, format_row, lay_out, short_number
from pgheadroom.view.gauge import gauge_line, headroom_line
from pgheadroom.view.tables.sessions import by_urgency
from pgheadroom.words.counts import a, they
from samples import NOW, many, pids, session, snapshot


@pytest.mark.parametrize(
    ("number", "width", "shown"),
    [
        (8004, 3, "8k"),
        (8004, 4, "8.0k"),
        (80_040, 3, "80k"),
        (1_234_567, 4, "1.2M"),
        (999_999, 2, "1M"),
        (12345, 1, ">"),
    ],
)
def test_a_number_that_has_no_room_is_rounded(number: int, width: int, shown: str) -> None:
    assert short_number(number, width) == shown


def test_a_table_shows_it_so() -> None:
    column: Column[int] = Column("n", "n", 3, lambda row, now: Cell(str(row)), align=">")
    assert plain(format_row(lay_out((column,), 3), 8004, NOW, 3)) == " 8k"
    assert plain(format_row(lay_out((column,), 3), 804, NOW, 3)) == "804"


def test_one_more_than_all_sits_in_the_reserve() -> None:
    sample = snapshot(many(98))
    line = plain(gauge_line(capacity(sample), "bad", "", 80))
    assert "97/97 +1" in line
    assert "100%" in line
    assert "server 97/97 +1 100%" in plain(headroom_line(capacity(sample), "bad", 80))
    full = next(one for one in analyse(sample, Thresholds()).findings if one.family == "server-slots")
    assert full.sentence.startswith("Full: 97 of 97 usable slots and 1 of the reserve taken")


def test_verbs_and_articles() -> None:
    assert (they(1, "client", "wait"), they(3, "client", "wait")) == ("1 client waits", "3 clients wait")
    assert (a("ordinary slot"), a("superuser slot")) == ("an ordinary slot", "a superuser slot")


def test_our_own_session_is_the_last() -> None:
    sessions = [session(1, State.ACTIVE), *many(3, 10)]
    assert pids(by_urgency(sessions, NOW, own_pid=1))[-1] == 1
