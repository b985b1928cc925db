"""What tells whether the monitor stays as light as it began: a server that never rests, and how much is in use."""

import asyncio
import gc
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count, cycle
from pathlib import Path

from textual.pilot import Pilot

from pgheadroom.history.history import History
from pgheadroom.model.session import Session, State
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.update import Update
from pgheadroom.rules.facts.capacity import capacity
from pgheadroom.tui.app import Monitor
from samples import NOW
from tui.outage import outage, session

_STATES = (State.ACTIVE, State.IDLE, State.IDLE, State.IDLE, State.IDLE_IN_TRANSACTION, State.ABORTED)
_LEAVING = 0.02
"""Of all sessions, from one sample to the next."""


class Crowd:
    """Sessions of which each is in another state in each sample, under ever new pids, applications and queries."""

    def __init__(self, size: int, begins: datetime = NOW) -> None:
        self._dice = random.Random(1)
        self._pids = count(1000)
        self._pgbouncers = outage().pgbouncers
        settings = replace(outage().settings, max_connections=size + size // 50)
        self._plain = replace(outage(), taken_at=begins, settings=settings)
        self._number = 0
        self._sessions = [self._newcomer() for _ in range(size)]

    def _newcomer(self) -> Session:
        pid = next(self._pids)
        application = f"job-{pid}" if pid % 10 == 0 else f"pod-{pid % 40}"
        start = self._plain.taken_at + timedelta(seconds=self._number)
        user = ("web", "mobile", "reports", "worker")[pid % 4]
        return session(pid, user=user, application=application, client=f"10.0.3.{pid % 40}", backend_start=start)

    def snapshot(self) -> Snapshot:
        """The next sample, a second after the one before."""
        self._number += 1
        now = self._plain.taken_at + timedelta(seconds=self._number)
        for place in self._dice.sample(range(len(self._sessions)), max(1, int(_LEAVING * len(self._sessions)))):
            self._sessions[place] = self._newcomer()
        root = self._sessions[0].pid
        self._sessions = [self._moved(place, one, root, now) for place, one in enumerate(self._sessions)]
        waiting = self._number % 50
        pgbouncers = tuple(
            replace(bouncer, pools=tuple(replace(pool, cl_waiting=waiting) for pool in bouncer.pools))
            for bouncer in self._pgbouncers
        )
        return replace(self._plain, taken_at=now, sessions=tuple(self._sessions), pgbouncers=pgbouncers)

    def _moved(self, place: int, one: Session, root: int, now: datetime) -> Session:
        waits = 0 < place < 40 and self._number % 3 == 0
        state = State.ACTIVE if waits else _STATES[(place + self._number) % len(_STATES)]
        since = now - timedelta(seconds=(place * 7 + self._number) % 900)
        return one._replace(
            state=state,
            wait_event_type="Lock" if waits else "",
            xact_start=since if state is not State.IDLE else None,
            query_start=since,
            state_change=since,
            query=f"SELECT * FROM orders WHERE id = {self._number * 7919 + place}",
            blocked_by=(root,) if waits else (),
        )


def filled(history: History) -> datetime:
    """Let it have seen a week, so that it is as large as it gets; the moment of its newest sample."""
    empty = replace(outage(), sessions=())
    moment = NOW - timedelta(days=8)
    while moment < NOW:
        moment += timedelta(minutes=1)
        history.append(replace(empty, taken_at=moment), capacity(empty))
    return moment


class Feed:
    """A source that posts a sample when it is told to."""

    def __init__(self) -> None:
        self.interval = 1.0
        self._post: Callable[[Update], None] | None = None
        self.running = asyncio.Event()

    def set_interval(self, seconds: float) -> None:
        self.interval = seconds

    def sample_now(self) -> None:
        pass

    async def run(self, post: Callable[[Update], None]) -> None:
        self._post = post
        self.running.set()
        await asyncio.Event().wait()

    async def close(self) -> None:
        pass

    async def show(self, app: Monitor, snapshot: Snapshot) -> None:
        """Post a sample, and wait until the monitor has taken it and drawn."""
        await self.running.wait()
        assert self._post is not None
        self._post(snapshot)
        while app.newest is None or app.newest.snapshot is not snapshot:  # noqa: ASYNC110 - the monitor does not tell
            await asyncio.sleep(0)
        drawn = asyncio.Event()
        app.screen.call_after_refresh(drawn.set)
        await drawn.wait()


# Through all screens and dialogues, and back to where it began; what a key finds there differs from sample to sample.
TOUR: tuple[str, ...] = (
    *("1", "u", "tab", "j", "s", "slash", *"web", "enter", "escape", "S"),
    *("2", "j", "space", "j", "space", "i", "i", "s", "slash", *"state:idle", "enter", "G", "g", "escape", "escape"),
    *("j", "enter", "j", "k", "y", "escape", "escape"),  # a session closely, its query to be copied
    *("j", "K", "tab", "n", "escape", "j", "C", "escape", "B", "tab", "escape"),  # asked, never confirmed
    *("3", "j", "s", "escape", "4", "j", "j", "escape", "5", "n", "N", "escape", "t", "j", "escape"),
    *("question_mark", "j", "escape", "colon", *"pause", "escape", "p", "p", "plus", "minus", "r", "1"),
)
SIZES = ((160, 50), (80, 24), (60, 15), (200, 60))


class Tour:
    """Walks through the monitor, on a terminal that is now large and now small."""

    def __init__(self, pilot: Pilot[int], keys: Sequence[str] = TOUR, sizes: Sequence[tuple[int, int]] = SIZES) -> None:
        self._pilot = pilot
        steps: list[str | tuple[int, int]] = []
        for size in sizes:
            steps += [size, *keys]
        self._steps = cycle(steps)

    async def go(self, steps: int) -> None:
        for _ in range(steps):
            step = next(self._steps)
            if isinstance(step, tuple):
                await self._pilot.resize_terminal(*step)
            else:
                await self._pilot.press(step)

    async def home(self) -> None:
        """Close what is open, and go to the first screen: what is in use can be compared there."""
        await self._pilot.press("escape", "escape", "escape", "1")
        await self._pilot.pause()


@dataclass(frozen=True, slots=True)
class Vitals:
    """What a process uses.

    Attributes:
        sample: After so many of them.
        rss: Megabytes.
        tasks: Of the event loop.
        descriptors: Open files and sockets.
        objects: That the garbage collector knows.
    """

    sample: int
    rss: float
    tasks: int
    descriptors: int
    objects: int


def vitals(sample: int) -> Vitals:
    """Of this process, once everything that nobody holds is gone."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Vitals(
        sample,
        pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
        len(asyncio.all_tasks()),
        len(list(Path("/proc/self/fd").iterdir())),
        len(gc.get_objects()),
    )
