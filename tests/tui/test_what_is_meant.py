"""What a key acts on is what was meant: a wrong filter selects nobody, marks count wherever they are, Esc goes back."""

import shlex
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from pgheadroom.model.snapshot import Door, SlotKind
from pgheadroom.tui.screens.copying import psql_command
from pgheadroom.tui.screens.sessions import Sessions
from pgheadroom.tui.widgets.pager import Pager
from pgheadroom.tui.widgets.table import Table
from samples import session as any_session
from sure import sure
from tui.outage import outage
from tui.powers import FakeServer, armed
from tui.stage import LARGE, Stage, on_stage, settled
from tui.test_acting import known_roles


def table(stage: Stage) -> Table[Any]:
    return stage.table("#sessions")


def sessions_screen(stage: Stage) -> Sessions:
    assert isinstance(stage.app.screen, Sessions)
    return stage.app.screen


def pids(stage: Stage) -> set[int]:
    return {one.pid for one in table(stage).rows}


@pytest.mark.parametrize("typed", ['app:"leaky', "usr=web", "state:busy", "user:a or user:b", "app~^chk"])
async def test_a_wrong_filter_selects_nobody_stays_and_cannot_be_acted_on(tmp_path: Path, typed: str) -> None:
    async with on_stage(options=armed(FakeServer(outage()), tmp_path), size=LARGE) as stage:
        await stage.press("2", "slash", *typed, "enter")
        assert pids(stage) == set()
        said = stage.screen
        assert f"/{typed}" in said
        assert len([line for line in said.splitlines()[4:8] if line.strip()]) >= 1  # the complaint
        await stage.press("B")
        assert "the filter selects nobody" in stage.screen
        assert "TERMINATE" not in stage.screen
        await stage.press("K")
        assert "no session is chosen" in stage.screen
        await stage.press("escape")
        assert len(pids(stage)) == len(outage().sessions)


async def test_marks_count_also_where_the_filter_hides_them(tmp_path: Path) -> None:
    known = known_roles(outage())
    async with on_stage(*settled(known), options=armed(FakeServer(known), tmp_path), size=LARGE) as stage:
        await stage.press("2", "space", "space")
        marked = {one.pid for one in sessions_screen(stage).chosen()}
        assert len(marked) == 2
        assert stage.screen.count("\n*") == 2  # a sign, not only a colour
        await stage.press("slash", *"user:web", "enter")
        assert not marked & pids(stage)
        assert {one.pid for one in sessions_screen(stage).chosen()} == marked
        assert "2 of the marked hidden" in stage.screen
        await stage.press("K")
        assert "2 of them hidden by the filter." in stage.screen
        await stage.press("n")
        await stage.press("B")
        assert {row.session.pid for row in stage.table("#preview").rows} == marked


async def test_esc_leads_back_to_the_finding_that_narrowed_the_list(tmp_path: Path) -> None:
    async with on_stage(size=LARGE) as stage:  # without powers Enter opens the sessions
        await stage.press("t", "j")
        finding = sure(stage.table("#findings").current)
        await stage.press("enter")
        assert table(stage).filter == finding.proposal.filter
        await stage.press("escape")
        assert stage.app.current_mode == "triage"
        assert sure(stage.table("#findings").current).key == finding.key
        await stage.press("2")
        assert table(stage).filter == ""


async def test_esc_clears_what_was_said_and_time_does() -> None:
    async with on_stage() as stage:
        stage.app.say("something about a moment")
        await stage.settle()
        assert "about a moment" in stage.screen
        await stage.press("escape")
        assert "about a moment" not in stage.screen
        stage.app.say("something about a moment")
        stage.app.clock = lambda: 1000.0
        stage.app.draw()
        await stage.settle()
        assert "about a moment" not in stage.screen


async def test_the_filter_line_says_what_it_takes_here() -> None:
    async with on_stage() as stage:
        await stage.press("slash")
        assert "text that a row of this pane has to have" in stage.screen
        await stage.press("escape", "2", "slash")
        assert "user:web state:idle age>10m" in stage.screen


async def test_another_finding_is_read_from_its_top() -> None:
    async with on_stage() as stage:
        await stage.press("t", "tab", "j", "j", "j", "j")
        detail = stage.app.screen.query_one("#finding-detail", Pager)
        assert detail._first == 4
        await stage.press("shift+tab", "j")
        assert detail._first == 0


async def test_when_the_chosen_finding_goes_the_cursor_is_on_the_first() -> None:
    start, later = settled(outage()), []
    calm = replace(outage(), sessions=outage().sessions[:3], pgbouncers=())
    for second in range(1, 9):
        later.append(replace(calm, taken_at=outage().taken_at + timedelta(seconds=second)))
    async with on_stage(*start) as stage:
        await stage.press("t", "j", "j", "j")
        for sample in later[:2]:
            await stage.post(sample)
        assert "clears" in stage.screen
        for sample in later[2:]:
            await stage.post(sample)
        findings = stage.table("#findings")
        assert not findings.rows or findings.current is findings.rows[0]


async def test_the_way_here_leads_to_the_chosen_finding() -> None:
    async with on_stage(size=LARGE) as stage:
        await stage.press("t")
        findings = stage.table("#findings")
        for finding in findings.rows:
            steps = sure(stage.app.analysis).steps(finding)
            assert [step.finding for step in steps if step.kind == "action"] == [finding.key], finding.key
            await stage.press("j")


async def test_the_ages_of_a_session_that_ended_stand_still(tmp_path: Path) -> None:
    before = outage()
    async with on_stage(before, options=armed(FakeServer(before), tmp_path), size=LARGE) as stage:
        await stage.press("2", "enter")
        told = stage.line("query began")
        left = tuple(one for one in before.sessions if one.pid != 3000)
        await stage.post(replace(before, sessions=left, taken_at=before.taken_at + timedelta(minutes=9)))
        assert "this session has ended" in stage.screen
        assert stage.line("query began") == told


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("dba@db1:6000/shop", {"host": "db1", "port": "6000"}),
        ("dba@::1:5432/shop", {"host": "::1", "port": "5432"}),
        ("dba@/run/postgresql/shop", {"host": "/run/postgresql"}),
        ("dba@/tmp/my dir:5433/shop", {"host": "/tmp/my dir", "port": "5433"}),
    ],
)
def test_the_command_to_copy_names_the_server_so_that_psql_reads_it(label: str, expected: dict[str, str]) -> None:
    door = Door("dba", "shop", SlotKind.SUPERUSER, 1, sees_all=True, may_signal=True, label=label)
    words = shlex.split(psql_command(any_session(7), door))
    assert words[:2] == ["psql", "-d"]
    assert conninfo_to_dict(words[2]) == {**expected, "user": "dba", "dbname": "shop"}
