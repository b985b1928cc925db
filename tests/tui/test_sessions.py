"""Screen 2 and the session looked at closely."""

import asyncio
from dataclasses import replace
from pathlib import Path

from pgheadroom.model.detail import SessionDetail
from pgheadroom.model.session import Session, SessionId
from pgheadroom.tui.options import Options
from pgheadroom.tui.widgets.table import Table
from pgheadroom.view.cells import plain
from samples import NOW, ago
from sure import sure
from tui.outage import active, outage, session
from tui.powers import FakeServer, armed
from tui.stage import LARGE, Stage, matches_golden, on_stage


def table(stage: Stage) -> "Table[Session]":
    return stage.app.screen.query_one("#sessions", Table)


async def test_sessions_look_like_their_goldens() -> None:
    async with on_stage() as stage:
        await stage.press("2")
        matches_golden("sessions-80x24", stage.screen)
    async with on_stage(size=LARGE) as stage:
        await stage.press("2")
        matches_golden("sessions-160x50", stage.screen)


async def test_open_transactions_come_first_the_oldest_at_the_top() -> None:
    async with on_stage() as stage:
        await stage.press("2")
        assert [one.pid for one in table(stage).rows[:2]] == [3000, 6000]


async def test_filter_language_narrows_and_a_mistake_is_said() -> None:
    async with on_stage() as stage:
        await stage.press("2", "slash", *"user:web state:idle age>20m", "enter")
        rows = table(stage).rows
        assert rows
        assert all(one.user == "web" and (NOW - sure(one.state_change)).total_seconds() > 1200 for one in rows)
        await stage.press("escape", "slash", *"colour:red")
        assert "there is no column 'colour'" in stage.screen


async def test_our_own_session_is_last_and_quiet() -> None:
    async with on_stage() as stage:
        await stage.press("2", "G", "k")
        own, before = table(stage).lines[-1], table(stage).lines[-2]
        assert plain(own).split()[0] == str(outage().door.pid)
        assert {cell.style for cell in own} == {"dim"}
        assert {cell.style for cell in before} != {"dim"}


async def test_idle_sessions_can_be_hidden() -> None:
    async with on_stage() as stage:
        await stage.press("2", "i")
        assert {one.state.value for one in table(stage).rows} == {
            "active", "idle in transaction", "idle in transaction (aborted)",
        }  # fmt: skip
        assert "64 hidden" in stage.screen


async def test_enter_on_a_hog_opens_its_sessions() -> None:
    async with on_stage() as stage:
        await stage.press("j", "enter")
        assert {one.user for one in table(stage).rows} == {"mobile"}
        assert len(table(stage).rows) == 10


async def test_enter_on_a_state_opens_the_sessions_in_it() -> None:
    async with on_stage() as stage:
        await stage.press("shift+tab", "j", "j", "j", "enter")
        assert {one.state.value for one in table(stage).rows} == {"idle in transaction"}


async def test_enter_on_a_lock_root_opens_its_tree_and_on_a_waiter_the_waiter() -> None:
    async with on_stage() as stage:
        await stage.press("tab", "enter")
        assert {one.pid for one in table(stage).rows} == {3000, *range(3001, 3010)}
        await stage.press("1", "j", "enter")
        assert "pid 3002" in stage.screen


async def test_enter_on_a_pool_opens_the_sessions_of_its_user_and_database() -> None:
    async with on_stage() as stage:
        await stage.press("tab", "tab", "enter")
        assert {one.user for one in table(stage).rows} == {"web"}


async def test_detail_shows_the_whole_session_and_says_when_it_ended(tmp_path: Path) -> None:
    before = outage()
    server = FakeServer(before)
    async with on_stage(before, options=armed(server, tmp_path), size=LARGE) as stage:
        await stage.press("2", "enter")
        await stage.settle()
        screen = stage.screen
        assert "pid 3000" in screen
        assert "holds up     9 sessions" in screen
        assert "the whole text" in screen
        assert "table public.orders" in screen
        assert "statement_timeout" in screen
        await stage.post(replace(before, sessions=tuple(one for one in before.sessions if one.pid != 3000)))
        assert "this session has ended" in stage.screen
        assert "pid 3000" in stage.screen
        await stage.press("escape")
        assert "SESSIONS" in stage.screen


async def test_an_answer_that_comes_while_the_detail_closes_is_not_drawn(tmp_path: Path) -> None:
    before = outage()
    server = FakeServer(before)
    told, answers = server.detail, asyncio.Event()

    async def slowly(session: SessionId, known: SessionDetail | None = None) -> SessionDetail | None:
        await answers.wait()
        return await told(session, known)

    server.detail = slowly  # type: ignore[method-assign]
    async with on_stage(before, options=armed(server, tmp_path)) as stage:
        for turns in range(12):  # of the event loop, in which its widgets go one by one
            answers.clear()
            await stage.press("2", "enter")
            leaving = stage.app.pop_screen()
            for _ in range(turns):
                await asyncio.sleep(0)
            answers.set()
            await leaving
            await stage.settle()
            assert "SESSIONS" in stage.screen


async def test_detail_of_a_reused_pid_is_not_the_other_session(tmp_path: Path) -> None:
    before = outage()
    async with on_stage(before, options=armed(FakeServer(before), tmp_path)) as stage:
        await stage.press("2", "enter")
        other = tuple(
            one._replace(backend_start=ago(1), user="somebody") if one.pid == 3000 else one for one in before.sessions
        )
        await stage.post(replace(before, sessions=other))
        assert "this session has ended" in stage.screen
        assert "somebody" not in stage.screen


async def test_copying_shows_the_query_and_a_command(tmp_path: Path) -> None:
    before = outage()
    async with on_stage(before, options=armed(FakeServer(before), tmp_path)) as stage:
        await stage.press("2", "enter", "y")
        assert "the whole text" in stage.screen
        assert "psql" in stage.screen
        assert "read it before you paste it" in stage.screen
        await stage.press("y")
        assert "clipboard" in stage.screen


async def test_why_nothing_can_be_ended_is_said_where_the_keys_would_be() -> None:
    async with on_stage(options=Options("prod db1:5432", lacking="no cancel and no terminate: no home")) as stage:
        assert "no cancel and no terminate: no home" in stage.screen


async def test_five_thousand_sessions_format_only_what_is_seen() -> None:
    many = replace(outage(), sessions=tuple(session(n, age=n) for n in range(5000)))
    async with on_stage(many) as stage:
        await stage.press("2")
        assert len(table(stage).rows) == 5000
        assert len(table(stage).lines) <= 24
        await stage.press("G")
        assert "5000" in stage.line("SESSIONS")


async def test_marks_and_cursor_survive_a_new_sample() -> None:
    async with on_stage() as stage:
        await stage.press("2", "space", "space")
        chosen = {one.pid for one in table(stage).selected}
        here = sure(table(stage).current).pid
        shuffled = replace(outage(), sessions=(active(77, "select 77", 9000), *outage().sessions[::-1]))
        await stage.post(shuffled)
        assert {one.pid for one in table(stage).selected} == chosen
        assert len(chosen) == 2
        assert sure(table(stage).current).pid == here
