"""Lines that are long, slow or dead, and servers that are frozen or overloaded."""

import asyncio
import time
from collections.abc import Callable

import pytest

from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.live.source import GIVEN_UP_AFTER, LiveSource
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.update import Update
from servers import frozen, wait_until
from terminal.emulator import Terminal
from wire import Wire

WIDE = {"columns": 160, "lines": 40}
AT_ONCE = 2.0
"""Seconds in which a key has to be followed: an empty machine needs 50 ms."""


def keys_live(terminal: Terminal) -> None:
    terminal.press("2").wait_for("▸ SESSIONS", seconds=AT_ONCE)
    terminal.press("?").wait_for("Capital letters act", seconds=AT_ONCE)
    terminal.press("Esc").wait_without("Capital letters act", seconds=AT_ONCE)
    terminal.press("1").wait_for("HOGS", seconds=AT_ONCE)


def stale_after(terminal: Terminal, since: float) -> float:
    terminal.wait_for("STALE").wait_for_match(r"✗ no answer for \d+ s: the server is overloaded or out of reach")
    return time.monotonic() - since


# --- no answer at all ------------------------------------------------------------------------------------------------


def test_a_silent_link(wire: Wire, monitor: Callable[..., Terminal]) -> None:
    terminal = monitor(wire.conninfo(), **WIDE)
    wire.silence()
    silent = time.monotonic()
    keys_live(terminal)
    # Two seconds of patience, and at most one of the interval before the question.
    assert stale_after(terminal, silent) < 6
    keys_live(terminal)
    assert wire.connections == 1
    wire.resume()
    terminal.wait_without("STALE", seconds=5).wait_without("✗")
    assert wire.connections == 1
    assert terminal.press("q").wait() == 0


def test_a_frozen_server(new_cluster: Callable[..., Cluster], monitor: Callable[..., Terminal]) -> None:
    cluster = new_cluster()
    terminal = monitor(cluster.conninfo(tcp=True), **WIDE)
    with frozen(cluster):
        since = time.monotonic()
        keys_live(terminal)
        assert stale_after(terminal, since) < 6
        keys_live(terminal)
    terminal.wait_without("STALE", seconds=5).wait_for("SLOTS 1/")
    with frozen(cluster):
        # Also to leave it nobody has to wait.
        assert terminal.press("q").wait(AT_ONCE) == 0


class Posted:
    """What came, and how many tasks and open connections there were at the most meanwhile."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.updates: list[Update] = []
        self.most_tasks = 0

    def __call__(self, update: Update) -> None:
        self.updates.append(update)
        self.most_tasks = max(self.most_tasks, len(asyncio.all_tasks()))

    @property
    def snapshots(self) -> list[Snapshot]:
        return [update for update in self.updates if isinstance(update, Snapshot)]

    async def until(self, holds: Callable[[], bool], seconds: float = 15.0) -> None:
        """In a thread, because what the wire counts is no event of our loop."""
        await asyncio.to_thread(wait_until, holds, "what is waited for", seconds)


@pytest.mark.parametrize(("given_up_after", "seconds"), [(GIVEN_UP_AFTER, 5), (1.0, 12)])
async def test_nothing_piles_up_while_a_link_is_silent(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, given_up_after: float, seconds: float
) -> None:
    """Once while it waits for its first question, once while it connects again and again."""
    monkeypatch.setattr("pgheadroom.live.source.GIVEN_UP_AFTER", given_up_after)
    source, posted = LiveSource(wire.conninfo(connect_timeout=1), interval=0.2), Posted(wire)
    running = asyncio.create_task(source.run(posted))
    await posted.until(lambda: len(posted.snapshots) >= 3)
    calm = posted.most_tasks
    wire.silence()
    await asyncio.sleep(seconds)
    # Two more: the attempt to connect, and what ends it. Its connection may come before the wire hears of the last end.
    assert posted.most_tasks <= calm + 2
    assert wire.most <= 2
    assert wire.alive <= 1
    assert (wire.connections > 2) == (given_up_after < 2)
    assert not isinstance(posted.updates[-1], Snapshot)
    before = len(posted.snapshots)
    wire.resume()
    await posted.until(lambda: len(posted.snapshots) >= before + 3, 20)
    assert len(asyncio.all_tasks()) <= calm + 1
    running.cancel()
    await asyncio.wait({running})
    await source.close()
    await posted.until(lambda: wire.alive == 0)


# --- late answers ----------------------------------------------------------------------------------------------------


async def test_one_round_trip_a_sample_on_a_long_line(wire: Wire) -> None:
    wire.delay = 0.3
    source, posted = LiveSource(wire.conninfo(), interval=0.2), Posted(wire)
    running = asyncio.create_task(source.run(posted))
    await posted.until(lambda: len(posted.snapshots) >= 2)
    trips, samples = wire.trips, len(posted.snapshots)
    await posted.until(lambda: len(posted.snapshots) >= samples + 4)
    # One more may be under way.
    assert wire.trips - trips in (4, 5)
    assert posted.updates == posted.snapshots
    assert all(0.6 <= snapshot.round_trip < 2 for snapshot in posted.snapshots)
    running.cancel()
    await asyncio.wait({running})
    await source.close()


def test_a_long_line_on_the_screen(wire: Wire, monitor: Callable[..., Terminal]) -> None:
    terminal = monitor(wire.conninfo(), **WIDE)
    wire.delay = 0.3
    terminal.wait_for_match(r"every 1s [6-9]00ms round trip")
    keys_live(terminal)
    assert "STALE" not in terminal.screen()


def test_a_server_that_takes_seconds_for_a_sample(wire: Wire, monitor: Callable[..., Terminal]) -> None:
    terminal = monitor(wire.conninfo(), **WIDE)
    wire.delay = 1.5
    began = time.monotonic()
    terminal.wait_for_match(r"not every 1s: a sample takes 3\.\ds")
    keys_live(terminal)
    terminal.wait_for_match(r"STALE.*not every 1s: a sample takes 3\.\ds", seconds=15)
    terminal.wait_for_match(r"✗ no answer for \d s: the last sample took 3\.\d s", seconds=15)
    terminal.wait_without("STALE", seconds=15)
    terminal.resize(80, 24)
    terminal.wait_for_match(r"a sample takes 3\.\ds\n")
    wire.reset()
    took = time.monotonic()
    terminal.pump(6)
    # Not more often than it is answered, and with a rest in between.
    assert wire.trips <= (time.monotonic() - took) / 3.5 + 1
    wire.delay = 0
    terminal.wait_for_match(r"/1s +(<10|\d0)ms", seconds=15)
    assert time.monotonic() - began < 60
