"""How many connections an application needs, by how many were busy at once."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advice.grounds import ground
from pgheadroom.advice.bouncer_plan import Upstream
from pgheadroom.advice.oversized import oversized
from pgheadroom.advice.pool_history import remembered_needs
from pgheadroom.advice.pool_sizes import pool_needs, pool_rows, pool_sum
from pgheadroom.advice.snippets import LIBRARIES, snippet
from pgheadroom.history.history import History
from pgheadroom.model.advice import PoolNeed, PoolRow
from pgheadroom.model.session import State
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules.facts.capacity import capacity
from pgheadroom.rules.facts.case import Case
from samples import NOW, many, snapshot


def second(number: int, busy: int, idle: int = 10) -> Snapshot:
    working = many(busy, state=State.IDLE_IN_TRANSACTION) + many(idle, first_pid=5000, client="10.0.0.8")
    return snapshot(working, taken_at=NOW + timedelta(seconds=number))


def test_the_share_of_time_and_the_longest_stretch_of_each_size() -> None:
    busy = [0, 1, 2, 3, 3, 0, 0, 2, 0, 0, 0]
    rows = list(pool_rows(range(11), busy))
    assert rows == [PoolRow(1, 0.4, 3.0), PoolRow(2, 0.2, 2.0), PoolRow(3, 0.0, 0.0)]


def test_an_application_that_rests_needs_few_whatever_it_holds() -> None:
    told = ground(*(second(number, 3 if number == 5 else 2) for number in range(201)))
    (need,) = pool_needs(told)
    assert (need.peak, need.instances, need.enough, need.of_each) == (13, 2, 2, 1)
    assert need.rows[-1] == PoolRow(3, 0.0, 0.0)
    assert pool_sum(told, [need]) == "Together 2 connections, of 97 usable slots."


def test_few_samples_tell_no_size() -> None:
    assert pool_needs(ground(*(second(number, 2) for number in range(5)))) == ()


@given(st.lists(st.integers(0, 40), min_size=2, max_size=60))
def test_a_larger_pool_never_waits_more_and_the_last_one_never_waits(counts: list[int]) -> None:
    rows = list(pool_rows(range(len(counts)), counts))
    assert 1 <= len(rows) <= 6
    assert rows[-1].waiting == 0
    assert [row.waiting for row in rows] == sorted((row.waiting for row in rows), reverse=True)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_snippet_has_the_numbers_of_this_server_and_no_name_that_could_break_it(library: str) -> None:
    need = PoolNeed("web", "shop", "checkout", 3, 30, (), 7)
    text = snippet(library, need, Upstream("db1", 6432, tls=True), prepared=True)
    for part in ("db1", "6432", "shop", "web", "3"):
        assert part in text
    assert not any(f"{{{name}}}" in text for name in ("size", "host", "port", "user", "whose", "unprepared"))
    odd = PoolNeed('w"eb', "s'hop", "c\\h", 1, 30, (), 7)
    told = snippet(library, odd, Upstream("db1", 6432, tls=True), prepared=False)
    assert 'w"eb' not in told
    assert "s'hop" not in told
    if library in ("psycopg_pool", "psycopg2", "sqlalchemy"):
        compile(text, library, "exec")
        compile(told, library, "exec")
    unprepared = {"psycopg_pool": "None", "sqlalchemy": "None", "hikaricp": 'prepareThreshold", "0"'}
    assert unprepared.get(library, "") in told


def test_all_that_the_monitor_remembers_counts_and_a_gap_tells_nothing() -> None:
    history = History()
    for number in (*range(100), *range(3_700, 3_800)):
        seen = second(number, 30 if 40 <= number < 45 else 2, idle=28)
        history.append(seen, capacity(seen))
    case = Case(seen, Thresholds())
    (need,) = remembered_needs(case, history.past())
    assert (need.user, need.application, need.database, need.instances) == ("web", "checkout", "shop", 2)
    assert (need.peak, need.busiest, need.enough) == (58, 30, 30)
    assert need.rows[0].longest == 5.0
    assert 0.02 < need.rows[0].waiting < 0.03


def test_a_pool_that_is_never_used_is_advised_to_be_smaller_and_one_that_works_is_not() -> None:
    resting = ground(*(second(number, 3, idle=60) for number in range(70)))
    (piece,) = oversized(resting)
    assert piece.title == "A pool of 2 for each of its 2 clients of web/checkout in shop"
    assert (piece.saves, piece.role) == (59, "web")
    assert "63 sessions at its most, from 2 clients, and at most 3 of them did anything at once" in piece.seen[0]
    assert not [*oversized(ground(*(second(number, 40, idle=20) for number in range(70))))]
    assert not [*oversized(ground(*(second(number, 3, idle=60) for number in range(30))))]
