"""The monitor stays as light as it began. `make soak` is the same for long, with the memory's curve."""

import asyncio
import gc
import pickle
from collections.abc import Callable
from pathlib import Path

import psycopg
from textual.strip import Strip

from endurance import Crowd, Feed, Tour, Vitals, vitals
from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.history.history import History
from pgheadroom.live.source import LiveSource
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.update import Trouble, Update
from pgheadroom.rules.facts.capacity import capacity
from pgheadroom.tui.app import Monitor
from tui.powers import FakeServer, armed
from tui.stage import on_stage

SIZE = (100, 30)
# Every screen and every dialogue once.
KEYS = (
    *("u", "slash", "w", "enter", "escape", "2", "j", "space", "slash", "p", "enter", "escape", "escape"),
    *("enter", "escape", "K", "n", "C", "escape", "B", "escape", "3", "4", "5", "t", "enter", "escape", "escape"),
    *("question_mark", "escape", "colon", "escape", "p", "p", "1"),
)
LOSSES = 3
PATIENCE = 20.0


async def test_screens_and_dialogues_leave_no_tasks_and_no_files_behind(tmp_path: Path) -> None:
    feed, crowd = Feed(), Crowd(60)
    server = FakeServer(crowd.snapshot())
    app = Monitor(feed, armed(server, tmp_path))

    async def lap(tour: Tour) -> Vitals:
        """All that one can do here, with new samples in between."""
        for _ in range(0, len(KEYS) + 1, 4):
            server.snapshot = crowd.snapshot()
            await feed.show(app, server.snapshot)
            await tour.go(4)
        await tour.home()
        return vitals(len(KEYS))

    async with app.run_test(size=SIZE) as pilot:
        tour = Tour(pilot, KEYS, [SIZE])
        first, second = await lap(tour), await lap(tour)
    assert (second.tasks, second.descriptors) == (first.tasks, first.descriptors)
    assert second.objects < 1.1 * first.objects


async def test_dialogues_that_were_closed_keep_nothing_of_what_was_drawn() -> None:
    async with on_stage(size=SIZE) as stage:

        async def strips_after(times: int) -> int:
            for _ in range(times):
                await stage.press("question_mark", "escape")
            gc.collect()
            return sum(isinstance(one, Strip) for one in gc.get_objects())

        few = await strips_after(2)
        assert await strips_after(5) < 1.2 * few


def test_history_of_thousands_that_change_all_the_time_keeps_its_size() -> None:
    history, crowd = History(room=60), Crowd(2000)

    def size_after(samples: int) -> int:
        for _ in range(samples):
            snapshot = crowd.snapshot()
            history.append(snapshot, capacity(snapshot))
        return len(pickle.dumps(history))

    full = size_after(110)
    assert size_after(60) < 1.02 * full


class Counted:
    """What a source posted."""

    def __init__(self) -> None:
        self.samples = self.troubles = 0

    def post(self, update: Update) -> None:
        self.samples += isinstance(update, Snapshot)
        self.troubles += isinstance(update, Trouble)

    async def wait(self, holds: Callable[[], bool], what: str) -> None:
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while not holds():
            assert asyncio.get_running_loop().time() < deadline, f"not within {PATIENCE:g} s: {what}"
            await asyncio.sleep(0.01)

    async def lost(self, times: int) -> None:
        await self.wait(lambda: self.troubles >= times, "it noticed that it was ended")

    async def more(self, samples: int) -> None:
        until = self.samples + samples
        await self.wait(lambda: self.samples >= until, f"{samples} more samples, {self.samples} so far")


async def test_samples_and_losses_leave_no_tasks_and_no_sockets_behind(
    one_server: Cluster, superuser: "psycopg.Connection", role: Callable[..., str]
) -> None:
    role("watcher", member_of=["pg_monitor"])
    source, counted = LiveSource(one_server.conninfo("watcher"), interval=0.005), Counted()
    sampling = asyncio.create_task(source.run(counted.post))
    try:
        await counted.more(50)
        before = vitals(counted.samples)
        for loss in range(1, LOSSES + 1):
            superuser.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'watcher'")
            await counted.lost(loss)
            await counted.more(50)
        after = vitals(counted.samples)
    finally:
        sampling.cancel()
        await asyncio.wait({sampling})
        await source.close()
    assert after.tasks <= before.tasks + 1  # a question may be in flight
    assert after.descriptors <= before.descriptors + 1
