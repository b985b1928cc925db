"""Ordinary days, made up second by second: pools that breathe and renew, jobs, short locks. Nothing is to be told."""

from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pasts import at, moment
from pgheadroom.analysis import Memory
from pgheadroom.model.health import Status
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.session import Session, State
from pgheadroom.model.snapshot import Role, Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules.verdict.health import overall
from samples import pool, roles, session

PLAIN = Thresholds()


@dataclass
class Connection:
    """One connection of an application's pool, and what its session does."""

    application: str
    pid: int
    opened: float
    closes: float
    state: State = State.IDLE
    since: float = 0.0

    def live(self, random: Random, now: float, busy: float) -> None:
        """What it does in this second: an idle one is taken up with a chance of `busy`."""
        if self.state is State.IDLE and random.random() < busy:
            self.state, self.since = random.choice([*[State.ACTIVE] * 7, State.IDLE_IN_TRANSACTION]), now
        elif self.state is not State.IDLE and random.random() < 0.7:
            self.state, self.since = State.IDLE, now

    def session(self, locked: bool) -> Session:
        waits: dict[str, Any] = (
            {"wait_event_type": "Lock", "blocked_by": (1,)} if locked and self.state is State.ACTIVE else {}
        )
        return session(
            self.pid,
            self.state,
            backend_start=moment(self.opened),
            state_change=moment(self.since),
            query_start=moment(self.since),
            xact_start=None if self.state is State.IDLE else moment(self.since),
            application=self.application,
            **waits,
        )


class Day:
    """Three pools that keep a few connections and open more for a while when they need them, and a job now and then."""

    POOLS = (("checkout", 6, 14, 0.2), ("billing", 20, 25, 0.01), ("search", 2, 10, 0.5))

    def __init__(self, random: Random) -> None:
        self.random = random
        self.connections: list[Connection] = []
        self.pids = iter(range(100, 1_000_000))

    def sample(self, now: float, step: float) -> Snapshot:
        for application, least, most, busy in self.POOLS:
            self._breathe(application, now, least, most)
            for one in self.connections:
                if one.application == application:
                    one.live(self.random, now, busy)
        if self.random.random() < step / 60:
            for _ in range(self.random.randint(1, 4)):
                self._open("cron", now, lasts=self.random.uniform(1, 20))
        self.connections = [one for one in self.connections if one.closes > now]
        locked = self.random.random() < 0.02
        behind = PgBouncer("b", pools=(pool(size=10, sv_active=self.random.randint(0, 5), sv_idle=4),))
        return at(
            now,
            [one.session(locked and n < 3) for n, one in enumerate(self.connections)],
            pgbouncers=(behind,),
            roles=roles(Role("web", False, 90)),
        )

    def _breathe(self, application: str, now: float, least: int, most: int) -> None:
        """A pool opens a connection when it has fewer than it keeps, or when all are in use."""
        mine = [one for one in self.connections if one.application == application]
        for _ in range(least - len(mine)):
            # It renews a connection after half an hour, give or take; what is above its least goes sooner.
            self._open(application, now, lasts=self.random.uniform(1500, 2100))
        if len(mine) < most and all(one.state is not State.IDLE for one in mine):
            self._open(application, now, lasts=90.0)

    def _open(self, application: str, now: float, lasts: float) -> None:
        self.connections.append(Connection(application, next(self.pids), now, now + lasts, since=now))


@pytest.mark.parametrize(("seconds", "step"), [(600, 1.0), (3600, 5.0)])
@settings(deadline=None, max_examples=2, phases=[Phase.generate])
@given(seed=st.integers(0, 10**6))
def test_nothing_is_found_on_an_ordinary_day(seconds: int, step: float, seed: int) -> None:
    day, memory = Day(Random(seed)), Memory(PLAIN)
    for tick in range(int(seconds / step)):
        sample = day.sample(tick * step, step)
        seen = memory.take(sample)
        assert [one.sentence for one in seen.findings] == []
        assert overall(seen.health) is Status.OK
