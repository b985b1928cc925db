"""The time before a sample, as it was then: what rules and plots read."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from math import isnan

from pgheadroom.history.flow import Flow
from pgheadroom.history.lock_flow import LockRates
from pgheadroom.history.peaks import Peak, highest
from pgheadroom.history.refused import RefusedLately
from pgheadroom.history.ring import Points
from pgheadroom.history.tally import Counts
from pgheadroom.history.turnover import Ended, HogName, Turnover, median_life
from pgheadroom.model.capacity import Limit

SUMMED = frozenset({"new_sessions", "ended_sessions", "new", "refused"})
"""Columns that count what came or went since the point before."""


class Past:
    """Numbers of all samples up to one, which never change any more. `History.past` makes it.

    Attributes:
        last: The moment of the newest point, by the server's clock; None when there is none.
        flow: Sessions that come and go by the server's own count; None where it does not count them.
        lock_waits: Waits for locks a second by the server's own count; None where it does not count them.
        refused: Who was turned away lately; None where nothing tells.
    """

    def __init__(
        self,
        points: Points,
        minutes: Points,
        hogs: Counts[HogName],
        limits: Counts[tuple[str, str]],
        ended: Sequence[Ended],
        last: datetime | None,
        refused: RefusedLately | None = None,
        flow: Flow | None = None,
        lock_waits: LockRates | None = None,
        peaks: Sequence[Peak] = (),
    ) -> None:
        self._points = points
        self._minutes = minutes
        self._hogs = hogs
        self._limits = limits
        self._ended = ended
        self.last = last
        self.refused = refused
        self.flow = flow
        self.lock_waits = lock_waits
        self._peaks = peaks

    def __len__(self) -> int:
        return len(self._points)

    @property
    def reach(self) -> float:
        """How many seconds it goes back; what is older than two hours at a sample a second is kept by the minute."""
        return max(self._points.span, self._minutes.span) if self._points.overflowed else self._points.span

    def series(self, name: str, seconds: float | None = None) -> tuple[list[float], list[float]]:
        """Seconds since 1970 and the values of a column then, oldest first, of the last `seconds` or of all; NaN for
        what was not known."""
        return self._points.series(self._points.values(name), seconds)

    @property
    def hogs(self) -> tuple[HogName, ...]:
        """The hogs that are kept, the largest now first. Who is not among them had too few sessions."""
        return self._hogs.names

    def hog_total(self, hog: HogName) -> int:
        """Its sessions in the newest sample."""
        return self._hogs.size(hog)

    def hog_series(self, hog: HogName, name: str, seconds: float | None = None) -> tuple[list[float], list[float]]:
        """As `series`, for one of `HOG_COLUMNS`. Where a hog had no sessions, or was too small to keep, it is 0."""
        return self._points.series(self._hogs.values(hog, name), seconds)

    def limit_series(self, limit: Limit, seconds: float | None = None) -> tuple[list[float], list[float]]:
        """As `series`, for the sessions that counted against the limit of a role or a database."""
        return self._points.series(self._limits.values((limit.kind, limit.name), "used"), seconds)

    @cached_property
    def peaks(self) -> Peak:
        """The most sessions that a role and a database had at once; nobody is left out for having few."""
        return highest(self._peaks)

    def ended(self, seconds: float, hog: HogName | None = None) -> list[Ended]:
        """Sessions that went in the last `seconds`, the newest first: all, or those of one hog."""
        found: list[Ended] = []
        since = self.last - timedelta(seconds=seconds) if self.last is not None else None
        for one in reversed(self._ended):
            if since is None or one.moment <= since:
                break
            if hog is None or one.name == hog:
                found.append(one)
        return found

    def turnover(self, seconds: float, hog: HogName | None = None) -> Turnover | None:
        """What came and went in the last `seconds`, or since the first sample; None before there are two samples."""
        if self.last is None:
            return None
        first, times = self._points.since(self.last.timestamp() - seconds), self._points.times
        if len(times) - first < 2:
            return None
        values = self._points.values("new_sessions") if hog is None else self._hogs.values(hog, "new")
        spent = times[-1] - times[first]
        new = sum(int(value) for value in values[first + 1 :] if not isnan(value))
        ended = self.ended(spent, hog)
        return Turnover(spent, new, len(ended), median_life(ended))

    def column(self, name: str, seconds: float, buckets: int, *, per_second: bool = False) -> list[float | None]:
        """The last `seconds` as `buckets` values for a plot, oldest first.

        A bucket holds the largest value in it (peaks are what matters), of those that come or go the sum, or
        `per_second` the highest rate between two samples (a sum would leap with every second sample in it). Between two
        samples the earlier one holds, but not for longer than samples usually are apart: where they are missing, and
        before the first, it is None. Buckets begin at whole multiples of their length, so that a plot moves by whole
        steps only.
        """
        too_long = self._points.overflowed and seconds > self._points.span
        points = self._minutes if too_long else self._points
        return self._column(points, points.values(name), name, seconds, buckets, per_second=per_second)

    def hog_column(
        self, hog: HogName, name: str, seconds: float, buckets: int, *, per_second: bool = False
    ) -> list[float | None]:
        """As `column`, for one of `HOG_COLUMNS`; hogs are not kept by the minute."""
        return self._column(self._points, self._hogs.values(hog, name), name, seconds, buckets, per_second=per_second)

    def _column(
        self, points: Points, values: Sequence[float], name: str, seconds: float, buckets: int, *, per_second: bool
    ) -> list[float | None]:
        until = self.last.timestamp() if self.last is not None else 0.0
        summed = name in SUMMED and not per_second
        return points.column(values, until, seconds, buckets, summed=summed, per_second=per_second)
