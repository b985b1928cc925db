"""How often a shut door is knocked at, with a clock of the test's own."""

import random

import pytest

from pgheadroom.access.knocking import (
    BURST,
    BURST_LASTS,
    BURST_UNMOVED,
    JITTER,
    ONCE,
    Knocking,
    Pace,
    after,
    pace,
)
from pgheadroom.model.refusal import Hindrance

ATTEMPT = 0.005
"""Seconds that a refusal takes."""


def begun(
    seconds: float, hindrance: Hindrance = Hindrance.NO_ROOM, *, moves: bool = False, takes: float = ATTEMPT
) -> list[float]:
    """When attempts are begun at one door that stays shut, as the pace says it."""
    now, state, starts = 0.0, Knocking(), []
    while now < seconds:
        this = pace(state, now)
        for number in range(this.attempts):
            starts.append(now)
            now += this.spacing if number < this.attempts - 1 else takes
        state = after(state, hindrance, now, moves=moves)
        now += pace(state, now).pause * random.uniform(*JITTER)
    return starts


def between(starts: list[float], begin: float, end: float) -> int:
    return sum(begin <= start < end for start in starts)


def as_it_was(seconds: float) -> list[float]:
    """One attempt at a time, with a pause of 20 to 100 ms, and after half a minute of up to a second."""
    now, starts = 0.0, []
    while now < seconds:
        starts.append(now)
        longest = min(1.0, 0.1 * (1 + max(0.0, now - 30) / 30))
        now += ATTEMPT + random.uniform(longest / 5, longest)
    return starts


def test_where_sessions_come_and_go_it_asks_as_often_as_pays() -> None:
    starts = begun(60, moves=True)
    for second in range(5):
        assert between(starts, second, second + 1) >= 55, second
    assert between(starts, 0, 5) >= 5 * 60
    for second in range(6, 29):
        assert 20 <= between(starts, second, second + 1) <= 35, second
    assert between(starts, 30, 60) <= between(as_it_was(60), 30, 60) * 1.15


def test_of_a_server_full_of_idle_sessions_no_more_is_asked_than_ever() -> None:
    random.seed(1)
    assert between(begun(2), 0, 2) >= 2 * 58
    now, before = minutes([begun_ahead(600) for _ in range(8)]), minutes([as_it_was(600) for _ in range(8)])
    for minute in range(10):
        assert now[minute] <= before[minute], minute


def begun_ahead(seconds: float, loading: float = 0.5) -> list[float]:
    """As `begun`, with the attempts before it: while the program still loads itself they come as in a burst."""
    ahead, now = [], 0.0
    while now < loading:
        ahead.append(now)
        now += max(ATTEMPT, BURST * random.uniform(*JITTER))
    return ahead + [loading + start for start in begun(seconds)]


def minutes(entries: list[list[float]]) -> list[int]:
    """Attempts in each of the first ten, all entries together."""
    return [sum(between(starts, 60 * minute, 60 * minute + 60) for starts in entries) for minute in range(10)]


def test_the_burst_of_a_door_leaves_room_for_the_others() -> None:
    state = after(Knocking(), Hindrance.NO_ROOM, 0.0)
    assert pace(state, 1.0).in_flight == pace(state, 1.0, doors=3).in_flight == 4
    assert pace(state, 1.0).attempts > pace(state, 1.0, doors=3).attempts


def test_it_is_seen_late_that_sessions_come_and_go() -> None:
    state = after(Knocking(), Hindrance.NO_ROOM, 0.0)
    assert pace(state, BURST_UNMOVED - 0.1).spacing > 0
    calm = pace(state, 20.0)
    state = after(state, Hindrance.NO_ROOM, 20.0, moves=True)
    assert pace(state, 20.0).pause < calm.pause
    assert pace(after(state, Hindrance.NO_ROOM, 26.0), 26.0) == calm, "it has not been seen for a while"
    assert BURST_LASTS > BURST_UNMOVED


@pytest.mark.parametrize("hindrance", [Hindrance.DOWN, Hindrance.OPENING])
def test_a_server_that_is_down_is_knocked_at_for_as_long_as_that_lasts(hindrance: Hindrance) -> None:
    state = after(Knocking(), hindrance, 0.0)
    for now in (0.0, 5.0, 30.0, 3600.0, 86_400.0):
        this = pace(state, now)
        between_knocks = this.every / this.in_flight
        assert this.pause <= 0.05
        assert between_knocks <= 0.05
        assert this.watch > this.every
        assert between_knocks >= (0.004 if now < 60 else 0.05), "nor more often than that"
    this = pace(state, 0.0)
    assert this.every / this.in_flight < 0.01, "when it opens others wait too"
    assert this.attempts > this.in_flight, "who ends its watch is followed by another"
    assert pace(state, 0.0, doors=2).attempts == this.in_flight, "unless another door has its turn"


@pytest.mark.parametrize("hindrance", [Hindrance.LOGIN, Hindrance.UNKNOWN_HOST, Hindrance.NO_ROUTE, Hindrance.SILENCE])
def test_the_pause_grows_for_what_does_not_change_soon(hindrance: Hindrance) -> None:
    state, pauses = Knocking(), []
    for now in range(12):
        state = after(state, hindrance, float(now))
        pauses.append(pace(state, float(now)).pause)
    assert pauses == sorted(pauses)
    assert pauses[0] <= 0.5
    assert 3.0 <= pauses[-1] <= 5.0


def test_each_hindrance_has_a_pause_of_its_own() -> None:
    state = Knocking()
    for _ in range(12):
        state = after(state, Hindrance.LOGIN, 0.0)
    state = after(state, Hindrance.DOWN, 100.0)
    assert pace(state, 100.0).pause <= 0.05
    state = after(state, Hindrance.LOGIN, 101.0)
    assert pace(state, 101.0).pause == 0.25


def test_the_first_attempt_is_one() -> None:
    assert pace(Knocking(), 0.0) == ONCE == Pace(0.0, 0.0, 1, 1)
