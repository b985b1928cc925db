"""Screen 5: plots of the history, as characters only."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from pgheadroom.model.session_totals import SessionTotals
from pgheadroom.model.turned_away import Reason, Refusals, TurnedAway
from samples import NOW
from sure import sure
from tui.outage import outage
from tui.stage import LARGE, SMALL, Stage, matches_golden, on_stage


async def feed(stage: Stage, samples: int, totals: Callable[[int], SessionTotals | None] = lambda _: None) -> None:
    seen = outage()
    for number in range(samples):
        at, sessions = NOW + timedelta(seconds=number + 1), seen.sessions[: 60 + number % 30]
        stage.source.post(replace(seen, taken_at=at, sessions=sessions, session_totals=totals(number)))
    await stage.settle()  # once: what is between them nobody looks at


def ended(number: int) -> SessionTotals:
    """In each second four begin; twice some are killed, and towards the end one after the other is abandoned."""
    return SessionTotals(4 * number, max(0, number - 40), 0, 3 * (number > 12) + 2 * (number > 30))


async def test_plots_show_the_limit_and_the_time() -> None:
    async with on_stage() as stage:
        await feed(stage, 20)
        await stage.press("5")
        await stage.settle()
        for title in ("USED SLOTS", "STATES", "WAITING", "NEW A SECOND"):
            assert title in stage.screen
        assert "now" in stage.screen
        assert "last 5m00s" in stage.screen
        assert "\x1b" not in stage.screen


@pytest.mark.parametrize("size", [SMALL, LARGE, (200, 60)])
async def test_the_same_moment_stands_in_the_same_column_of_plots_above_each_other(size: tuple[int, int]) -> None:
    async with on_stage(size=size) as stage:
        await feed(stage, 20)
        await stage.press("5")
        axes = [line for line in stage.screen.splitlines() if line.rstrip().endswith("now")]
        assert len(axes) == 2
        assert axes[0].rstrip() == axes[1].rstrip()


@pytest.mark.parametrize(("size", "name"), [(SMALL, "80x24"), (LARGE, "160x50")])
async def test_trends_look_like_their_golden(size: tuple[int, int], name: str) -> None:
    async with on_stage(size=size) as stage:
        await feed(stage, 60, ended)
        await stage.press("5")
        matches_golden(f"trends-{name}", stage.screen)


async def test_brackets_change_the_time_shown() -> None:
    async with on_stage() as stage:
        await feed(stage, 3)
        await stage.press("5", "right_square_bracket")
        assert "last 15m" in stage.screen
        await stage.press("left_square_bracket", "left_square_bracket", "left_square_bracket")
        assert "last 1m00s" in stage.screen


async def test_the_whole_run_is_offered_once_it_is_longer_than_two_hours() -> None:
    async with on_stage() as stage:
        await stage.press("5", *["right_square_bracket"] * 8)
        assert "last 2h00m" in stage.screen
        for hours in range(1, 9):
            await stage.post(replace(outage(), taken_at=NOW + timedelta(hours=hours)))
        await stage.press(*["right_square_bracket"] * 8)
        assert "last 12h" in stage.screen


async def test_a_hog_has_its_own_trend_on_demand() -> None:
    async with on_stage(size=LARGE) as stage:
        await feed(stage, 20)
        await stage.press("5", "n")
        assert "USED SLOTS OF web/checkout" in stage.screen
        assert "NEW A SECOND OF web/checkout" in stage.screen
        assert "STATES" in stage.screen
        second = sure(stage.app.analysis).before.hogs[1]
        await stage.press("n")
        assert f"USED SLOTS OF {second.user}/{second.application}" in stage.screen
        await stage.press("N", "N")
        assert "USED SLOTS " in stage.screen
        assert " OF " not in stage.screen


async def test_without_numbers_it_says_so_and_tiny_screens_survive() -> None:
    async with on_stage(size=(60, 15)) as stage:
        await stage.press("5")
        await stage.pilot.resize_terminal(20, 5)
        await stage.settle()
        await stage.press("escape")
        assert stage.app.current_mode == "overview"


async def test_refusals_are_plotted_and_named_only_where_there_were_any() -> None:
    async with on_stage(size=LARGE) as stage:
        await feed(stage, 3)
        await stage.press("5")
        assert "r refused" not in stage.screen
        for number in range(4, 8):
            at = NOW + timedelta(seconds=number)
            refused = Refusals((TurnedAway(Reason.SERVER, "", "web", "", 30, at, at),), 1.0)
            await stage.post(replace(outage(), taken_at=at, refusals=refused))
        assert "NEW A SECOND r refused" in stage.screen
        assert re.search(r"\s{5}r+\s*$", stage.screen, re.M)


async def test_all_that_can_end_badly_is_named_on_a_small_screen() -> None:
    refused = Refusals((TurnedAway(Reason.SERVER, "", "web", "", 30, NOW, NOW),), 1.0)
    async with on_stage(size=SMALL) as stage:
        for number in range(3):
            at, totals = (
                NOW + timedelta(seconds=number + 1),
                SessionTotals(*(number * count for count in (24, 18, 12, 6))),
            )
            await stage.post(replace(outage(), taken_at=at, refusals=refused, session_totals=totals))
        await stage.press("5")
        assert "─ NEW refused killed fatal abandoned" in stage.screen
        marks = re.findall(r"\s{5}([rkfa]+)\s*$", stage.screen, re.M)
        assert {"r", "k", "f", "a"} == set("".join(marks))
