"""One analysis a sample: it never moves, and each fact in it is worked out once."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pasts import at, moment
from pgheadroom import incoming
from pgheadroom.analysis import Analysis, Memory, analyse
from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.health import Status
from pgheadroom.model.session import State
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.model.update import Trouble
from pgheadroom.output.json_ import to_json
from pgheadroom.output.text import render
from pgheadroom.rules.facts import case
from pgheadroom.rules.findings import registry
from pgheadroom.rules.findings.registry import Family
from pgheadroom.tui.screens.sessions import Sessions
from pgheadroom.tui.screens.triage import Triage
from samples import NOW, many, session, waiter
from servers import PATIENCE
from sure import sure
from tui.pooled import pooled
from tui.stage import LARGE, Stage, on_stage

SCREENS = ("1", "2", "3", "4", "5", "6")
ONCE = ("capacity", "chains", "lock_places", "lock_nodes", "overcommitment", "hogs", "states", "forecast")


def growing(count: int) -> Snapshot:
    """A minute of an outage that grows, `count` sessions in its last sample."""
    return at(count, [*many(count), session(1, State.IDLE_IN_TRANSACTION), waiter(2, 1)])


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often a fact was worked out."""
    counts: Counter[str] = Counter()

    def counting(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def work_out(*given: Any) -> Any:
            counts[name] += 1
            return function(*given)

        return work_out

    for name in ONCE:
        monkeypatch.setattr(case, name, counting(name, getattr(case, name)))
    return counts


async def test_a_sample_drawn_on_all_screens_is_worked_out_once(counted: Counter[str]) -> None:
    async with on_stage(pooled(), size=LARGE) as stage:
        await stage.press(*SCREENS)
    assert {name: counted[name] for name in ONCE} == dict.fromkeys(ONCE, 1)


def test_text_and_json_of_one_analysis_work_it_out_once(counted: Counter[str]) -> None:
    seen = analyse(pooled(), Thresholds())
    render(seen)
    to_json(seen)
    assert {name: counted[name] for name in ONCE} == dict.fromkeys(ONCE, 1) | {"forecast": 0}


def test_an_analysis_never_moves() -> None:
    memory = Memory(Thresholds())
    for count in range(20, 50):
        seen = memory.take(growing(count))
    past, found = seen.before, seen.findings

    def told() -> tuple[object, ...]:
        return past.series("used"), past.column("used", 60, 12), past.hogs, past.turnover(10), seen.steps(), found

    before = told()
    for count in range(50, 90):
        memory.take(growing(count))
    memory.take(at(3, many(2)))  # another server: the clock goes back, and the memory starts anew
    assert repr(told()) == repr(before)


def test_the_same_sample_twice_is_the_same_analysis() -> None:
    memory = Memory(Thresholds())
    sample = growing(20)
    assert memory.take(sample) is memory.take(sample)
    assert len(memory.take(sample).before) == 1


def test_back_after_a_loss_the_status_is_of_now_and_not_of_before_it() -> None:
    memory, calm = Memory(Thresholds()), at(3, many(2))
    assert memory.take(at(1, many(97))).status is Status.CRITICAL
    assert memory.take(replace(calm, returned="back after 2s")).status is analyse(calm, Thresholds()).status
    assert memory.take(at(4, many(2))).findings == ()


def test_piece_by_piece_it_comes_to_the_same() -> None:
    at_once, in_pieces = Memory(Thresholds()), Memory(Thresholds())
    for count in range(20, 40):
        sample = growing(count)
        pieces = len([*in_pieces.work(sample)])
        one, other = in_pieces.take(sample), at_once.take(sample)
        assert (one.findings, one.status, one.ahead) == (other.findings, other.status, other.ahead)
        assert one.before.series("used") == other.before.series("used")
    assert pieces > len({row.rule for row in registry.FAMILIES})


async def test_keys_are_answered_while_a_crowd_is_worked_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming, "CROWD", 0)
    work, done = Memory.work, asyncio.Event()

    def after_the_key(self: Memory, snapshot: Snapshot) -> Generator[None, None, Analysis]:
        while not done.is_set():
            yield
        return (yield from work(self, snapshot))

    monkeypatch.setattr(Memory, "work", after_the_key)
    async with on_stage(pooled(), Trouble("the line is cut", NOW)) as stage:
        assert stage.app.newest is None
        await stage.press("2")
        assert isinstance(stage.app.screen, Sessions)
        assert stage.app.trouble is None
        done.set()
        async with asyncio.timeout(PATIENCE):
            while stage.app.trouble is None:  # it came behind the sample
                await stage.settle()
        assert stage.app.newest is not None


async def everything_shown(stage: Stage) -> dict[str, str]:
    """Each screen without the line that says how old it is."""
    shown = {}
    for key in SCREENS:
        await stage.press(key)
        shown[key] = stage.screen.split("\n", 1)[1]
    return shown


async def test_paused_every_screen_goes_on_showing_the_same_moment() -> None:
    sample = pooled()
    async with on_stage(size=LARGE) as stage:
        for number in range(12):
            sessions = sample.sessions[: 40 + number]
            await stage.post(replace(sample, taken_at=NOW + timedelta(seconds=number), sessions=sessions))
        await stage.press("p")
        before = await everything_shown(stage)
        for number in range(12, 40):
            await stage.post(replace(sample, taken_at=NOW + timedelta(seconds=number), sessions=sample.sessions[:9]))
        assert await everything_shown(stage) == before
        await stage.press("p")
        after = await everything_shown(stage)
        assert {key for key in SCREENS if after[key] != before[key]} >= {"1", "2", "5", "6"}


@pytest.fixture
def full_moon(monkeypatch: pytest.MonkeyPatch) -> Family:
    """A family of findings that nobody has heard of, with its one row."""

    def rise(seen: case.Case) -> list[Finding]:
        sentence = f"The moon is full over {len(seen.snapshot.sessions)} sessions"
        return [Finding("full-moon", Severity.CRITICAL, sentence, remedy="Wait for the morning.")]

    row = Family("full-moon", rise)
    monkeypatch.setattr(registry, "FAMILIES", (row, *registry.FAMILIES))
    return row


async def test_a_family_is_its_file_and_its_row(full_moon: Family) -> None:
    sentence = "The moon is full over 5 sessions"
    samples = [at(second, many(5)) for second in range(3)]
    seen = analyse(samples[-1], Thresholds())
    assert registry.rank(full_moon.name) == 0
    assert seen.findings[0].sentence == sentence
    assert json.loads(to_json(seen))["findings"][0]["key"] == full_moon.name
    assert [(step.key, step.finding) for step in seen.steps()][-2:] == [
        ("see-other", full_moon.name),
        ("resolved", full_moon.name),
    ]
    async with on_stage(*samples, size=LARGE) as stage:
        await stage.press("6")
        assert isinstance(stage.app.screen, Triage)
        assert sentence in stage.screen
        assert "Wait for the morning." in stage.screen
        assert moment(2) == sure(stage.app.newest).snapshot.taken_at
