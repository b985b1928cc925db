"""Forecasts on histories of every shape, and how far off they are."""

import random
from collections.abc import Sequence
from random import Random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pasts import used_slots
from pgheadroom.model.capacity import Limit
from pgheadroom.model.forecast import Forecast
from pgheadroom.rules.facts.forecast import forecast, sentence
from sure import sure


def ahead(values: Sequence[int], step: float = 1.0, usable: int = 97) -> Forecast | None:
    return forecast(*used_slots(values, step, usable))


def noisy(start: int, slope: float, seconds: int, deviation: int, dice: Random) -> list[int]:
    return [round(start + slope * second + dice.gauss(0, deviation)) for second in range(seconds)]


def crowd(seconds: int, mean: int, deviation: int, sticky: float, dice: Random) -> list[int]:
    """A crowd that comes and goes: each second much like the one before."""
    off, values = 0.0, []
    for _ in range(seconds):
        off = sticky * off + dice.gauss(0, deviation * (1 - sticky**2) ** 0.5)
        values.append(max(0, min(96, round(mean + off))))
    return values


@pytest.mark.parametrize(
    ("slope", "seconds"), [(1.0, 30), (0.5, 60), (0.25, 120), (0.1, 300), (0.05, 600), (0.02, 1800)]
)
def test_a_steady_rise_is_drawn_on(slope: float, seconds: int) -> None:
    found = sure(ahead([30 + int(slope * second) for second in range(seconds)]))
    left = (97 - 30 - slope * seconds) / slope
    assert found.seconds == pytest.approx(left, rel=0.08, abs=3)
    assert found.low <= left <= found.high
    assert found.slope_per_minute == pytest.approx(60 * slope, rel=0.1)


def test_noisy_rises_are_met_with_few_far_off(capsys: pytest.CaptureFixture[str]) -> None:
    dice = random.Random(1)
    errors, silent, inside = [], 0, 0
    for _ in range(60):
        slope, deviation = dice.choice([0.02, 0.05, 0.1, 0.3, 1.0]), dice.choice([0, 1, 2, 4])
        seconds = int(min(67 / slope * dice.uniform(0.3, 0.9), 900))
        values = noisy(30, slope, seconds, deviation, dice)
        left = 67 / slope - seconds
        found = ahead(values) if values[-1] < 97 else None
        if found is None:
            silent += 1
            continue
        errors.append(abs(found.seconds - left) / left)
        inside += found.low <= left <= found.high
    with capsys.disabled():
        print(f"\nnoisy rises: median error {median(errors):.1%}, worst {max(errors):.0%}, silent {silent} of 60,")
        print(f"  in its own range {inside / len(errors):.0%}")
    assert median(errors) < 0.05
    assert max(errors) < 0.6
    assert silent <= 4
    assert inside / len(errors) > 0.9


@pytest.mark.parametrize(("deviation", "sticky"), [(0, 0), (2, 0), (6, 0), (2, 0.9), (6, 0.9), (2, 0.98), (6, 0.98)])
def test_a_crowd_that_only_comes_and_goes_is_no_trend(deviation: int, sticky: float) -> None:
    dice = random.Random(4)
    wrong = asked = 0
    for _ in range(12):
        values = crowd(400, 50, deviation, sticky, dice)
        for end in (15, 30, 60, 120, 300, 400):
            asked += 1
            wrong += ahead(values[:end]) is not None
    assert wrong <= (0.05 if sticky > 0.9 else 0.02) * asked


def test_steps_are_a_rise() -> None:
    """A leak of one every twelve seconds on a small server."""
    found = sure(ahead([20 + second // 12 for second in range(90)], usable=35))
    assert found.low <= 90 + 3 <= found.high + 12
    assert found.seconds == pytest.approx((35 - 27.5) * 12, rel=0.15)


def test_one_jump_is_no_rise() -> None:
    assert ahead([30] * 60 + [60] * 60) is None
    assert ahead([30] * 20 + [60] * 5) is None


@pytest.mark.parametrize(
    "values",
    [[40] * 300, [90 - second // 4 for second in range(200)], [40] * 3, [], [97] * 60, [40 + n for n in range(60)]],
    ids=["flat", "falling", "too short", "none", "full", "just full"],
)
def test_where_nothing_is_to_be_said(values: Sequence[int]) -> None:
    if values:
        assert ahead(values) is None
    else:
        assert forecast(*used_slots([])) is None


def test_teeth_are_known_once_one_was_seen() -> None:
    """What fills to a height and empties again and again, as every minute's job does."""
    tooth = [30 + second // 2 for second in range(60)]
    assert [ahead((tooth * 8)[:end]) for end in range(63, 480, 7)].count(None) >= 58


def test_a_rise_that_ended_is_soon_forgotten() -> None:
    rise = [30 + second // 2 for second in range(60)]
    assert ahead(rise) is not None
    assert ahead(rise + [60] * 25) is None


def test_a_rise_that_quickens_is_told_by_its_newest_part() -> None:
    found = sure(ahead([30 + second // 60 for second in range(600)] + [40 + second for second in range(35)]))
    assert found.seconds == pytest.approx(22, abs=5)


def test_a_hole_in_the_samples_and_a_slow_rhythm() -> None:
    slow = sure(ahead([30 + number for number in range(30)], step=10.0))
    assert slow.seconds == pytest.approx(370, rel=0.05)


def test_a_role_s_limit_can_be_first() -> None:
    history, capacity = used_slots([10 + second // 4 for second in range(120)], usable=50, limit="web")
    found = sure(forecast(history, capacity))
    assert found.limit == Limit("role", "web", 39, 50)
    assert found.seconds == pytest.approx(4 * 10.25, rel=0.15)


@pytest.mark.parametrize(
    ("seconds", "low", "high", "said"),
    [
        (118, 61, 240, "full in about 2 min (1-4)"),
        (42, 30, 55, "full in about 40 s (30-55)"),
        (8.4, 7, 9.6, "full in about 8 s (7-10)"),
        (1500, 1300, 1800, "full in about 25 min (20-30)"),
        (7300, 5000, 9000, "full in about 2 h (1-2)"),
    ],
)
def test_it_is_said_in_few_words(seconds: float, low: int, high: float, said: str) -> None:
    assert sentence(Forecast(Limit("server", "", 90, 97), seconds, low, high, 3.0, 60.0)) == said


@given(st.lists(st.integers(0, 96), min_size=1, max_size=150), st.sampled_from([0.5, 1.0, 10.0]))
def test_any_history_gives_a_forecast_that_makes_sense_or_none(values: Sequence[int], step: float) -> None:
    found = ahead(values, step)
    if found is not None:
        assert 0 <= found.low <= found.seconds <= found.high
        assert found.slope_per_minute > 0
        assert sentence(found).startswith("full in about ")
