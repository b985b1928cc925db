"""Runs the monitor without a terminal, presses keys, and reads what it shows as plain text."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.update import Update
from pgheadroom.tui.app import Monitor
from pgheadroom.tui.options import Options
from pgheadroom.tui.screens.bulk import Bulk
from pgheadroom.tui.screens.confirm import Confirm
from pgheadroom.tui.widgets.painted import Painted
from pgheadroom.tui.widgets.table import Table
from pgheadroom.view.plots import plotter
from tui.outage import FakeSource, outage

GOLDENS = Path(__file__).parent / "goldens"
WRITE = bool(os.environ.get("PGHEADROOM_WRITE_GOLDENS"))
SMALL = (80, 24)
LARGE = (160, 50)


plotter()  # else the first screen of a test would be there before its plot


class Stage:
    """A monitor on a terminal of a given size, and the source that feeds it."""

    def __init__(self, app: Monitor, source: FakeSource, pilot: Pilot[int]) -> None:
        self.app = app
        self.source = source
        self.pilot = pilot

    async def settle(self) -> None:
        """Wait until every message is handled and drawn."""
        for _ in range(3):
            await self.pilot.pause()
            while self.app.keeps_keys:
                await self.pilot.pause(0.001)
        await self.pilot.wait_for_scheduled_animations()

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.pilot.press(key)
            await self.settle()

    async def post(self, update: Update) -> None:
        self.source.post(update)
        await self.settle()

    def table(self, name: str) -> Table[Any]:
        """A table of the screen that is in front, by its id: `table("#hogs")`."""
        return self.app.screen.query_one(name, Table)

    @property
    def screen(self) -> str:
        """The terminal's text, line by line."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips) + "\n"

    def line(self, containing: str) -> str:
        found = [line for line in self.screen.splitlines() if containing in line]
        assert found, f"no line with {containing!r} in:\n{self.screen}"
        return found[0]


def settled(snapshot: Snapshot) -> tuple[Snapshot, ...]:
    """The same sample three times in three seconds: what is found in it is no passing thing any more."""
    return tuple(replace(snapshot, taken_at=snapshot.taken_at - timedelta(seconds=ago)) for ago in (2, 1, 0))


@contextmanager
def reading(seconds: float = 0.0) -> Iterator[None]:
    """What a question asks of its reader, and what a monitor sets for all its widgets, are afterwards as before.

    Tests read at once; that a yes needs time is tested on a real terminal.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Confirm, "READING_TIME", seconds)
        patch.setattr(Bulk, "READING_TIME", seconds)
        patch.setattr(Painted, "ascii_only", Painted.ascii_only)
        yield


@asynccontextmanager
async def on_stage(
    *updates: Update,
    size: tuple[int, int] = SMALL,
    options: Options | None = None,
    reading_time: float = 0.0,
    **more: Any,
) -> AsyncIterator[Stage]:
    source = FakeSource(updates or settled(outage()))
    with reading(reading_time):
        app = Monitor(source, options or Options("prod db1:5432"), **more)
        app.clock = lambda: 0.0  # how old a sample is must not depend on how busy the machine is
        async with app.run_test(size=size) as pilot:
            stage = Stage(app, source, pilot)
            await stage.settle()
            yield stage


def matches_golden(name: str, screen: str) -> None:
    """Compare with the kept screen; PGHEADROOM_WRITE_GOLDENS=1 keeps this one instead."""
    path = GOLDENS / f"{name}.txt"
    if WRITE:
        path.parent.mkdir(exist_ok=True)
        path.write_text(screen, encoding="utf-8")
    expected = path.read_text(encoding="utf-8") if path.exists() else ""
    assert screen == expected, f"the screen is not the golden {name}; it is now:\n{screen}"
