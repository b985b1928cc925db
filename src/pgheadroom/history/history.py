"""What the samples were, in numbers: as much as plots and forecasts need, in memory that never grows."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from math import isnan, nan

from pgheadroom.history.ring import Ring
from pgheadroom.history.tally import Tally
from pgheadroom.history.turnover import Comings, Ended, HogName, Turnover, median_life
from pgheadroom.model.capacity import Capacity, Limit
from pgheadroom.model.session import State
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
    "ended_sessions",
    "round_trip",
)
"""`new_sessions` connected since the point before, `ended_sessions` left since; who did both was never seen.
`pool_waiting` are clients, over all PgBouncers that answered."""

HOG_COLUMNS: tuple[str, ...] = ("total", "idle", "new")
"""Of each hog: its sessions, those of them that are idle outside a transaction, those new since the point before."""

HOGS_KEPT = 50
LIMITS_KEPT = 50

MINUTES_KEPT = 7 * 24 * 60

_SUMMED = frozenset({"new_sessions", "ended_sessions", "new"})


class History:
    """Points, the newest `room` of them, and the minutes of the last week, each as columns of numbers.

    A clock that goes back (another server after a failover, a recording wound back) starts it anew.
    """

    def __init__(self, room: int = 7200) -> None:
        self._points = Ring(COLUMNS, room, _SUMMED)
        self._minutes = Ring(COLUMNS, MINUTES_KEPT, _SUMMED)
        self._hogs: Tally[HogName] = Tally(HOG_COLUMNS, room, HOGS_KEPT)
        self._limits: Tally[tuple[str, str]] = Tally(("used",), room, LIMITS_KEPT)
        self._comings = Comings()
        self._last: datetime | None = None

    def __len__(self) -> int:
        return len(self._points)

    @property
    def last(self) -> datetime | None:
        """The moment of the newest point, by the server's clock."""
        return self._last

    @property
    def reach(self) -> float:
        """How many seconds it goes back; what is older than two hours at a sample a second is kept by the minute."""
        return max(self._points.span, self._minutes.span) if self._points.overflowed else self._points.span

    def append(self, snapshot: Snapshot, capacity: Capacity) -> None:
        """Add a sample. One with the moment of the newest point is that same sample, and is not added twice."""
        if self._last is not None and snapshot.taken_at <= self._last:
            if snapshot.taken_at == self._last:
                return
            self.clear()
        came_and_went = self._comings.take(snapshot.sessions, snapshot.taken_at) if snapshot.exact else None
        new, ended = came_and_went if came_and_went is not None else (None, None)
        values = _values(snapshot, capacity)
        values["new_sessions"] = nan if new is None else len(new)
        values["ended_sessions"] = nan if ended is None else len(ended)
        moment = snapshot.taken_at.timestamp()
        place = self._points.append(moment, values)
        self._minutes.merge(moment, values, 60.0)
        self._hogs.put(place, _hog_counts(snapshot, new or ()))
        crowded = [limit for limit in capacity.limits if not limit.closed][:LIMITS_KEPT]
        self._limits.put(place, {(limit.kind, limit.name): (limit.used,) for limit in crowded})
        self._last = snapshot.taken_at

    def clear(self) -> None:
        self._points.clear()
        self._minutes.clear()
        self._last = None
        self._comings.clear()
        self._hogs.clear()
        self._limits.clear()

    def latest(self, name: str) -> float | None:
        """The newest value of a column; None where it was not known."""
        return _known(self._points.values(name)[self._points.newest]) if len(self._points) else None

    def points(self, name: str, seconds: float | None = None) -> list[tuple[datetime, float | None]]:
        """Moments and values, oldest first, of the last `seconds` or of all."""
        zone = self._last.tzinfo if self._last else None
        times, values = self.series(name, seconds)
        return [(datetime.fromtimestamp(time, zone), _known(value)) for time, value in zip(times, values, strict=True)]

    def series(self, name: str, seconds: float | None = None) -> tuple[list[float], list[float]]:
        """As `points`, for calculations: seconds since 1970, and NaN for what was not known."""
        return self._points.series(self._points.values(name), seconds)

    @property
    def hogs(self) -> tuple[HogName, ...]:
        """The hogs that are kept, the largest now first. Who is not among them had too few sessions."""
        return self._hogs.names

    def hog_total(self, hog: HogName) -> int:
        """Its sessions in the newest sample."""
        return self._hogs.ring(hog, "total")[self._points.newest] if len(self._points) else 0

    def hog_series(self, hog: HogName, name: str, seconds: float | None = None) -> tuple[list[float], list[float]]:
        """As `series`, for one of `HOG_COLUMNS`. Where a hog had no sessions, or was too small to keep, it is 0."""
        return self._points.series(self._hogs.ring(hog, name), seconds)

    def limit_series(self, limit: Limit, seconds: float | None = None) -> tuple[list[float], list[float]]:
        """As `series`, for the sessions that counted against the limit of a role or a database."""
        return self._points.series(self._limits.ring((limit.kind, limit.name), "used"), seconds)

    def ended(self, seconds: float, hog: HogName | None = None) -> list[Ended]:
        """Sessions that went in the last `seconds`, the newest first: all, or those of one hog."""
        if self._last is None:
            return []
        return self._comings.ended(self._last - timedelta(seconds=seconds), hog)

    def turnover(self, seconds: float, hog: HogName | None = None) -> Turnover | None:
        """What came and went in the last `seconds`, or since the first sample; None before there are two samples."""
        if self._last is None:
            return None
        places = self._points.since(self._last.timestamp() - seconds)
        if len(places) < 2:
            return None
        values = self._points.values("new_sessions") if hog is None else self._hogs.ring(hog, "new")
        spent = self._points.moment(places[-1]) - self._points.moment(places[0])
        new = sum(int(values[place]) for place in places[1:] if not isnan(values[place]))
        ended = self.ended(spent, hog)
        return Turnover(spent, new, len(ended), median_life(ended))

    def hog_column(
        self, hog: HogName, name: str, seconds: float, buckets: int, *, per_second: bool = False
    ) -> list[float | None]:
        """As `column`, for one of `HOG_COLUMNS`; hogs are not kept by the minute."""
        return self._column(self._points, self._hogs.ring(hog, name), name, seconds, buckets, per_second=per_second)

    def column(self, name: str, seconds: float, buckets: int, *, per_second: bool = False) -> list[float | None]:
        """The last `seconds` as `buckets` values for a plot, oldest first.

        A bucket holds the largest value in it (peaks are what matters), of those that come or go the sum, or
        `per_second` the highest rate between two samples (a sum would leap with every second sample in it). Between two
        samples the earlier one holds, but not for longer than samples usually are apart: where they are missing, and
        before the first, it is None. Buckets begin at whole multiples of their length, so that a plot moves by whole
        steps only.
        """
        too_long = self._points.overflowed and seconds > self._points.span
        ring = self._minutes if too_long else self._points
        return self._column(ring, ring.values(name), name, seconds, buckets, per_second=per_second)

    def _column(
        self, ring: Ring, values: Sequence[float], name: str, seconds: float, buckets: int, *, per_second: bool
    ) -> list[float | None]:
        until = self._last.timestamp() if self._last is not None else 0.0
        if per_second:
            return ring.column(ring.per_second(values), until, seconds, buckets, summed=False)
        return ring.column(values, until, seconds, buckets, summed=name in _SUMMED)


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
