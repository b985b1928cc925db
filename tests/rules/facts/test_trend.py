import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgheadroom.rules.facts.trend import fit, thinned
from sure import sure

SECONDS = [float(second) for second in range(60)]
sizes = st.floats(-100, 100).map(lambda size: round(size, 3))


def test_a_straight_line_is_found_exactly() -> None:
    line = sure(fit(SECONDS, [20 + second / 4 for second in SECONDS]))
    assert (line.slope, line.low, line.high) == pytest.approx((0.25, 0.25, 0.25))
    assert (line.level, line.noise, line.behind) == pytest.approx((20 + 59 / 4, 0, 0))


def test_a_fifth_of_odd_points_does_not_bend_it() -> None:
    dice = random.Random(7)
    values = [90.0 if dice.random() < 0.2 else 20 + second / 4 for second in SECONDS]
    assert sure(fit(SECONDS, values)).slope == pytest.approx(0.25, rel=0.1)


def test_the_interval_holds_what_noise_hides() -> None:
    dice = random.Random(1)
    inside = 0
    for _ in range(100):
        line = sure(fit(SECONDS, [20 + second / 10 + dice.gauss(0, 3) for second in SECONDS]))
        inside += line.low <= 0.1 <= line.high
    assert inside >= 96


def test_noise_without_a_trend_has_an_interval_around_zero() -> None:
    dice = random.Random(2)
    lines = [fit(SECONDS, [50 + dice.gauss(0, 3) for _ in SECONDS]) for _ in range(100)]
    assert sum(sure(line).low <= 0 <= sure(line).high for line in lines) >= 96


def test_what_follows_from_the_point_before_is_less_sure() -> None:
    dice = random.Random(3)
    loose = [dice.gauss(0, 3) for _ in SECONDS]
    sticky = [0.0]
    for _ in SECONDS[1:]:
        sticky.append(0.9 * sticky[-1] + dice.gauss(0, 1.3))

    def width(rest: Sequence[float]) -> float:
        line = sure(fit(SECONDS, [second + more for second, more in zip(SECONDS, rest, strict=True)]))
        return line.high - line.low

    assert width(sticky) > 0.5 * width(loose)
    assert sure(fit(SECONDS, sticky)).low < 0 < sure(fit(SECONDS, sticky)).high


def test_who_falls_behind_the_line_at_the_end_is_seen() -> None:
    flat_at_last = [min(second, 40.0) for second in SECONDS]
    assert sure(fit(SECONDS, flat_at_last)).behind < -2


def test_too_few_points_are_no_line() -> None:
    assert fit(SECONDS[:3], SECONDS[:3]) is None


@given(st.lists(sizes, min_size=4, max_size=40), sizes, sizes)
def test_it_moves_and_stretches_with_the_values(values: Sequence[float], shift: float, factor: float) -> None:
    times = SECONDS[: len(values)]
    line, other = sure(fit(times, values)), sure(fit(times, [factor * value + shift for value in values]))
    assert line.low <= line.slope <= line.high
    assert other.slope == pytest.approx(factor * line.slope, abs=1e-6)


@given(st.lists(sizes, min_size=1, max_size=300), st.integers(1, 50))
def test_thinning_keeps_the_order_and_the_range(values: Sequence[float], most: int) -> None:
    times = [float(number) for number in range(len(values))]
    thin_times, thin_values = thinned(times, values, most)
    assert 1 <= len(thin_times) == len(thin_values) <= max(most, 1)
    assert thin_times == sorted(thin_times)
    assert min(values) <= min(thin_values) <= max(thin_values) <= max(values)
    if len(values) <= most:
        assert thin_values == values
