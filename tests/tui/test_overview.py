"""The overview as it is seen and used, fed by a source that plays an outage."""

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.snapshot import Gap, Snapshot
from pgheadroom.model.turned_away import Reason, Refusals, TurnedAway
from pgheadroom.model.update import Trouble
from pgheadroom.tui.options import Options
from pgheadroom.tui.widgets.painted import Lines
from pgheadroom.view.cells import line_width, plain
from samples import NOW
from servers import PATIENCE
from sure import sure
from tui.outage import active, outage, session
from tui.stage import LARGE, SMALL, matches_golden, on_stage, settled


@pytest.mark.parametrize(("size", "name"), [(SMALL, "80x24"), (LARGE, "160x50"), ((60, 15), "60x15")])
async def test_outage_looks_like_its_golden(size: tuple[int, int], name: str) -> None:
    async with on_stage(size=size) as stage:
        matches_golden(f"overview-{name}", stage.screen)


async def test_ascii_screen_has_no_other_characters() -> None:
    async with on_stage(options=Options("prod db1:5432", ascii_only=True)) as stage:
        assert stage.screen.isascii()
        matches_golden("overview-ascii", stage.screen)


async def test_gauge_carries_used_of_usable_and_reserve() -> None:
    async with on_stage(size=LARGE) as stage:
        assert "94/97  97%  3 free" in stage.line("SLOTS")
        assert "reserve 3 superuser + 2 reserved, 0 in use" in stage.line("SLOTS")


async def test_cursor_stays_with_its_row_when_rows_move() -> None:
    async with on_stage() as stage:
        await stage.press("j")
        hogs = stage.table("#hogs")
        assert sure(hogs.current).hog.user == "mobile"
        before = outage()
        grown = replace(before, sessions=before.sessions + tuple(session(9000 + n, user="new") for n in range(70)))
        await stage.post(grown)
        assert [row.hog.user for row in hogs.rows[:3]] == ["new", "web", "mobile"]
        assert sure(hogs.current).hog.user == "mobile"


async def test_cursor_is_nowhere_when_its_row_is_gone_and_comes_back_by_moving() -> None:
    async with on_stage() as stage:
        await stage.press("j")
        hogs = stage.table("#hogs")
        before = outage()
        await stage.post(replace(before, sessions=tuple(one for one in before.sessions if one.user != "mobile")))
        assert hogs.current is None
        await stage.press("j")
        assert sure(hogs.current).hog.user == "reports"


async def test_group_key_goes_through_all_groupings() -> None:
    async with on_stage() as stage:
        seen = []
        for _ in range(5):
            await stage.press("u")
            seen.append(stage.line("HOGS by").split()[3])
        assert seen == ["user", "application", "client", "database", "all"]


async def test_filter_narrows_the_pane_with_the_focus_and_escape_gives_all_back() -> None:
    async with on_stage() as stage:
        await stage.press("slash", *"metabase", "enter")
        hogs = stage.table("#hogs")
        assert [row.hog.application for row in hogs.rows] == ["metabase"]
        assert "/metabase" in stage.line("HOGS")
        await stage.press("escape")
        assert len(hogs.rows) == 7


async def test_sort_key_sorts_by_each_column_and_shows_by_which() -> None:
    async with on_stage() as stage:
        await stage.press("s")
        hogs = stage.table("#hogs")
        users = [row.hog.user for row in hogs.rows]
        assert users == sorted(users)
        assert "user▴" in stage.screen
        await stage.press("S")
        assert [row.hog.user for row in hogs.rows] == users[::-1]


async def test_pause_freezes_the_screen_and_going_on_shows_the_newest() -> None:
    async with on_stage() as stage:
        await stage.press("p")
        assert "PAUSED" in stage.screen
        await stage.post(replace(outage(), sessions=(active(1, "select 1"),)))
        assert "94/97" in stage.screen
        await stage.press("p")
        assert "1/97" in stage.line("SLOTS")
        assert "PAUSED" not in stage.screen


async def test_interval_and_sample_now_reach_the_source() -> None:
    async with on_stage() as stage:
        await stage.press("plus")
        assert stage.source.interval == 2.0
        await stage.press("minus", "minus")
        assert stage.source.interval == 0.5
        await stage.press("r")
        assert stage.source.asked_now == 1


async def test_trouble_keeps_the_last_data_and_says_why_it_is_old() -> None:
    async with on_stage() as stage:
        since = datetime.now(UTC) - timedelta(seconds=4)
        await stage.post(Trouble("server closed the connection unexpectedly", since, tries=3))
        assert "94/97" in stage.line("SLOTS")
        assert "STALE" in stage.screen
        assert "server closed the connection unexpectedly" in stage.screen
        assert "try 3" in stage.screen
        await stage.post(outage())
        assert "STALE" not in stage.screen


async def test_lock_tree_shows_the_root_with_all_who_wait_behind_it() -> None:
    async with on_stage(size=LARGE) as stage:
        root = stage.line("● 3000")
        assert root.split()[2] == "9"
        assert " ├ 3007" in stage.screen


async def test_locks_have_a_screen_of_their_own() -> None:
    async with on_stage() as stage:
        await stage.press("3")
        assert stage.line("● 3000").split()[2] == "9"
        assert "3009" in stage.screen
        await stage.press("escape")
        assert "HOGS" in stage.screen


async def test_pane_without_locks_says_so_and_a_gap_says_why() -> None:
    calm = replace(outage(), sessions=(session(1),), lock_requests=())
    async with on_stage(calm) as stage:
        assert "nobody waits for a lock" in stage.screen
        await stage.post(replace(calm, gaps=(Gap("locks", "permission denied"),)))
        assert "permission denied" in stage.line("LOCK WAITS")
        for unsure in (replace(calm, exact=False), replace(calm, gaps=(Gap("locks", "permission denied"),))):
            await stage.post(unsure)
            assert "nobody is seen to wait for a lock" in stage.screen
            assert "nobody waits" not in stage.screen


async def test_pgbouncer_in_trouble_is_a_line_of_its_own_and_its_pools_stay() -> None:
    (bouncer,) = outage().pgbouncers
    down = replace(bouncer, trouble="connection refused", age=42.0)
    async with on_stage(replace(outage(), pgbouncers=(down, PgBouncer("pgb2"))), size=LARGE) as stage:
        assert "pgb1: connection refused (shown: 42s old)" in stage.screen
        assert "20/20" in stage.screen
        assert "pgb2: no pools yet" in stage.screen


async def test_server_text_is_never_markup_and_never_obeyed() -> None:
    evil = session(1, application="[/red]\x1b]0;owned\x07", user="a\u202eb")
    async with on_stage(replace(outage(), sessions=(evil,))) as stage:
        assert "[/red]\ufffd]*;" in stage.screen
        assert "\x1b" not in stage.screen
        assert "\u202e" not in stage.screen


async def test_columns_stay_aligned_with_wide_and_combining_characters() -> None:
    names = ["plain", "日本語テスト", "e\u0301te\u0301", "\U0001f418\U0001f418", "עברית", "x" * 64]
    rows = tuple(session(n, user=f"u{n}", application=name) for n, name in enumerate(names))
    async with on_stage(replace(outage(), sessions=rows), size=LARGE) as stage:
        hogs = stage.table("#hogs")
        assert {line_width(line) for line in hogs.lines} == {160}


async def test_a_row_of_our_own_session_alone_is_quiet() -> None:
    async with on_stage(size=LARGE) as stage:
        hogs = (line for line in stage.table("#hogs").lines[2:] if plain(line).strip())
        styles = {plain(line).split()[0]: {cell.style for cell in line} for line in hogs}
        assert styles.pop("pgheadroom") == {"dim"}
        assert styles.keys() >= {"web", "admin"}
        assert all(one != {"dim"} for one in styles.values())


async def test_help_lists_the_keys_and_closes() -> None:
    async with on_stage() as stage:
        await stage.press("question_mark")
        assert "Group" in stage.screen
        assert "Capital letters act" in stage.screen
        assert " 1–21 of 22 " in stage.screen
        await stage.press("G")
        assert "Capital letters act" not in stage.screen
        assert " 2–22 of 22 " in stage.screen
        await stage.press("escape")
        assert "SLOTS" in stage.screen


async def test_tab_goes_through_the_panes_also_where_only_one_is_seen() -> None:
    async with on_stage(size=(60, 15)) as stage:
        seen = []
        for _ in range(4):
            seen.append(sure(stage.app.screen.focused).id)
            await stage.press("tab")
        assert seen == ["hogs", "locks", "pools", "states"]
        await stage.press("tab")
        assert "LOCK WAITS" in stage.screen
        assert "HOGS" not in stage.screen


async def test_small_sizes_and_back_do_not_break_the_screen() -> None:
    async with on_stage() as stage:
        for size in ((20, 5), (10, 3), (200, 60), SMALL):
            await stage.pilot.resize_terminal(*size)
            await stage.settle()
        assert "94/97" in stage.screen
        assert "HOGS" in stage.screen


async def test_the_plot_fills_its_new_room_before_the_next_sample() -> None:
    async with on_stage(size=(100, 30)) as stage:
        trend = stage.app.screen.query_one("#trend", Lines)
        await stage.pilot.resize_terminal(200, 60)
        async with asyncio.timeout(PATIENCE):
            while not len(trend.lines) == trend.size.height > 5:
                await stage.pilot.pause(0.01)


async def test_sample_that_arrives_while_a_screen_is_being_made_is_no_fault() -> None:
    async with on_stage() as stage:
        for mode in ("sessions", "locks", "pgbouncer", "trends", "triage"):
            stage.app.switch_mode(mode)
            stage.app.draw()
            stage.app.say("in between")
            await stage.settle()
            assert stage.app.current_mode == mode


async def test_quit_ends_with_zero() -> None:
    async with on_stage() as stage:
        await stage.press("q")
        assert stage.app.return_code == 0


CALM = replace(outage(), sessions=(session(1),), lock_requests=(), pgbouncers=())


def rising(start: int, step: int, samples: int) -> list[Snapshot]:
    """A sample a second, with `step` sessions more each time."""
    crowd = tuple(session(9000 + number, user="new", age=0.0) for number in range(start + step * samples))
    return [
        replace(CALM, taken_at=NOW + timedelta(seconds=number), sessions=crowd[: start + step * number])
        for number in range(samples)
    ]


async def test_header_says_in_one_word_how_the_server_does() -> None:
    async with on_stage(*settled(CALM)) as stage:
        assert stage.screen.startswith(" OK ")
        fuller = replace(CALM, sessions=outage().sessions[:82])
        await stage.post(replace(fuller, taken_at=NOW + timedelta(seconds=1)))
        assert stage.screen.startswith(" OK ")
        await stage.post(replace(fuller, taken_at=NOW + timedelta(seconds=2)))
        assert stage.screen.startswith(" WARN ")
        await stage.post(replace(outage(), taken_at=NOW + timedelta(seconds=3)))
        assert stage.screen.startswith(" CRIT ")
        await stage.post(Trouble("connection lost", datetime.now(UTC)))
        assert stage.screen.startswith(" ???? ")


async def test_header_does_not_say_ok_where_it_cannot_see() -> None:
    hidden = Gap("sessions", "role web does not see other roles' sessions")
    async with on_stage(*settled(replace(CALM, gaps=(hidden,), exact=False)), size=LARGE) as stage:
        assert stage.screen.startswith(" UNKNOWN ")


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_a_real_rise_is_said_with_its_time_beside_the_headroom(size: tuple[int, int]) -> None:
    async with on_stage(*rising(20, 1, 40), size=size) as stage:
        assert re.search(r"full in about \d+ s \(\d+-\d+\)$", stage.screen.splitlines()[4])
    async with on_stage(*rising(20, 0, 40), size=size) as stage:
        assert "full in" not in stage.screen


async def test_the_screens_are_named_with_their_digits_and_answer_the_mouse() -> None:
    async with on_stage() as stage:
        line = stage.line("[1 Overview]")
        assert " ".join(line.split()) == "[1 Overview] 2 Sessions 3 Locks 4 PgBouncer 5 Trends 6 Triage 7 Advice"
        await stage.pilot.click("#screens", offset=(line.index("Triage"), 0))
        await stage.settle()
        assert "[6 Triage]" in stage.screen


async def test_the_keys_of_the_footer_answer_the_mouse() -> None:
    async with on_stage() as stage:
        await stage.pilot.click("#footer", offset=(stage.line("u group").index("group"), 0))
        await stage.settle()
        assert "HOGS by user" in stage.screen


async def test_lines_that_tell_nothing_are_left_to_the_hogs() -> None:
    crowd = tuple(session(5000 + n, user=f"u{chr(97 + n)}") for n in range(20))
    quiet = replace(outage(), sessions=crowd, pgbouncers=(), lock_requests=())
    async with on_stage(*settled(quiet)) as stage:
        assert stage.table("#locks").size.height == 3
        assert stage.table("#states").size.height == 3
        assert stage.table("#hogs").size.height == 11
        assert "1–9 of 20" in stage.line("HOGS")


async def test_a_column_that_is_empty_or_the_same_in_each_row_leaves_its_room_to_names() -> None:
    async with on_stage(size=LARGE) as stage:
        assert "clients behind the pooler" not in stage.screen
        assert "PGBOUNCER pgb1" in stage.screen
        await stage.press("4")
        assert "pgbouncer  " not in stage.screen


def turned_away(sample: Snapshot, count: int, seconds: int = 0) -> Snapshot:
    at = sample.taken_at + timedelta(seconds=seconds)
    one = TurnedAway(Reason.ROLE, "10.0.0.5", "mobile", "sh\x1bop", count, at, at)
    return replace(sample, taken_at=at, refusals=Refusals((one,) if count else (), 1.0, "log/a.csv"))


async def test_who_is_turned_away_has_a_pane_while_there_are_any_and_leads_to_the_sessions_of_that_role() -> None:
    async with on_stage() as stage:
        assert "REFUSED" not in stage.screen
        await stage.post(turned_away(outage(), 37, 1))
        assert "refused 37/s role limit mobile" in stage.line("SLOTS")
        assert re.search(r"role limit +mobile +sh.op +10\.0\.0\.5 +37 +37 +0s +0s", stage.line("10.0.0.5 "))
        await stage.press("tab", "tab")
        await stage.press("enter")
        assert "[2 Sessions]" in stage.screen
        assert "app[/red]" in stage.screen
        assert "checkout" not in stage.screen
        await stage.press("1")
        await stage.post(turned_away(outage(), 0, 400))
        assert "REFUSED" not in stage.screen


async def test_a_sample_that_changes_no_height_lays_nothing_out_anew() -> None:
    later = replace(outage(), taken_at=outage().taken_at + timedelta(seconds=1))
    async with on_stage(size=LARGE) as stage:
        laid_out: list[object] = []
        stage.app.screen.screen_layout_refresh_signal.subscribe(stage.app.screen, laid_out.append, immediate=True)
        await stage.post(later)
        assert stage.app.analysis is not None
        assert stage.app.analysis.snapshot is later
        assert not laid_out
