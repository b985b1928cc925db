"""A server that is watched: what is told in trouble, and what it costs the server."""

import asyncio
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from types import SimpleNamespace
from typing import cast
from unittest.mock import AsyncMock

import pytest

from pgheadroom.agent import watched
from pgheadroom.agent.watched import Watched
from pgheadroom.analysis import Analysis
from pgheadroom.live.source import LiveSource
from pgheadroom.model.refusal import Hindrance, Refusal, RefusedBy
from pgheadroom.model.session_totals import SessionTotals
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.model.update import Trouble, Update, Waiting
from pgheadroom.output.exposition import prometheus_text
from samples import NOW, many, snapshot
from servers import missing


class Staged:
    """A source that has what the test says."""

    def __init__(self) -> None:
        self.connected = True
        self.interval = 1.0
        self.doors = SimpleNamespace(refusals=(), attempts=3, refused=Counter({RefusedBy.ROLE: 2}))
        self.reconnection = SimpleNamespace(attempts=SimpleNamespace(doors=self.doors))


def refusal(limit: RefusedBy, hindrance: Hindrance = Hindrance.NO_ROOM) -> Refusal:
    return Refusal("web@db1", limit, "", None, "no", NOW, hindrance)


def lost(*limits: RefusedBy) -> Trouble:
    refusals = tuple(map(refusal, limits))
    return Trouble("x", NOW, 1, Waiting(NOW, 1, refusals) if refusals else None)


def a_watched(*updates: Update) -> tuple[Watched, Staged]:
    source = Staged()
    one = Watched("t", cast(LiveSource, source), Thresholds(), 5)
    for update in updates:
        one._take(update)
    return one, source


def told(one: Watched) -> dict[str, float]:
    lines = [line for line in prometheus_text(one.families()).split("\n") if not line.startswith("#")]
    series = [line.rsplit(" ", 1) for line in lines]
    assert len({name for name, _ in series}) == len(series)
    return {name.removeprefix("pgheadroom_").replace('target="t",', "").replace('{target="t"}', ""): float(value)
            for name, value in series}  # fmt: skip


def reasons(found: dict[str, float]) -> list[str]:
    return [name.split('"')[1] for name, value in found.items() if name.startswith("down_reason") and value]


def sample(count: int = 20) -> Snapshot:
    return snapshot(many(count))


def test_before_the_first_answer_it_is_neither_up_nor_ready() -> None:
    one, _ = a_watched()
    assert (one.ready, told(one)["up"], reasons(told(one))) == (False, 0, ["starting"])
    assert told(one)["status"] == 3


def test_a_sample_is_told_with_its_age() -> None:
    one, _ = a_watched(sample())
    found = told(one)
    assert (one.ready, found["up"], found["slots_used"], reasons(found)) == (True, 1, 20, [])
    assert found["sample_age_seconds"] >= 0
    assert (found["samples_total"], found["door_attempts_total"]) == (1, 3)
    assert found['door_refusals_total{limit="role"}'] == 2
    assert found['door_refusals_total{limit="superuser_reserve"}'] == 0


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ((RefusedBy.SERVER,), {"slots_used": 100, "slots_free": 0, "reserve_used": 3, "slots_free_superuser": 0}),
        ((RefusedBy.SUPERUSER_RESERVE,), {"slots_used": 97, "slots_free": 0, "slots_free_superuser": 80}),
        ((RefusedBy.ROLE,), {"slots_used": 20, "slots_free": 77, 'finding{family="role-limit"}': 1}),
        ((RefusedBy.OTHER, RefusedBy.SERVER), {"slots_used": 100, 'no_room{limit="server"}': 1}),
    ],
)
def test_what_is_full_goes_on_being_told_in_the_outage(limits: Sequence[RefusedBy], expected: dict[str, float]) -> None:
    one, _ = a_watched(sample(), lost(*limits))
    found = told(one)
    assert {name: found[name] for name in expected} == expected
    assert (found["up"], found["status"], reasons(found)) == (0, 2, ["no_room"])
    if RefusedBy.SERVER in limits:
        assert found['finding_severity{family="server-slots"}'] == 3


def test_a_full_server_is_told_for_as_long_as_it_lasts_and_an_old_sample_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, _ = a_watched(sample(), lost(RefusedBy.SERVER))
    monkeypatch.setattr(watched, "STALE_AFTER", 0.0)
    found = told(one)
    assert (found["slots_used"], found["slots_usable"], found["status"]) == (100, 97, 2)
    assert not any(name.startswith("hog_sessions") for name in found)
    never, _ = a_watched(lost(RefusedBy.SERVER))
    assert told(never)["status"] == 2
    assert "slots_used" not in told(never)


def test_a_connection_of_which_nothing_comes_for_minutes_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    one, _ = a_watched(sample())
    monkeypatch.setattr(watched, "STALE_AFTER", 0.0)
    found = told(one)
    assert (found["up"], found["status"], reasons(found)) == (0, 3, ["silence"])
    assert "slots_used" not in found


async def test_a_fault_of_ours_is_told_and_does_not_end_the_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched, "AFTER_A_FAULT", 0.0)
    one, source = a_watched(sample())
    told_so: list[tuple[str, str]] = []
    real = one._memory.work
    monkeypatch.setattr(one._memory, "work", _fails)

    async def run(post: Callable[[Update], None]) -> None:
        """Of two samples of a crowd the first is too much for us."""
        told_so.append((one.seen.reason, one.seen.trouble))
        monkeypatch.setattr(one._memory, "work", real)  # from the next try on
        post(sample(600))
        await asyncio.sleep(3600)

    source.run, source.close = run, AsyncMock()  # type: ignore[attr-defined]
    running = asyncio.create_task(one.run())
    while one.seen.samples < 2:
        assert not running.done(), running.exception()
        await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait({running}, timeout=5)
    assert running.cancelled()
    assert told_so == [("", ""), ("silence", "fault in pgheadroom: ZeroDivisionError: of ours")]
    assert told(one)["up"] == 1


def _fails(_: Snapshot) -> Generator[None, None, Analysis]:
    yield
    raise ZeroDivisionError("of ours")


def test_names_of_other_exporters_are_told_as_well() -> None:
    one = Watched("t", cast(LiveSource, Staged()), Thresholds(), 5, ["postgres_exporter"])
    one._take(sample())
    assert (told(one)["pg_up"], told(one)["pg_settings_max_connections"]) == (1, 100)


def test_each_reason_is_one_of_a_closed_list() -> None:
    one, source = a_watched(sample())
    one._take(lost())
    assert reasons(told(one)) == ["silence"]
    assert (told(one)["status"], told(one)["slots_used"]) == (3, 20)
    source.connected = False
    one._take(lost())
    assert reasons(told(one)) == ["lost"]
    for hindrance in Hindrance:
        source.doors.refusals = (refusal(RefusedBy.OTHER, hindrance),)
        one._take(lost())
        assert reasons(told(one)) == [hindrance.value.replace(" ", "_")]
    assert one.ready


def test_whoever_wants_to_tell_of_it_gets_what_each_sample_means_and_why_there_is_none() -> None:
    heard: list[Analysis | Trouble] = []
    one = Watched("t", cast(LiveSource, Staged()), Thresholds(), 5, tell=heard.append)
    first, trouble = sample(), lost(RefusedBy.SERVER)
    for update in (first, trouble):
        one._take(update)
    assert isinstance(heard[0], Analysis)
    assert heard[0].snapshot is first
    assert heard[1:] == [trouble]


def test_promtool_is_content_with_what_the_agent_says_of_itself() -> None:
    program = shutil.which("promtool")
    if program is None:
        missing("promtool is not installed (Debian: prometheus)")
    one = Watched('a"b\n', cast(LiveSource, Staged()), Thresholds(), 5)
    one.totals = SessionTotals(1, 2, 3, 4)
    one._take(sample())
    texts = [prometheus_text(one.families())]
    one._take(lost(RefusedBy.SERVER))
    texts.append(prometheus_text(one.families()))
    for text in texts:
        done = subprocess.run([program, "check", "metrics"], input=text + "\n", capture_output=True, text=True)
        assert (done.returncode, done.stdout + done.stderr) == (0, "")
