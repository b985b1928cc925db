"""Points in time as columns of numbers: the newest of them, in memory that never grows beyond its room.

What was written once never changes: points are appended to blocks, whole blocks go when they are too old, and who reads
holds the blocks that there were. So a reading stays as it is, however many points come after it.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from math import floor, isnan, nan

from pgheadroom.history.median import median

BLOCK = 512
"""Points a block. A ring keeps up to one block more than its room."""
_MISSED_SAMPLES = 3
"""From how many times the usual distance on the space between two points is a gap."""


class _Block:
    """Moments, and the values of each column then. Only ever appended to."""

    __slots__ = ("columns", "times")

    def __init__(self, names: Sequence[str]) -> None:
        self.times = array("d")
        self.columns = {name: array("d") for name in names}

    def append(self, moment: float, values: Mapping[str, float]) -> None:
        self.times.append(moment)
        for name, column in self.columns.items():
            column.append(values[name])


class Points:
    """The points of a ring as they were when they were asked for: moments in seconds since 1970, oldest first, and the
    values of each column then; NaN is a value that was not known.

    Attributes:
        overflowed: Whether older points had to give way.
    """

    def __init__(
        self,
        blocks: Sequence[_Block],
        count: int,
        room: int,
        *,
        overflowed: bool,
        unfinished: tuple[float, Mapping[str, float]] | None,
    ) -> None:
        self._blocks = tuple(blocks)
        self._count = count
        self._room = room
        self._unfinished = unfinished
        self._read: dict[str, array[float]] = {}
        self.overflowed = overflowed

    @cached_property
    def times(self) -> Sequence[float]:
        return self._flat(lambda block: block.times, self._unfinished[0] if self._unfinished else None)

    def __len__(self) -> int:
        return len(self.times)

    @property
    def span(self) -> float:
        """Seconds from the oldest point to the newest."""
        return self.times[-1] - self.times[0] if self.times else 0.0

    def values(self, name: str) -> "array[float]":
        """A column.

        Raises:
            KeyError: There is no such column.
        """
        if name not in self._read:
            last = self._unfinished[1][name] if self._unfinished else None
            self._read[name] = self._flat(lambda block: block.columns[name], last)
        return self._read[name]

    def _flat(self, part: Callable[[_Block], "array[float]"], last: float | None) -> "array[float]":
        whole = array("d")
        for block in self._blocks:
            whole.extend(part(block))
        del whole[self._count :]  # what has come since
        if last is not None:
            whole.append(last)
        return whole[-self._room :]

    def series(self, values: Sequence[float], seconds: float | None) -> tuple[list[float], list[float]]:
        """The moments of the last `seconds` or of all, oldest first, and what stands there in `values`."""
        first = 0 if seconds is None or not self.times else bisect_right(self.times, self.times[-1] - seconds)
        return list(self.times[first:]), list(values[first:])

    def since(self, start: float) -> int:
        """The index of the point that held at `start`: the last one before it, or the first of all."""
        return max(0, bisect_left(self.times, start) - 1)

    def column(
        self,
        values: Sequence[float],
        until: float,
        seconds: float,
        buckets: int,
        *,
        summed: bool = False,
        per_second: bool = False,
    ) -> list[float | None]:
        """The `seconds` before `until` as `buckets` values for a plot, oldest first; see `Past.column`."""
        filled: list[float | None] = [None] * buckets
        if not self.times or buckets < 1:
            return filled
        size = seconds / buckets
        origin = floor(until / size) - buckets + 1
        from_here = self.since(origin * size)
        times = self.times[from_here:]
        shown = self._per_second(values, from_here) if per_second else values[from_here:]
        longest = _MISSED_SAMPLES * _usual_distance(times)
        for number, moment in enumerate(times):
            end = times[min(number + 1, len(times) - 1)]
            value = None if isnan(shown[number]) else shown[number]
            first, last = floor(moment / size) - origin, floor(end / size) - origin
            if 0 <= first < buckets:
                _collect(filled, first, value, summed=summed)
            if value is not None and not summed and end - moment <= longest:
                for later in range(max(0, first + 1), last):
                    filled[later] = value
        return filled

    def _per_second(self, values: Sequence[float], first: int) -> list[float]:
        """What came since the point before, as a rate; NaN for the oldest point of all, which has none before."""
        spent = [later - earlier for earlier, later in pairwise(self.times[max(0, first - 1) :])]
        rates = [
            value / seconds if seconds > 0 else nan
            for value, seconds in zip(values[max(1, first) :], spent, strict=True)
        ]
        return rates if first else [nan, *rates]


class Ring:
    """The writer of points.

    Attributes:
        room: How many are kept at least.
    """

    def __init__(self, columns: Sequence[str], room: int, summed: Collection[str] = ()) -> None:
        """`summed` columns count what came since the point before: several points together are their sum."""
        self.room = room
        self._names = tuple(columns)
        self._summed = frozenset(summed)
        self._size = min(BLOCK, room)
        self.clear()

    def clear(self) -> None:
        self._blocks: list[_Block] = []
        self._count = self._appended = 0
        self._unfinished: tuple[float, dict[str, float]] | None = None

    def points(self) -> Points:
        """What is known now; it does not change when more comes."""
        overflowed = self._appended + (self._unfinished is not None) > self.room
        return Points(self._blocks, self._count, self.room, overflowed=overflowed, unfinished=self._unfinished)

    def append(self, moment: float, values: Mapping[str, float]) -> None:
        """Add a point; the oldest ones give way."""
        if not self._blocks or len(self._blocks[-1].times) == self._size:
            self._blocks.append(_Block(self._names))
        self._blocks[-1].append(moment, values)
        self._count += 1
        self._appended += 1
        if self._count - self._size >= self.room:
            del self._blocks[0]
            self._count -= self._size

    def merge(self, moment: float, values: Mapping[str, float], length: float) -> None:
        """Add values to the point of their stretch of `length` seconds: the largest holds, of summed ones the sum.

        A point is written once its stretch is over.
        """
        start = moment - moment % length
        if self._unfinished is not None and self._unfinished[0] < start:
            self.append(*self._unfinished)
            self._unfinished = None
        before = self._unfinished[1] if self._unfinished is not None else dict.fromkeys(self._names, nan)
        self._unfinished = start, {name: self._merged(name, before[name], values[name]) for name in self._names}

    def _merged(self, name: str, before: float, value: float) -> float:
        if isnan(before) or isnan(value):
            return value if isnan(before) else before
        return before + value if name in self._summed else max(before, value)


def _usual_distance(times: Sequence[float]) -> float:
    return median(later - earlier for earlier, later in pairwise(times)) if len(times) > 1 else 0.0


def _collect(filled: list[float | None], bucket: int, value: float | None, *, summed: bool) -> None:
    before = filled[bucket]
    if before is None or value is None:
        filled[bucket] = value if before is None else before
    else:
        filled[bucket] = before + value if summed else max(before, value)
