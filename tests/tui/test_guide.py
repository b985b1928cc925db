"""The panel of a lesson on the screens: where it is, what it follows, and that it is in nobody's way."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from pgheadroom.demo.guides import guide_of
from pgheadroom.model.snapshot import Role, Snapshot
from pgheadroom.tui.app import Monitor
from pgheadroom.tui.coach import Coach
from pgheadroom.tui.options import Options
from samples import ago
from sure import sure
from tui.outage import FakeSource, active, in_transaction, outage, session, waiting
from tui.powers import FakeServer, armed
from tui.stage import SMALL, Stage, matches_golden, reading, settled

WIDE = (130, 40)


def pile_up() -> Snapshot:
    """A migration that forty sessions wait for."""
    query = "ALTER TABLE orders ADD COLUMN gift_note text"
    holder = in_transaction(3000, 600, user="deploy", application="psql", query=query)
    waiters = [waiting(4000 + number, (3000,), "SELECT * FROM orders", 30) for number in range(40)]
    ours = active(6001, "", 0.0, user="pgheadroom", application="pgheadroom", client="local")
    roles = {name: Role(name, superuser=False, limit=None) for name in ("deploy", "web", "pgheadroom")}
    return replace(
        outage(), sessions=(holder, *waiters, session(1), ours), lock_requests=(), roles=roles, pgbouncers=()
    )


@asynccontextmanager
async def lesson(
    scenario: str, *samples: Snapshot, size: tuple[int, int] = SMALL, options: Options | None = None
) -> AsyncIterator[Stage]:
    source = FakeSource(samples or settled(pile_up()))
    with reading():
        app = Monitor(source, options or Options("demo"), lambda monitor: Coach(monitor, guide_of(scenario)))
        app.clock = lambda: 0.0
        async with app.run_test(size=size) as pilot:
            stage = Stage(app, source, pilot)
            await stage.settle()
            yield stage


def step_of(stage: Stage) -> str:
    return stage.line("GUIDE")


async def led(stage: Stage, text: str) -> None:
    """Wait until the panel says so."""
    for _ in range(20):
        if text in stage.screen:
            return
        await stage.settle()
        sure(stage.app.companion).look()
    raise AssertionError(f"{text!r} never came:\n{stage.screen}")


@pytest.mark.parametrize(("name", "size"), [("guide-80x24", SMALL), ("guide-130x40", WIDE)])
async def test_the_panel(name: str, size: tuple[int, int]) -> None:
    async with lesson("lock-pileup", size=size) as stage:
        matches_golden(name, stage.screen)


async def test_a_lesson_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    seen = pile_up()
    server = FakeServer(seen)
    async with lesson("lock-pileup", *settled(seen), options=armed(server, tmp_path)) as stage:
        await led(stage, "NOTICE: Something is wrong")
        await stage.press("t")
        await led(stage, "UNDERSTAND: Who waits for whom")
        await stage.press("3")
        await led(stage, "UNDERSTAND: Who is at the top")
        await stage.press("enter")
        await led(stage, "ACT: End the holder")
        await stage.press("K")
        assert "Terminate 1 session?" in stage.screen
        assert server.signals == []
        await stage.press("y")
        assert server.signalled_pids == [3000]
        await led(stage, "CHECK: Did it help?")
        free = tuple(one for one in seen.sessions if one.pid != 3000 and not one.blocked_by)
        for second in range(1, 9):
            await stage.post(replace(seen, taken_at=ago(-second), sessions=free))
        await led(stage, "all 5 done")
        await led(stage, "41 slots came back, and 40 sessions that waited go on")


async def test_whoever_goes_ahead_is_caught_up_with(tmp_path: Path) -> None:
    seen = pile_up()
    async with lesson("lock-pileup", *settled(seen), options=armed(FakeServer(seen), tmp_path), size=WIDE) as stage:
        await stage.press("3", "K", "y")
        await led(stage, "CHECK: Did it help?")
        assert "✓ Who waits for whom" in stage.screen
        assert "– Something is wrong" in stage.screen
        assert "✓ End the holder" in stage.screen


async def test_no_is_no_action(tmp_path: Path) -> None:
    seen = pile_up()
    async with lesson("lock-pileup", *settled(seen), options=armed(FakeServer(seen), tmp_path)) as stage:
        await stage.press("t", "3", "enter", "K", "n")
        await led(stage, "ACT: End the holder")


async def test_a_signal_that_fails_is_no_action(tmp_path: Path) -> None:
    seen = pile_up()
    server = FakeServer(seen)
    server.lost = True
    async with lesson("lock-pileup", *settled(seen), options=armed(server, tmp_path)) as stage:
        await stage.press("t", "3", "enter", "K", "y")
        await led(stage, "ACT: End the holder")
        assert server.signalled_pids == [3000]


async def test_it_waits_where_nothing_was_done() -> None:
    async with lesson("lock-pileup") as stage:
        for second in range(1, 9):
            await stage.post(replace(pile_up(), taken_at=ago(-second)))
        await stage.press("2", "1", "question_mark", "escape")
        assert "step 1 of 5" in step_of(stage)


async def test_every_screen_has_it_and_keeps_its_keys() -> None:
    async with lesson("lock-pileup", size=WIDE) as stage:
        for key, title in (
            ("2", "SESSIONS"),
            ("3", "LOCK WAITS"),
            ("4", "PgBouncer"),
            ("5", "USED SLOTS"),
            ("1", "HOGS"),
        ):
            await stage.press(key)
            assert "GUIDE" in stage.screen
            assert title in stage.screen


async def test_a_new_screen_is_drawn_into_the_room_that_is_left() -> None:
    """Without waiting for the next sample."""
    async with lesson("lock-pileup", size=WIDE) as stage:
        await stage.press("t")
        slots = stage.line("SLOTS").split("│")[0]
        assert slots.startswith("SLOTS 43/97")
        assert slots.rstrip().endswith(("in use", "0/5"))


async def test_it_can_be_hidden_and_shown() -> None:
    async with lesson("lock-pileup") as stage:
        shown = stage.screen
        await stage.press("f2")
        assert "GUIDE" not in stage.screen
        assert "F2 shows it again" in stage.screen
        assert "LOCK WAITS" in stage.screen, "the screen has its room again"
        await stage.press("t", "1")
        assert "GUIDE" not in stage.screen
        await stage.press("f2")
        assert "step 2 of 5" in step_of(stage), "the lesson went on meanwhile"
        assert stage.screen.count("\n") == shown.count("\n")


async def test_escape_keeps_its_meaning() -> None:
    async with lesson("lock-pileup") as stage:
        await stage.press("2", "slash", *"state:idle", "enter", "escape")
        assert "/state:idle" not in stage.screen
        assert "GUIDE" in stage.screen


async def test_a_filter_that_is_still_typed_is_not_yet_done() -> None:
    async with lesson("idle-in-transaction") as stage:
        await stage.press("t", "2", "slash", *"state:idletx")
        sure(stage.app.companion).look()
        assert "step 1" in step_of(stage) or "Who forgot" in step_of(stage)
        await stage.press("enter")
        sure(stage.app.companion).look()
        assert "Who forgot" not in step_of(stage)


async def test_the_panel_moves_with_the_window() -> None:
    async with lesson("lock-pileup") as stage:
        assert step_of(stage).startswith("─ GUIDE")
        await stage.pilot.resize_terminal(*WIDE)
        await stage.settle()
        assert "│ ─ GUIDE" in stage.screen
        await stage.pilot.resize_terminal(*SMALL)
        await stage.settle()
        await led(stage, "F2 hides")
        assert step_of(stage).startswith("─ GUIDE")


async def test_without_unicode() -> None:
    async with lesson("lock-pileup", size=WIDE, options=Options("demo", ascii_only=True)) as stage:
        await stage.press("t")
        await led(stage, "[x] Something is wrong")
        assert stage.screen.isascii()
