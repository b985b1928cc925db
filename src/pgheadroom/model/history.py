"""What the samples were, in numbers: as much as plots and forecasts need, in memory that never grows."""

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise, takewhile
from math import floor, isnan, nan
from statistics import median

from pgheadroom.model.capacity import Capacity, Limit
from pgheadroom.model.session import State
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.tally import Tally
from pgheadroom.model.turnover import Comings, Ended, HogName, Turnover, median_life

STATE_COLUMNS: dict[str, State] = {
    "active": State.ACTIVE,
    "idle": State.IDLE,
    "idle_in_transaction": State.IDLE_IN_TRANSACTION,
    "aborted": State.ABORTED,
    "fastpath": State.FASTPATH,
    "disabled": State.DISABLED,
    "starting": State.STARTING,
    "hidden": State.HIDDEN,
}
COLUMNS: tuple[str, ...] = (
    "used",
    "usable",
    *STATE_COLUMNS,
    "waiting_for_locks",
    "pool_waiting",
    "new_sessions",
    "ended_sessions",
    "round_trip",
)
"""`new_sessions` connected since the point before, `ended_sessions` left since; who did both was never seen.
`pool_waiting` are clients, over all PgBouncers that answered."""

HOG_COLUMNS: tuple[str, ...] = ("total", "idle", "new")
"""Of each hog: its sessions, those of them that are idle outside a transaction, those new since the point before."""

HOGS_KEPT = 50
LIMITS_KEPT = 50

_SUMMED = frozenset({"new_sessions", "ended_sessions", "new"})

_MISSED_SAMPLES = 3
"""From how many times the usual distance on the space between two samples is a gap."""


class History:
    """Points, the newest `room` of them, as columns of numbers.

    A clock that goes back (another server after a failover, a recording wound back) starts it anew.
    """

    def __init__(self, room: int = 7200) -> None:
        self._room = room
        self._times: array[float] = array("d", bytes(8 * room))
        self._columns: dict[str, array[float]] = {name: array("d", bytes(8 * room)) for name in COLUMNS}
        self._hogs: Tally[HogName] = Tally(HOG_COLUMNS, room, HOGS_KEPT)
        self._limits: Tally[tuple[str, str]] = Tally(("used",), room, LIMITS_KEPT)
        self._comings = Comings()
        self._appended = 0
        self._last: datetime | None = None

    def __len__(self) -> int:
        return min(self._appended, self._room)

    @property
    def last(self) -> datetime | None:
        """The moment of the newest point, by the server's clock."""
        return self._last

    def append(self, snapshot: Snapshot, capacity: Capacity) -> None:
        """Add a sample. One with the moment of the newest point is that same sample, and is not added twice."""
        if self._last is not None and snapshot.taken_at <= self._last:
            if snapshot.taken_at == self._last:
                return
            self.clear()
        place = self._appended % self._room
        self._times[place] = snapshot.taken_at.timestamp()
        came_and_went = self._comings.take(snapshot.sessions, snapshot.taken_at) if snapshot.exact else None
        for name, value in _values(snapshot, capacity).items():
            self._columns[name][place] = value
        new, ended = came_and_went if came_and_went is not None else (None, None)
        self._columns["new_sessions"][place] = nan if new is None else len(new)
        self._columns["ended_sessions"][place] = nan if ended is None else len(ended)
        self._hogs.put(place, _hog_counts(snapshot, new or ()))
        crowded = [limit for limit in capacity.limits if not limit.closed][:LIMITS_KEPT]
        self._limits.put(place, {(limit.kind, limit.name): (limit.used,) for limit in crowded})
        self._appended += 1
        self._last = snapshot.taken_at

    def clear(self) -> None:
        self._appended = 0
        self._last = None
        self._comings.clear()
        self._hogs.clear()
        self._limits.clear()

    def latest(self, name: str) -> float | None:
        """The newest value of a column; None where it was not known."""
        if not self._appended:
            return None
        return _known(self._columns[name][(self._appended - 1) % self._room])

    def points(self, name: str, seconds: float | None = None) -> list[tuple[datetime, float | None]]:
        """Moments and values, oldest first, of the last `seconds` or of all."""
        zone = self._last.tzinfo if self._last else None
        times, values = self.series(name, seconds)
        return [(datetime.fromtimestamp(time, zone), _known(value)) for time, value in zip(times, values, strict=True)]

    def series(self, name: str, seconds: float | None = None) -> tuple[list[float], list[float]]:
        """As `points`, for calculations: seconds since 1970, and NaN for what was not known."""
        return self._series(self._columns[name], seconds)

    @property
    def hogs(self) -> tuple[HogName, ...]:
        """The hogs that are kept, the largest now first. Who is not among them had too few sessions."""
        return self._hogs.names

    def hog_total(self, hog: HogName) -> int:
        """Its sessions in the newest sample."""
        return self._hogs.ring(hog, "total")[(self._appended - 1) % self._room] if self._appended else 0

    def hog_series(self, hog: HogName, name: str, seconds: float | None = None) -> tuple[list[float], list[float]]:
        """As `series`, for one of `HOG_COLUMNS`. Where a hog had no sessions, or was too small to keep, it is 0."""
        return self._series(self._hogs.ring(hog, name), seconds)

    def limit_series(self, limit: Limit, seconds: float | None = None) -> tuple[list[float], list[float]]:
        """As `series`, for the sessions that counted against the limit of a role or a database."""
        return self._series(self._limits.ring((limit.kind, limit.name), "used"), seconds)

    def ended(self, seconds: float, hog: HogName | None = None) -> list[Ended]:
        """Sessions that went in the last `seconds`, the newest first: all, or those of one hog."""
        if self._last is None:
            return []
        return self._comings.ended(self._last - timedelta(seconds=seconds), hog)

    def turnover(self, seconds: float, hog: HogName | None = None) -> Turnover | None:
        """What came and went in the last `seconds`, or since the first sample; None before there are two samples."""
        if self._last is None:
            return None
        places = self._places_and_one_before(self._last.timestamp() - seconds)
        if len(places) < 2:
            return None
        values = self._columns["new_sessions"] if hog is None else self._hogs.ring(hog, "new")
        spent = self._times[places[-1]] - self._times[places[0]]
        new = sum(int(values[place]) for place in places[1:] if not isnan(values[place]))
        ended = self.ended(spent, hog)
        return Turnover(spent, new, len(ended), median_life(ended))

    def hog_column(self, hog: HogName, name: str, seconds: float, buckets: int) -> list[float | None]:
        """As `column`, for one of `HOG_COLUMNS`."""
        return self._column(self._hogs.ring(hog, name), seconds, buckets, summed=name in _SUMMED)

    def column(self, name: str, seconds: float, buckets: int) -> list[float | None]:
        """The last `seconds` as `buckets` values for a plot, oldest first.

        A bucket holds the largest value in it (peaks are what matters), of those that come or go the sum. Between two
        samples the earlier one holds, but not for longer than samples usually are apart: where they are missing, and
        before the first, it is None. Buckets begin at whole multiples of their length, so that a plot moves by whole
        steps only.
        """
        return self._column(self._columns[name], seconds, buckets, summed=name in _SUMMED)

    def _column(self, values: Sequence[float], seconds: float, buckets: int, *, summed: bool) -> list[float | None]:
        filled: list[float | None] = [None] * buckets
        if self._last is None or buckets < 1:
            return filled
        size = seconds / buckets
        origin = floor(self._last.timestamp() / size) - buckets + 1
        places = self._places_and_one_before(origin * size)
        times = [self._times[place] for place in places]
        longest = _MISSED_SAMPLES * _usual_distance(times)
        for place, moment, end in zip(places, times, [*times[1:], times[-1]], strict=True):
            value = _known(values[place])
            first, last = floor(moment / size) - origin, floor(end / size) - origin
            if first >= 0:
                _put(filled, first, value, summed=summed)
            if value is not None and not summed and end - moment <= longest:
                for later in range(max(0, first + 1), last):
                    filled[later] = value
        return filled

    def _series(self, values: Sequence[float], seconds: float | None) -> tuple[list[float], list[float]]:
        places = self._places(seconds)
        return [self._times[place] for place in places], [values[place] for place in places]

    def _places(self, seconds: float | None) -> list[int]:
        """Where the points of the last `seconds` are, oldest first."""
        if seconds is None or self._last is None:
            return list(self._newest_first())[::-1]
        since = (self._last - timedelta(seconds=seconds)).timestamp()
        return list(takewhile(lambda place: self._times[place] > since, self._newest_first()))[::-1]

    def _places_and_one_before(self, start: float) -> list[int]:
        """Where the points since `start` are, oldest first, led by the one that held when it began."""
        found: list[int] = []
        for place in self._newest_first():
            found.append(place)
            if self._times[place] < start:
                break
        return found[::-1]

    def _newest_first(self) -> Iterator[int]:
        first = max(0, self._appended - self._room)
        return (number % self._room for number in range(self._appended - 1, first - 1, -1))


def _values(snapshot: Snapshot, capacity: Capacity) -> dict[str, float]:
    by_state = Counter(session.state for session in snapshot.sessions)
    by_state[State.STARTING] += snapshot.authenticating
    answered = [bouncer for bouncer in snapshot.pgbouncers if not bouncer.trouble]
    waiting = sum(pool.cl_waiting for bouncer in answered for pool in bouncer.pools)
    return {
        "used": capacity.used,
        "usable": capacity.usable,
        **{name: by_state[state] for name, state in STATE_COLUMNS.items()},
        "waiting_for_locks": sum(session.waits_for_lock for session in snapshot.sessions),
        "pool_waiting": waiting if answered else nan,
        "round_trip": snapshot.round_trip,
    }


def _hog_counts(snapshot: Snapshot, new: Sequence[HogName]) -> dict[HogName, tuple[int, int, int]]:
    """In the order of `HOG_COLUMNS`. One pass, and names are made once a hog: there can be thousands of sessions."""
    total: Counter[tuple[str | None, str]] = Counter()
    idle: Counter[tuple[str | None, str]] = Counter()
    for session in snapshot.sessions:
        name = session.user, session.application
        total[name] += 1
        if session.state is State.IDLE:
            idle[name] += 1
    fresh = Counter(new)
    return {HogName(*name): (count, idle[name], fresh[HogName(*name)]) for name, count in total.items()}


def _known(value: float) -> float | None:
    return None if isnan(value) else value


def _usual_distance(times: list[float]) -> float:
    return median(later - earlier for earlier, later in pairwise(times)) if len(times) > 1 else 0.0


def _put(filled: list[float | None], bucket: int, value: float | None, *, summed: bool) -> None:
    before = filled[bucket]
    if before is None or value is None:
        filled[bucket] = value if before is None else before
    else:
        filled[bucket] = before + value if summed else max(before, value)
