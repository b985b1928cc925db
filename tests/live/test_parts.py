"""Parts of the live source by themselves: the rest between two samples, and the time without one."""

import asyncio
import os
import socket
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest

from pgheadroom.access.knocking import AFTER_CRASH, AFTER_LOSS, ONCE
from pgheadroom.deadline import clock
from pgheadroom.live.absence import Absence
from pgheadroom.live.attempts import Attempts
from pgheadroom.live.link import Link
from pgheadroom.live.rest import Rest
from pgheadroom.postgres.doors import Doors
from pgheadroom.postgres.sampling import Probe
from samples import NOW, snapshot
from servers import PATIENCE


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Our clock, which stands still until its one number is changed."""
    now = [100.0]
    monkeypatch.setattr("pgheadroom.live.absence.clock", lambda: now[0])
    return now


async def test_a_rest_ends_when_somebody_is_in_a_hurry() -> None:
    rest = Rest(60.0)
    ends = clock() + 60
    resting = asyncio.create_task(rest.until(lambda: ends))
    await asyncio.sleep(0)
    rest.end()
    await asyncio.wait_for(resting, 10)


async def test_a_rest_is_as_long_as_the_interval_becomes_meanwhile() -> None:
    rest = Rest(60.0)
    began = clock()
    resting = asyncio.create_task(rest.until(lambda: began + rest.interval))
    await asyncio.sleep(0)
    rest.set_interval(90.0)
    await asyncio.sleep(0)
    assert not resting.done()
    rest.set_interval(0.01)
    await asyncio.wait_for(resting, 10)


async def test_a_hurry_before_a_rest_does_not_shorten_it() -> None:
    rest = Rest(60.0)
    rest.end()
    ends = clock() + 0.05
    await rest.until(lambda: ends)
    assert clock() >= ends


def test_the_reason_is_the_last_one_before_we_tried_to_come_back(later: list[float]) -> None:
    absence = Absence()
    before = snapshot([])
    assert absence.end(before, 1) == ""
    first = absence.trouble("no answer for 3 s")
    absence.trouble("the server shuts down", ": connecting again")
    absence.tries += 1
    told = absence.trouble("nobody listens there")
    assert (told.since, told.tries, told.reason) == (first.since, 1, "nobody listens there")
    later[0] += 42
    assert (
        absence.end(replace(before, taken_at=NOW + timedelta(minutes=1)), 1) == "back after 42s: the server shuts down"
    )
    assert absence.trouble("no answer for 2 s").tries == 0


def test_another_system_is_told_as_another_server(later: list[float]) -> None:
    absence = Absence()
    absence.end(snapshot([]), 1)
    absence.trouble("lost")
    assert "another server, with other data" in absence.end(snapshot([]), 2)
    absence.trouble("lost")
    assert "another server" not in absence.end(snapshot([]), None)


def test_after_a_slow_sample_the_next_is_probably_only_slow_too() -> None:
    absence = Absence()
    assert absence.silence(3.0) == "no answer for 3 s: the server is overloaded or out of reach"
    absence.end(replace(snapshot([]), round_trip=4.0), 1)
    assert absence.silence(5.0) == "no answer for 5 s: the last sample took 4.0 s"
    assert absence.silence(9.0) == "no answer for 9 s: the server is overloaded or out of reach"


def test_the_version_is_known_once_there_was_a_sample() -> None:
    absence = Absence()
    assert absence.version_num is None
    seen = snapshot([])
    absence.end(seen, 1)
    assert absence.version_num == seen.server.version_num


async def test_the_first_attempt_after_a_loss_goes_on_knocking_and_the_very_first_one_does_not() -> None:
    attempts = Attempts(Doors("host=/nowhere"))
    assert attempts._pace() == ONCE
    attempts.doors.way = attempts.doors.ways[0]  # it has let us in
    assert attempts._pace() == AFTER_LOSS
    assert attempts._pace(after_crash=True) == AFTER_CRASH
    assert AFTER_LOSS.watch > AFTER_LOSS.every > 0


async def test_a_server_that_talks_by_itself_is_listened_to_again_when_it_was_quiet() -> None:
    theirs, line = socket.socketpair()

    class Open:
        def line(self) -> int:
            return os.dup(line.fileno())

    link, heard = Link(), asyncio.Event()
    link.probe = cast("Probe", Open())
    with theirs, line:
        theirs.send(b"?")
        with link.heard(heard.set):
            await asyncio.wait_for(heard.wait(), PATIENCE)
        heard.clear()
        with link.heard(heard.set):
            await asyncio.sleep(0.05)
        assert not heard.is_set()  # else a talkative one would be asked without a pause
        line.recv(1)
        with link.heard(heard.set):
            await asyncio.sleep(0)
        theirs.send(b"!")
        with link.heard(heard.set):
            await asyncio.wait_for(heard.wait(), PATIENCE)
