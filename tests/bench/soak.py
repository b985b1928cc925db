"""Whether the monitor stays as light as it began, over thousands of samples with all screens gone through meanwhile.

    python tests/bench/soak.py [--samples 10000] [--sessions 5000] [--live 2000] [--minutes 7]

First samples made by hand: of so many sessions each is another one or in another state each time. Then a real server
with 25 clients that come and go, which now and then ends our connection, and once is started anew. Fails when after
the first two fifths something still grows. Run by `make soak`.
"""

import argparse
import asyncio
import gc
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.storm import clients
from endurance import TOUR, Crowd, Feed, Tour, Vitals, filled, vitals
from pgheadroom.demo.servers.cluster import Cluster, find_installations
from pgheadroom.demo.servers.playground import Playground
from pgheadroom.live.source import LiveSource
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.update import Update
from pgheadroom.tui.app import Monitor
from tui.powers import FakeServer, armed

SIZE = (160, 50)
ROWS = 10
SLACK = 4.0
"""Megabytes that the allocator may move about."""
VISITORS = 25
LEAST_INTERVAL = 0.05
ENDED_EVERY = 100


class Curve:
    """What is in use, row by row, and whether it is flat once everything has been seen."""

    def __init__(self, title: str, samples: int, seconds: float) -> None:
        """A row is due after each tenth of the samples, or of the time that there is for them."""
        print(f"\n{title}\n{'sample':>8}{'RSS MB':>9}{'tasks':>7}{'files':>7}{'objects':>9}{'seconds':>9}", flush=True)
        self._rows: list[Vitals] = []
        self._types: list[Counter[str]] = []
        self._every = max(1, samples // ROWS)
        self._seconds = seconds
        self._began = self._last = time.monotonic()

    @property
    def rows(self) -> int:
        return len(self._rows)

    def due(self, sample: int) -> bool:
        return sample % self._every == 0 or time.monotonic() - self._last > self._seconds / ROWS

    def over(self) -> bool:
        return time.monotonic() - self._began > self._seconds

    def add(self, sample: int) -> None:
        now = vitals(sample)
        self._rows.append(now)
        self._types.append(Counter(f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.get_objects()))
        self._last = time.monotonic()
        numbers = f"{now.sample:>8}{now.rss:>9.1f}{now.tasks:>7}{now.descriptors:>7}{now.objects:>9}"
        print(f"{numbers}{self._last - self._began:>9.0f}", flush=True)

    def growth(self) -> list[str]:
        """What grew since the first two fifths, in words."""
        warm = max(1, 2 * len(self._rows) // 5)
        grown = (self._types[-1] - self._types[warm - 1]).most_common(5)
        print("objects that became more:", ", ".join(f"{count} {name}" for name, count in grown) or "none")
        return [
            f"{name}: {before} to {after}"
            for name in ("rss", "tasks", "descriptors")
            if (after := getattr(self._rows[-1], name))
            > (before := max(getattr(one, name) for one in self._rows[:warm])) + _slack(name)
        ]


def _slack(name: str) -> float:
    """One question may be in flight."""
    return SLACK if name == "rss" else 1


async def by_hand(samples: int, sessions: int, seconds: float) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        feed = Feed()
        server = FakeServer(Crowd(1).snapshot())
        app = Monitor(feed, armed(server, Path(folder)))
        crowd = Crowd(sessions, filled(app._memory._history))
        title = f"{samples} samples of {sessions} sessions that change all the time, all screens"
        async with app.run_test(size=SIZE) as pilot:
            tour, curve = Tour(pilot), Curve(title, samples, seconds)
            for number in range(1, samples + 1):
                server.snapshot = crowd.snapshot()
                await feed.show(app, server.snapshot)
                if number % 3 == 0:
                    await tour.go(1)
                if curve.due(number):
                    await tour.home()
                    curve.add(number)
                if curve.over():
                    print(f"time is up after {number} samples")
                    break
            return curve.growth()


class Counted(LiveSource):
    """A live source that says how many samples it took."""

    samples = 0

    async def run(self, post: Callable[[Update], None]) -> None:
        def counting(update: Update) -> None:
            self.samples += isinstance(update, Snapshot)
            post(update)

        await super().run(counting)

    async def take(self, more: int, meanwhile: Callable[[], Awaitable[None]], over: Callable[[], bool]) -> None:
        """Go on for so many samples."""
        until = self.samples + more
        while self.samples < until and not over():
            await meanwhile()
            await asyncio.sleep(0.01)


async def live(cluster: Cluster, samples: int, seconds: float) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        source = Counted(cluster.conninfo("watcher"), interval=LEAST_INTERVAL)
        app = Monitor(source, armed(FakeServer(Crowd(1).snapshot()), Path(folder)))
        title = f"{samples} samples of a real server with {VISITORS} clients that come and go; it ends our connection"
        try:
            async with app.run_test(size=SIZE) as pilot:
                tour, curve = Tour(pilot), Curve(title, samples, seconds)
                await tour.go(len(TOUR) + 1)
                while curve.rows < ROWS and not curve.over():
                    await asyncio.to_thread(_disturb, cluster, restart=curve.rows == 1)
                    until = source.samples + samples // ROWS
                    while source.samples < until and not curve.over():
                        await source.take(ENDED_EVERY, lambda: tour.go(1), curve.over)
                        await asyncio.to_thread(_disturb, cluster, restart=False)
                    await tour.home()
                    await source.take(2, pilot.pause, curve.over)
                    curve.add(source.samples)
                return curve.growth()
        finally:
            await source.close()


def _disturb(cluster: Cluster, *, restart: bool) -> None:
    if restart:
        cluster.stop("immediate")
        cluster.start()
    else:
        with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
            superuser.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'watcher'")


def with_server(samples: int, seconds: float) -> list[str]:
    context = multiprocessing.get_context("spawn")
    over = context.Event()
    settings: dict[str, str | int] = {"max_connections": VISITORS + 20}
    with Playground() as ground:
        cluster = Cluster.create(ground, find_installations()[0], "soak", settings=settings)
        cluster.start()
        with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
            superuser.execute("CREATE ROLE web LOGIN")
            superuser.execute("CREATE ROLE watcher LOGIN IN ROLE pg_monitor")
        visitors = context.Process(target=clients, args=(cluster.conninfo("web"), VISITORS, 0.5, over))
        visitors.start()
        try:
            return asyncio.run(live(cluster, samples, seconds))
        finally:
            over.set()
            visitors.join()
            cluster.stop("immediate")


def main() -> int:
    parser = argparse.ArgumentParser(description="whether the monitor stays as light as it began")
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--sessions", type=int, default=5_000)
    parser.add_argument("--live", type=int, default=2_000)
    parser.add_argument("--minutes", type=float, default=7.0, help="at most, and half of it on the real server")
    chosen = parser.parse_args()
    seconds, grown = 60 * chosen.minutes, []
    if chosen.samples:
        grown += asyncio.run(by_hand(chosen.samples, chosen.sessions, seconds))
    if chosen.live:
        grown += with_server(chosen.live, seconds / 2)
    print("\n" + ("; ".join(grown) if grown else "flat"))
    return bool(grown)


if __name__ == "__main__":
    sys.exit(main())
