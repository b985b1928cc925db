"""The demo's outages on real servers: what is found first, and by when. Their cures are in tests/terminal."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import pytest

from pgheadroom.analysis import Analysis, Memory
from pgheadroom.demo.servers.bouncer import HOW_TO_INSTALL, find_pgbouncer
from pgheadroom.demo.stage import SCENARIOS, Demo, open_demo
from pgheadroom.live.source import LiveSource
from pgheadroom.model.finding import Finding
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules.filters.language import parse_filter
from servers import missing
from sure import sure

CALM_SECONDS = 20
SOON = 3
"""Samples, one a second."""

# By scenario: the finding that is first by then, what its sentence says, and the step that the flow leads to.
EXPECTED: dict[str, tuple[str, str, str]] = {
    "idle-leak": ("server-slots", "idle; most by billing/billing-api", "end-idle"),
    "idle-in-transaction": ("idle-in-transaction", "most by billing/payment", "end-transactions"),
    "lock-pileup": ("lock-pile-up", "deploy/psql, idle in tx", "end-root"),
    "busy": ("all-active", "run queries at once", "cancel-queries"),
    "pool-saturated": ("pool-waiting", "clients wait for pool shop/web", "free-pool"),
    "role-limit": ("role-limit:reports", "Role reports is at its limit: 6 of 6", "free-limit"),
    "storm": ("reconnect-storm", "lambda/lambda opens", "slow-storm"),
}


class Watched:
    """A demo seen as the monitor sees it."""

    def __init__(self, demo: Demo) -> None:
        self.source = LiveSource(demo.conninfo, pgbouncers=demo.pgbouncers)
        self.memory = Memory(Thresholds())
        self.analysis: Analysis | None = None
        self.snapshot: Snapshot | None = None
        self.first: list[Finding] = []
        """The most urgent finding of each sample that had one."""

    async def sample(self) -> Sequence[Finding]:
        if self.snapshot is not None:
            await asyncio.sleep(1.0)
        self.snapshot = await self.source.sample_once()
        self.analysis = self.memory.take(self.snapshot)
        self.first += self.analysis.findings[:1]
        return self.analysis.findings

    async def until(self, holds: Callable[[Sequence[Finding]], bool], samples: int) -> Sequence[Finding]:
        """Sample until it holds; the last findings, whether it did or not."""
        found: Sequence[Finding] = ()
        for _ in range(samples):
            found = await self.sample()
            if holds(found):
                break
        return found


@pytest.fixture
def played() -> Callable[[str], AbstractContextManager[Demo]]:
    """For the scenarios that need it, PgBouncer has to be there."""
    if find_pgbouncer() is None:
        missing(HOW_TO_INSTALL)
    return lambda scenario: open_demo(scenario, lambda line: None)


def test_every_scenario_has_its_finding() -> None:
    assert {*EXPECTED, "calm"} == set(SCENARIOS)


@pytest.mark.parametrize("scenario", EXPECTED)
async def test_the_right_finding_is_first_within_three_samples(
    scenario: str, played: Callable[[str], AbstractContextManager[Demo]]
) -> None:
    key, words, action = EXPECTED[scenario]

    def right(found: Sequence[Finding]) -> bool:
        return bool(found) and found[0].key.startswith(key)

    with played(scenario) as demo:
        watched = Watched(demo)
        found = await watched.until(right, SOON)
        earlier = watched.first[:-1]
        steps = sure(watched.analysis).steps()
        await watched.source.close()
    assert right(found), [one.sentence for one in found]
    # A storm takes three samples to be told from a crowd that stays. Until then nobody is to be ended for it.
    assert {(one.family, sure(one.proposal).verb) for one in earlier} <= {("server-slots", None), ("turned-away", None)}
    assert words in found[0].sentence
    assert [step.key for step in steps][-2:] == [action, "resolved"]
    assert found[0].proposal is not None
    assert parse_filter(found[0].proposal.filter).select(
        sure(watched.snapshot).sessions, sure(watched.snapshot).taken_at
    )


async def test_a_leak_is_told_once_it_is_evident(played: Callable[[str], AbstractContextManager[Demo]]) -> None:
    with played("idle-leak") as demo:
        watched = Watched(demo)
        found = await watched.until(lambda found: bool(found) and found[0].family == "leak", 60)
        await watched.source.close()
    leak = found[0]
    assert leak.sentence.startswith("billing/billing-api leaks: ")
    assert leak.explains == "server-slots"
    assert len(leak.sessions) >= 20


async def test_a_calm_server_has_nothing_to_tell(played: Callable[[str], AbstractContextManager[Demo]]) -> None:
    with played("calm") as demo:
        watched = Watched(demo)
        told = [await watched.sample() for _ in range(CALM_SECONDS)]
        steps = sure(watched.analysis).steps()
        await watched.source.close()
    assert [one.sentence for found in told for one in found] == []
    assert steps[-1].key == "calm"
