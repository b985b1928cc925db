"""Columns never take more room than there is, numbers are never cut, and every table keeps to that."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgheadroom.analysis import analyse
from pgheadroom.model.action import Verb
from pgheadroom.model.grouping import GroupBy
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.session import Session
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.thresholds import Levels, Threshold, Thresholds, Unit
from pgheadroom.rules.acting.plan import plan
from pgheadroom.rules.facts.chain import chains, hog_key
from pgheadroom.view.cells import Cell, plain
from pgheadroom.view.columns import Column, format_row, heading, lay_out, short_number, sort_rows, table_text
from pgheadroom.view.tables.bouncer import (
    CLIENT_COLUMNS,
    CONFIG_COLUMNS,
    DATABASE_COLUMNS,
    LIST_COLUMNS,
    SERVER_COLUMNS,
    STATS_COLUMNS,
    USER_COLUMNS,
    Of,
    client_rows,
    config_rows,
    server_rows,
)
from pgheadroom.view.tables.findings import FINDING_COLUMNS, finding_lines
from pgheadroom.view.tables.hogs import HogRow, hog_columns
from pgheadroom.view.tables.locks import LOCK_COLUMNS, lock_rows
from pgheadroom.view.tables.plan import PLAN_COLUMNS, plan_rows
from pgheadroom.view.tables.pools import POOL_COLUMNS, pool_rows
from pgheadroom.view.tables.sessions import SESSION_COLUMNS, by_urgency
from pgheadroom.view.tables.states import STATE_COLUMNS
from samples import NOW, pids, pool, session
from strategies import whole_snapshots
from view.drawn import check

widths = st.integers(1, 220)
columns = st.lists(
    st.builds(
        Column,
        name=st.just("n"),
        title=st.sampled_from(["", "pid", "a long title"]),
        width=st.integers(1, 15),
        cell=st.just(lambda row, now: Cell(row)),
        align=st.sampled_from("<>"),
        flex=st.integers(0, 3),
        importance=st.integers(0, 3),
    ),
    min_size=1,
    max_size=8,
)


def tables(sample: Snapshot) -> Iterator[tuple[Sequence[Column[Any]], Sequence[Any]]]:
    """Every table of the program with its rows."""
    case = analyse(sample, Thresholds())
    real = chains(sample)
    yield SESSION_COLUMNS, by_urgency(sample.sessions, sample.taken_at)
    yield STATE_COLUMNS, case.states
    yield LOCK_COLUMNS, lock_rows(case.locks, real.client_of)
    yield POOL_COLUMNS, [row for row in pool_rows(sample.pgbouncers, Thresholds()) if row.note is None]
    yield FINDING_COLUMNS, case.findings
    yield PLAN_COLUMNS, plan_rows(plan(case, Verb.TERMINATE, sample.sessions))
    for by in GroupBy:
        hogs, behind = case.hogs_by(by)
        yield hog_columns(by), [HogRow(hog, behind.get(hog_key(hog), ())) for hog in hogs]
    for bouncer in sample.pgbouncers:
        yield CLIENT_COLUMNS, client_rows(bouncer, real)
        yield SERVER_COLUMNS, server_rows(bouncer, real)
        yield DATABASE_COLUMNS, [Of(bouncer, one) for one in bouncer.databases]
        yield STATS_COLUMNS, [Of(bouncer, one) for one in bouncer.stats]
        yield USER_COLUMNS, [Of(bouncer, one) for one in bouncer.users]
        yield LIST_COLUMNS, [Of(bouncer, one) for one in bouncer.lists]
        yield CONFIG_COLUMNS, config_rows(bouncer)


@given(columns, widths)
def test_columns_fill_their_room_and_those_that_matter_stay(some: list[Column[str]], width: int) -> None:
    layout = lay_out(some, width)
    kept = [column for column, _ in layout]
    needed = sum(cells for _, cells in layout) + len(layout) - 1
    assert [column for column in some if any(column is one for one in kept)] == kept
    assert len(kept) == 1 or all(any(column is one for one in kept) for column in some if not column.importance)
    assert all(cells >= column.width for column, cells in layout)
    # Only where even what must stay has no room does a line end before its columns do.
    assert needed <= width or not any(column.importance for column in kept) or len(kept) == 1
    if needed <= width and any(column.flex for column in kept):
        assert needed == width


@given(columns, widths)
def test_widths_do_not_depend_on_rows(some: list[Column[str]], width: int) -> None:
    layout = lay_out(some, width)
    lines = [format_row(layout, text, NOW, width) for text in ("", "a" * 50, "日本語" * 9)]
    check([heading(layout, "n", True, width), *lines], width)


@given(whole_snapshots(), widths)
def test_no_table_is_wider_than_its_room_or_holds_what_a_terminal_obeys(sample: Snapshot, width: int) -> None:
    for some, rows in tables(sample):
        layout = lay_out(some, width)
        check((format_row(layout, row, NOW, width) for row in rows), width)
        check([heading(layout, some[0].name, False, width)], width)


@given(whole_snapshots())
def test_no_number_of_a_table_is_cut(sample: Snapshot) -> None:
    """What stands at the right of its column is a number; each column has its least width here."""
    for some, rows in tables(sample):
        for column in some:
            for row in rows if column.align == ">" else ():
                shown = plain(format_row(((column, column.width),), row, NOW, column.width))
                assert "…" not in shown, (column.name, column.cell(row, NOW).text)


@pytest.mark.parametrize("count", [7, 100, 999, 1000, 20_000])
def test_a_pool_of_any_size_has_its_numbers_whole_or_rounded(count: int) -> None:
    large = pool(sv_active=count, sv_idle=count, size=count, cl_active=count, cl_waiting=count)
    (row,) = pool_rows([PgBouncer("b1", pools=(large,))], Thresholds())
    words = plain(format_row(lay_out(POOL_COLUMNS, 80), row, NOW, 80)).split()
    told = f"{count // 1000}k" if count >= 1000 else str(count)
    assert f"{told}/{told}" in words
    assert "…" not in "".join(words[3:])


def test_a_pool_is_judged_by_the_thresholds_that_are_set() -> None:
    half = pool(sv_active=5, size=10, cl_waiting=3, maxwait=3.0)

    def styles(thresholds: Thresholds) -> dict[str, str]:
        (row,) = pool_rows([PgBouncer("b1", pools=(half,))], thresholds)
        return {column.name: column.cell(row, NOW).style for column in POOL_COLUMNS}

    assert [styles(Thresholds())[name] for name in ("waiting", "full", "maxwait")] == ["warn", "", "warn"]
    later = Levels(Threshold(4), Threshold(8))
    patient = replace(Thresholds(), pool_clients_waiting=later, pool_maxwait=later)
    assert [styles(patient)[name] for name in ("waiting", "full", "maxwait")] == ["", "", ""]
    strict = replace(Thresholds(), limit=Levels(Threshold(40, Unit.PERCENT), Threshold(50, Unit.PERCENT)))
    assert styles(strict)["full"] == "bad"


@given(whole_snapshots(), st.integers(20, 200))
def test_a_finding_is_told_whole_in_lines_of_the_width(sample: Snapshot, width: int) -> None:
    for finding in analyse(sample, Thresholds()).findings:
        lines = finding_lines(finding, width)
        check(lines, width)
        told = "".join("".join(plain(line) for line in lines).split())
        assert "".join(finding.sentence.split()) in told


@pytest.mark.parametrize("number", [0, 7, 999, 1000, 8004, 99_999, 123_456, 10**9, 10**12])
@pytest.mark.parametrize("width", [3, 4, 5, 6])
def test_a_short_number_has_room_and_is_not_far_from_the_number(number: int, width: int) -> None:
    told = short_number(number, width)
    assert len(told) <= width
    if number >= 1000 and ">" not in told:
        size = {"k": 1000, "M": 10**6, "G": 10**9}[told[-1]]
        assert abs(float(told[:-1]) * size - number) <= size / 2


def test_what_is_not_known_is_sorted_last_either_way() -> None:
    some = [session(1, query_start=None), session(2, query_start=NOW), session(3, query_start=NOW - timedelta(1))]
    column: Column[Session] = Column("q", "q", 5, lambda one, now: Cell(""), lambda one, now: one.query_start)
    assert pids(sort_rows(some, column, False, NOW)) == [3, 2, 1]
    assert pids(sort_rows(some, column, True, NOW)) == [2, 3, 1]
    assert sort_rows(some, Column("n", "n", 5, column.cell), True, NOW) == some


def test_the_sorted_column_is_told_by_a_sign_and_not_by_colour_alone() -> None:
    layout = lay_out(SESSION_COLUMNS, 100)
    assert "age▾" in plain(heading(layout, "age", True, 100))
    assert "age▴" in plain(heading(layout, "age", False, 100))


def test_a_table_as_text_has_its_heading_first() -> None:
    lines = list(table_text(SESSION_COLUMNS, [session(4711)], NOW, 80))
    assert lines[0].split()[:2] == ["pid", "user"]
    assert lines[1].split()[:3] == ["4711", "web", "checkout"]
    assert [len(line) for line in lines] == [80, 80]
