"""Whether numbers rise, how fast, and how sure that is: a line that a few odd points cannot bend.

The slope is Theil and Sen's, the median of the slopes between all pairs of points (P. K. Sen, Estimates of the
regression coefficient based on Kendall's tau, 1968), its interval comes from the variance of Kendall's S. A sample
knows much of the one before, so that variance is widened by how much what is left over repeats itself (as in K. H.
Hamed and A. R. Rao, A modified Mann-Kendall trend test for autocorrelated data, 1998, with the first lag only).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

from pgheadroom.history.median import median

_SURE = 2.58
"""Standard deviations for 99 %."""
_MOST_REPEATED = 0.95
_NORMAL = 1.4826
"""From a median deviation to a standard deviation."""


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line through points.

    Attributes:
        slope: By how much the values rise a second.
        low, high: The slope's interval of 99 %.
        level: The value at the last moment, by the line through the last third.
        noise: Standard deviation from one point to the next, what the line explains left out.
        behind: How far the last quarter lies above the line (below it: negative).
    """

    slope: float
    low: float
    high: float
    level: float
    noise: float
    behind: float


def thinned(times: Sequence[float], values: Sequence[float], most: int) -> tuple[list[float], list[float]]:
    """At most `most` points: the medians of as many parts with equally many points."""
    count = len(times)
    if count <= most:
        return list(times), list(values)
    edges = [count * part // most for part in range(most + 1)]
    return (
        [median(times[start:end]) for start, end in pairwise(edges)],
        [median(values[start:end]) for start, end in pairwise(edges)],
    )


def fit(times: Sequence[float], values: Sequence[float]) -> Line | None:
    """The line through points, oldest first, none at the same time; None for fewer than four."""
    if len(times) < 4:
        return None
    slopes = _slopes(times, values)
    slope = median(slopes)
    rest = [value - slope * (time - times[-1]) for time, value in zip(times, values, strict=True)]
    middle = median(rest)
    doubt = _SURE * _deviation_of_s(len(times), _repeats(rest, middle))
    lowest, highest = (len(slopes) - doubt) / 2, (len(slopes) + doubt) / 2
    last_third, last_quarter = rest[-max(1, len(rest) // 3) :], rest[-max(1, len(rest) // 4) :]
    return Line(
        slope,
        slopes[int(lowest)] if lowest >= 0 else slopes[0],
        slopes[int(highest)] if highest < len(slopes) else slopes[-1],
        median(last_third),
        _NORMAL * median(abs(later - earlier) for earlier, later in pairwise(rest)) / sqrt(2),
        median(last_quarter) - middle,
    )


def _slopes(times: Sequence[float], values: Sequence[float]) -> list[float]:
    slopes = []
    for later in range(1, len(times)):
        time, value = times[later], values[later]
        slopes += [(value - values[place]) / (time - times[place]) for place in range(later)]
    slopes.sort()
    return slopes


def _deviation_of_s(count: int, repeats: float) -> float:
    """Standard deviation of Kendall's S over `count` points without a trend."""
    variance = count * (count - 1) * (2 * count + 5) / 18
    return sqrt(variance * (1 + repeats) / (1 - repeats))


def _repeats(rest: Sequence[float], middle: float) -> float:
    """The correlation of what is left over with itself one point later, not below 0."""
    off = [value - middle for value in rest]
    power = sum(value * value for value in off)
    if not power:
        return 0.0
    return min(_MOST_REPEATED, max(0.0, sum(earlier * later for earlier, later in pairwise(off)) / power))
