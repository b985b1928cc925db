"""Points in time as columns of numbers, the newest of them, in memory that never grows beyond its room."""

from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise, takewhile
from math import floor, isnan, nan
from statistics import median

_MISSED_SAMPLES = 3
"""From how many times the usual distance on the space between two points is a gap."""


class Ring:
    """Moments, in seconds since 1970, and the values of each column then; NaN is a value that was not known.

    A place is where a point is kept: other rings of the same room can be filled and read in step with this one.
    """

    def __init__(self, columns: Sequence[str], room: int, summed: Collection[str] = ()) -> None:
        """`summed` columns count what came since the point before: several points together are their sum."""
        self.room = room
        self._summed = frozenset(summed)
        self._times = array("d")
        self._columns = {name: array("d") for name in columns}
        self._appended = 0

    def __len__(self) -> int:
        return min(self._appended, self.room)

    def clear(self) -> None:
        self._appended = 0
        for column in (self._times, *self._columns.values()):
            del column[:]

    @property
    def newest(self) -> int:
        """The place of the newest point; there has to be one."""
        return (self._appended - 1) % self.room

    @property
    def overflowed(self) -> bool:
        """Whether points had to give way."""
        return self._appended > self.room

    @property
    def span(self) -> float:
        """Seconds from the oldest point that is kept to the newest."""
        if not self._appended:
            return 0.0
        oldest = self._appended % self.room if self.overflowed else 0
        return self._times[self.newest] - self._times[oldest]

    def append(self, moment: float, values: Mapping[str, float]) -> int:
        """Add a point, and return its place; the oldest one gives way."""
        place = self._appended % self.room
        _put(self._times, place, moment)
        for name, column in self._columns.items():
            _put(column, place, values[name])
        self._appended += 1
        return place

    def merge(self, moment: float, values: Mapping[str, float], length: float) -> None:
        """Add values to the point of their stretch of `length` seconds: the largest holds, of summed ones the sum."""
        start = moment - moment % length
        if not self._appended or self._times[self.newest] < start:
            self.append(start, values)
            return
        for name, column in self._columns.items():
            before, value = column[self.newest], values[name]
            if isnan(before) or isnan(value):
                column[self.newest] = value if isnan(before) else before
            else:
                column[self.newest] = before + value if name in self._summed else max(before, value)

    def values(self, name: str) -> Sequence[float]:
        """A column by place."""
        return self._columns[name]

    def series(self, values: Sequence[float], seconds: float | None) -> tuple[list[float], list[float]]:
        """The moments of the last `seconds` or of all, oldest first, and the values that were kept in their places."""
        places = self._places(seconds)
        return [self._times[place] for place in places], [values[place] for place in places]

    def since(self, start: float) -> list[int]:
        """The places of the points since `start`, oldest first, led by the one that held when it began."""
        found: list[int] = []
        for place in self._newest_first():
            found.append(place)
            if self._times[place] < start:
                break
        return found[::-1]

    def moment(self, place: int) -> float:
        return self._times[place]

    def per_second(self, values: Sequence[float]) -> list[float]:
        """What came since the point before, by place, as a rate; NaN for the oldest point, which has none before."""
        rates = [nan] * len(self._times)
        for earlier, place in pairwise(list(self._newest_first())[::-1]):
            spent = self._times[place] - self._times[earlier]
            rates[place] = values[place] / spent if spent > 0 else nan
        return rates

    def column(
        self, values: Sequence[float], until: float, seconds: float, buckets: int, *, summed: bool
    ) -> list[float | None]:
        """The `seconds` before `until` as `buckets` values for a plot, oldest first; see `History.column`."""
        filled: list[float | None] = [None] * buckets
        if not self._appended or buckets < 1:
            return filled
        size = seconds / buckets
        origin = floor(until / size) - buckets + 1
        places = self.since(origin * size)
        times = [self._times[place] for place in places]
        longest = _MISSED_SAMPLES * _usual_distance(times)
        for place, moment, end in zip(places, times, [*times[1:], times[-1]], strict=True):
            value = None if isnan(values[place]) else values[place]
            first, last = floor(moment / size) - origin, floor(end / size) - origin
            if 0 <= first < buckets:
                _collect(filled, first, value, summed=summed)
            if value is not None and not summed and end - moment <= longest:
                for later in range(max(0, first + 1), last):
                    filled[later] = value
        return filled

    def _places(self, seconds: float | None) -> list[int]:
        if seconds is None or not self._appended:
            return list(self._newest_first())[::-1]
        start = self._times[self.newest] - seconds
        return list(takewhile(lambda place: self._times[place] > start, self._newest_first()))[::-1]

    def _newest_first(self) -> Iterator[int]:
        first = max(0, self._appended - self.room)
        return (number % self.room for number in range(self._appended - 1, first - 1, -1))


def _put(column: "array[float]", place: int, value: float) -> None:
    if place == len(column):
        column.append(value)
    else:
        column[place] = value


def _usual_distance(times: list[float]) -> float:
    return median(later - earlier for earlier, later in pairwise(times)) if len(times) > 1 else 0.0


def _collect(filled: list[float | None], bucket: int, value: float | None, *, summed: bool) -> None:
    before = filled[bucket]
    if before is None or value is None:
        filled[bucket] = value if before is None else before
    else:
        filled[bucket] = before + value if summed else max(before, value)
