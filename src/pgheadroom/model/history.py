"""What the samples were, in numbers: as much as plots and forecasts need, in memory that never grows."""

from array import array
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise, takewhile
from math import floor, isnan, nan
from statistics import median

from pgheadroom.model.capacity import Capacity
from pgheadroom.model.session import SessionId, State
from pgheadroom.model.snapshot import Snapshot

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
    "round_trip",
)
"""`new_sessions` connected since the point before; `pool_waiting` are clients, over all PgBouncers that answered."""

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
        self._appended = 0
        self._last: datetime | None = None
        self._known: frozenset[SessionId] | None = None

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
        for name, value in self._values(snapshot, capacity).items():
            self._columns[name][place] = value
        self._appended += 1
        self._last = snapshot.taken_at

    def clear(self) -> None:
        self._appended = 0
        self._last = None
        self._known = None

    def _values(self, snapshot: Snapshot, capacity: Capacity) -> dict[str, float]:
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
            "new_sessions": self._new_sessions(snapshot),
            "round_trip": snapshot.round_trip,
        }

    def _new_sessions(self, snapshot: Snapshot) -> float:
        """Not known for the first point, nor where our role does not see when a session began."""
        before = self._known
        ids = frozenset(session.id for session in snapshot.sessions if session.backend_start is not None)
        self._known = ids
        return nan if before is None or not snapshot.exact else len(ids - before)

    def latest(self, name: str) -> float | None:
        """The newest value of a column; None where it was not known."""
        if not self._appended:
            return None
        return _known(self._columns[name][(self._appended - 1) % self._room])

    def points(self, name: str, seconds: float | None = None) -> list[tuple[datetime, float | None]]:
        """Moments and values, oldest first, of the last `seconds` or of all."""
        found = [(self._times[place], self._columns[name][place]) for place in self._places(seconds)]
        zone = self._last.tzinfo if self._last else None
        return [(datetime.fromtimestamp(moment, zone), _known(value)) for moment, value in found]

    def column(self, name: str, seconds: float, buckets: int) -> list[float | None]:
        """The last `seconds` as `buckets` values for a plot, oldest first.

        A bucket holds the largest value in it (peaks are what matters), of `new_sessions` the sum. Between two samples
        the earlier one holds, but not for longer than samples usually are apart: where they are missing, and before the
        first, it is None. Buckets begin at whole multiples of their length, so that a plot moves by whole steps only.
        """
        filled: list[float | None] = [None] * buckets
        if self._last is None or buckets < 1:
            return filled
        size = seconds / buckets
        origin = floor(self._last.timestamp() / size) - buckets + 1
        places = self._places_and_one_before(origin * size)
        times = [self._times[place] for place in places]
        longest = _MISSED_SAMPLES * _usual_distance(times)
        summed = name == "new_sessions"
        for place, moment, end in zip(places, times, [*times[1:], times[-1]], strict=True):
            value = _known(self._columns[name][place])
            first, last = floor(moment / size) - origin, floor(end / size) - origin
            if first >= 0:
                _put(filled, first, value, summed=summed)
            if value is not None and not summed and end - moment <= longest:
                for later in range(max(0, first + 1), last):
                    filled[later] = value
        return filled

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
