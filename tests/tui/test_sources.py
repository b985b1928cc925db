"""The monitor on sources that are no live server: it takes what `model.ports` says, and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from textual.pilot import Pilot

from pgheadroom.acting.powers import Powers
from pgheadroom.audit import Audit
from pgheadroom.model.bouncer_command import BouncerVerb
from pgheadroom.model.ports import Commands, Inquiries, Post, Signals, Source
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.tui.app import Monitor
from pgheadroom.tui.options import Options
from tui.pooled import FakeConsole, pooled
from tui.powers import FakeServer
from tui.stage import reading

SCREENS = {"1": "STATES", "2": "SESSIONS", "3": "LOCK WAITS", "4": "POOLS", "5": "USED SLOTS", "6": "WHAT HELPS"}
SIZE = (130, 40)
ACTING = ("C", "K", "B", "X")


class Listed:
    """A source made of a list: `r` goes on to the next snapshot, and after the last one nothing comes any more."""

    interval = 1.0

    def __init__(self, snapshots: Sequence[Snapshot]) -> None:
        self._snapshots = snapshots
        self._next = asyncio.Event()

    def set_interval(self, seconds: float) -> None:
        self.interval = seconds

    def sample_now(self) -> None:
        self._next.set()

    async def run(self, post: Post) -> None:
        for snapshot in self._snapshots:
            post(snapshot)
            await self._next.wait()
            self._next.clear()
        await asyncio.Event().wait()

    async def close(self) -> None:
        pass


def one_minute_apart(*used: int) -> list[Snapshot]:
    """The outage with so many sessions at each of these moments."""
    seen = pooled()
    return [
        replace(seen, taken_at=seen.taken_at + timedelta(minutes=minute), sessions=seen.sessions[:count])
        for minute, count in enumerate(used)
    ]


class Watched:
    """A monitor that is looked at and typed into."""

    def __init__(self, app: Monitor, pilot: Pilot[int]) -> None:
        self.app, self.pilot = app, pilot

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        for _ in range(2):
            await self.pilot.pause()

    @property
    def screen(self) -> str:
        return "\n".join(strip.text for strip in self.app.screen._compositor.render_strips())


@asynccontextmanager
async def watching(source: Source, options: Options) -> AsyncIterator[Watched]:
    with reading():
        app = Monitor(source, options)
        app.clock = lambda: 0.0
        async with app.run_test(size=SIZE) as pilot:
            await pilot.pause()
            await pilot.pause()
            yield Watched(app, pilot)


async def test_a_list_of_snapshots_drives_the_whole_monitor(tmp_path: Path) -> None:
    samples = one_minute_apart(90, 92, 94)
    server, console = FakeServer(samples[-1]), FakeConsole()
    signals: Signals = server
    inquiries: Inquiries = server
    commands: Commands = console
    audit = Audit(tmp_path / "pgheadroom" / "actions.jsonl")
    options = Options("listed", inquiries=inquiries, powers=Powers(signals, audit, commands))
    async with watching(Listed(samples), options) as seen:
        for used in (90, 92, 94):
            assert f"{used}/97" in seen.screen
            await seen.press("r")
        for key, title in SCREENS.items():
            await seen.press(key)
            assert title in seen.screen
        await seen.press("plus")
        assert "every 2s" in seen.screen
        await seen.press("2", "enter")
        assert "the whole text" in seen.screen
        await seen.press("escape", "K", "y")
        assert len(server.signalled_pids) == 1
        await seen.press("4", "tab", "tab", "tab", "X", "a", "y")
        assert [command.verb for _, command in console.given] == [BouncerVerb.PAUSE]


async def test_a_source_without_powers_shows_everything_and_has_no_key_that_acts() -> None:
    async with watching(Listed(one_minute_apart(94)), Options("listed")) as seen:
        for key, title in SCREENS.items():
            await seen.press(key)
            assert title in seen.screen
            last = seen.screen.splitlines()[-1]
            assert not [words for words in ("cancel", "terminate", "bulk", "command") if words in last]
            shown = seen.screen
            await seen.press(*ACTING)
            assert seen.screen == shown
        await seen.press("2", "enter")
        assert "SESSION" in seen.screen
        assert "not all is known" not in seen.screen


async def test_powers_over_sessions_alone_offer_no_command_to_a_pgbouncer(tmp_path: Path) -> None:
    (sample,) = one_minute_apart(94)
    powers = Powers(FakeServer(sample), Audit(tmp_path / "pgheadroom" / "actions.jsonl"))
    async with watching(Listed([sample]), Options("listed", powers=powers)) as seen:
        await seen.press("4")
        assert "command" not in seen.screen.splitlines()[-1]
        shown = seen.screen
        await seen.press("X")
        assert seen.screen == shown
