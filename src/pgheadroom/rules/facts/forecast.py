"""When the slots will be gone, if it goes on as it did; said only when the rise is real.

A rise is real when its slope is surely above 0, when it is more than a few slots and more than the noise, when it goes
on until now, and when it leads higher than the slots were before: a crowd that comes and goes as always is no trend.
"""

from collections.abc import Iterator
from itertools import islice, takewhile
from math import isnan

from pgheadroom.history.past import Past
from pgheadroom.model.capacity import Capacity, Limit
from pgheadroom.model.forecast import Forecast
from pgheadroom.rules.facts.trend import Line, fit, thinned

WINDOWS = (30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
"""Seconds of the newest history that are looked at, each by itself."""

LONGEST = 3 * 3600.0
"""Nothing is said about what is farther away than this many seconds."""

_POINTS = 40
_LEAST_POINTS = 8
_FILLED = 0.7
"""A window counts only where the history reaches back at least this part of it."""
_LEAST_RISE, _LEAST_RISE_SHARE = 3.0, 0.03
"""Slots, and their share of the ceiling, that a rise has to be."""
_NOISES = 2.0
_BENT = 0.12
"""The part of its rise by which the newest quarter may be off the line."""
_SHAKY = 0.25
"""A slope that could be less than this part of itself says nothing about when."""
_LOOKED_BACK = 600.0
_KEPT = max(WINDOWS) + _LOOKED_BACK
_AHEAD = 6.0
"""How many times as far ahead as back is looked."""
_LIMITS_FOLLOWED = 3
_HALF = 50.0


def forecast(past: Past, capacity: Capacity) -> Forecast | None:
    """What will be full first: the server, or the limit of a role or database. None where nothing surely rises.

    What is full already is no forecast.
    """
    found = list(_forecasts(past, capacity)) if capacity.exact else []
    return min(found, key=lambda one: one.seconds, default=None)


def _forecasts(past: Past, capacity: Capacity) -> Iterator[Forecast]:
    server = Limit("server", "", capacity.used, capacity.usable)
    followed = takewhile(lambda limit: limit.percent >= _HALF and not limit.closed, capacity.limits)
    for limit in (server, *islice(followed, _LIMITS_FOLLOWED)):
        if limit.free > 0:
            times, values = past.series("used", _KEPT) if limit is server else past.limit_series(limit, _KEPT)
            found = _of(limit, *_known(times, values))
            if found is not None:
                yield found


def _known(times: list[float], values: list[float]) -> tuple[list[float], list[float]]:
    """Without what was not known."""
    known = [(time, value) for time, value in zip(times, values, strict=True) if not isnan(value)]
    return [time for time, _ in known], [value for _, value in known]


def _of(limit: Limit, times: list[float], values: list[float]) -> Forecast | None:
    """The shortest window that shows a real rise decides, and longer ones that agree with it make it more exact."""
    chosen: tuple[Line, float] | None = None
    first = len(times)
    for window in WINDOWS:
        while first > 0 and times[first - 1] >= times[-1] - window:
            first -= 1
        span = times[-1] - times[first] if first < len(times) else 0.0
        if span < _FILLED * window or len(times) - first < _LEAST_POINTS:
            continue
        line = _real(limit, times, values, first)
        if line is not None and (chosen is None or chosen[0].low <= line.slope <= chosen[0].high):
            chosen = line, span
    return _ahead(limit, *chosen) if chosen else None


def _real(limit: Limit, times: list[float], values: list[float], first: int) -> Line | None:
    """The line through the points from `first` on, if it is a real rise."""
    least = max(_LEAST_RISE, _LEAST_RISE_SHARE * limit.ceiling)
    if max(values[-3:]) - min(values[first : first + 3]) < least:  # spares the work while all is calm
        return None
    line = fit(*thinned(times[first:], values[first:], _POINTS))
    if line is None or line.slope <= 0 or line.low < _SHAKY * line.slope:
        return None
    rise = line.slope * (times[-1] - times[first])
    if rise < max(least, _NOISES * line.noise) or abs(line.behind) > max(1.5, line.noise, _BENT * rise):
        return None
    return line if line.level >= _highest_before(times, values, first) + 1 else None


def _highest_before(times: list[float], values: list[float], first: int) -> float:
    back = max(_LOOKED_BACK, _AHEAD * (times[-1] - times[first]))
    start = times[first] - back
    return max((value for time, value in zip(times[:first], values, strict=False) if time >= start), default=-1.0)


def _ahead(limit: Limit, line: Line, span: float) -> Forecast | None:
    left = max(0.0, limit.ceiling - line.level)
    seconds = left / line.slope
    if seconds > min(LONGEST, _AHEAD * span):
        return None
    doubt = max(1.0, line.noise)
    low, high = max(0.0, left - doubt) / line.high, (left + doubt) / line.low
    return Forecast(limit, seconds, min(low, seconds), max(high, seconds), 60 * line.slope, span)


def sentence(found: Forecast) -> str:
    """`full in about 2 min (1-4)`: the most likely, and in brackets the soonest and the latest."""
    size, unit = next((size, unit) for size, unit in _SCALES if found.seconds >= 1.5 * size or size == 1)
    low, likely, high = (_rough(seconds / size) for seconds in (found.low, found.seconds, found.high))
    return f"full in about {likely} {unit} ({low}-{high})"


_SCALES = ((3600, "h"), (60, "min"), (1, "s"))


def _rough(amount: float) -> str:
    """Two digits say enough about what is to come."""
    if amount < 10:
        return f"{round(amount)}"
    return f"{5 * round(amount / 5)}"
