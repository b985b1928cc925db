"""How many connections an application needs, by how many were busy at once."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advice.grounds import ground
from pgheadroom.advice.bouncer_plan import Upstream
from pgheadroom.advice.pool_sizes import pool_needs, pool_rows, pool_sum
from pgheadroom.advice.snippets import LIBRARIES, snippet
from pgheadroom.model.advice import PoolNeed, PoolRow
from pgheadroom.model.session import State
from pgheadroom.model.snapshot import Snapshot
from samples import NOW, many, snapshot


def second(number: int, busy: int, idle: int = 10) -> Snapshot:
    working = many(busy, state=State.IDLE_IN_TRANSACTION) + many(idle, first_pid=5000, client="10.0.0.8")
    return snapshot(working, taken_at=NOW + timedelta(seconds=number))


def test_the_share_of_time_and_the_longest_stretch_of_each_size() -> None:
    moments = [NOW + timedelta(seconds=number) for number in range(11)]
    rows = list(pool_rows(moments, {1: 1, 2: 2, 3: 3, 4: 3, 7: 2}))
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
    moments = [NOW + timedelta(seconds=number) for number in range(len(counts))]
    rows = list(pool_rows(moments, dict(enumerate(counts))))
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
