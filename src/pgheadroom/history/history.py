"""What the samples were, in numbers: as much as plots and forecasts need, in memory that never grows."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from math import nan
from operator import attrgetter

from pgheadroom.history.flow import Flows
from pgheadroom.history.lock_flow import LockFlows
from pgheadroom.history.past import SUMMED, Past
from pgheadroom.history.peaks import Peaks
from pgheadroom.history.refused import Refused
from pgheadroom.history.ring import Ring
from pgheadroom.history.tally import Tally
from pgheadroom.history.turnover import Churn, HogName
from pgheadroom.model.application import family
from pgheadroom.model.capacity import Capacity
from pgheadroom.model.session import State, Wait
from pgheadroom.model.session_totals import SessionTotals
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
FLOW_COLUMNS: dict[str, str] = {f"{name}_a_second": name for name in SessionTotals._fields}
COLUMNS: tuple[str, ...] = (
    "used",
    "usable",
    *STATE_COLUMNS,
    "waiting_for_locks",
    "pool_waiting",
    "new_sessions",
    "ended_sessions",
    *FLOW_COLUMNS,
    "refused",
    "round_trip",
)
"""`new_sessions` connected since the point before, `ended_sessions` left since; who did both was never seen,
and is only in `begun_a_second`, by the server's own count, as `abandoned_a_second`, `fatal_a_second` and
`killed_a_second` are.
`pool_waiting` are clients, over all PgBouncers that answered, `refused` those who were turned away for lack of room,
where the server's log tells."""

HOG_COLUMNS: tuple[str, ...] = ("total", "idle", "new")
"""Of each hog: its sessions, those of them that are idle outside a transaction, those new since the point before."""

HOGS_KEPT = 50
LIMITS_KEPT = 50

MINUTES_KEPT = 7 * 24 * 60


class History:
    """The writer: points, the newest `room` of them, and the minutes of the last week, each as columns of numbers.

    A clock that goes back (another server after a failover, a recording wound back) starts it anew.
    """

    def __init__(self, room: int = 7200) -> None:
        self._points = Ring(COLUMNS, room, SUMMED)
        self._minutes = Ring(COLUMNS, MINUTES_KEPT, SUMMED)
        self._hogs: Tally[HogName] = Tally(HOG_COLUMNS, room, HOGS_KEPT)
        self._limits: Tally[tuple[str, str]] = Tally(("used",), room, LIMITS_KEPT)
        self._peaks = Peaks(room)
        self._churn = Churn()
        self._refused = Refused()
        self._flows = Flows()
        self._lock_flows = LockFlows()
        self._last: datetime | None = None

    def past(self) -> Past:
        """What is known now; it does not change when more comes."""
        return Past(
            self._points.points(),
            self._minutes.points(),
            self._hogs.counts(),
            self._limits.counts(),
            self._churn.remembered(),
            self._last,
            self._refused.lately(),
            self._flows.lately(),
            self._lock_flows.lately(),
            self._peaks.stretches(),
        )

    def append(self, snapshot: Snapshot, capacity: Capacity) -> None:
        """Add a sample. One with the moment of the newest point is that same sample, and is not added twice."""
        if self._last is not None and snapshot.taken_at <= self._last:
            if snapshot.taken_at == self._last:
                return
            self.clear()
        came_and_went = self._churn.take(snapshot.sessions, snapshot.taken_at) if snapshot.exact else None
        new, ended = came_and_went if came_and_went is not None else (None, None)
        values = _values(snapshot, capacity)
        self._lock_flows.take(snapshot.lock_totals, snapshot.taken_at)
        flow = self._flows.take(snapshot.session_totals, snapshot.taken_at)
        values |= {column: nan if flow is None else getattr(flow, name) for column, name in FLOW_COLUMNS.items()}
        values["new_sessions"] = nan if new is None else len(new)
        values["ended_sessions"] = nan if ended is None else len(ended)
        self._refused.take(snapshot.refusals, snapshot.taken_at)
        moment = snapshot.taken_at.timestamp()
        self._points.append(moment, values)
        self._minutes.merge(moment, values, 60.0)
        self._hogs.append(_hog_counts(snapshot, new or ()))
        self._peaks.take(snapshot.sessions)
        crowded = islice((limit for limit in capacity.limits if not limit.closed), LIMITS_KEPT)
        self._limits.append({(limit.kind, limit.name): (limit.used,) for limit in crowded})
        self._last = snapshot.taken_at

    def clear(self) -> None:
        for part in (
            self._points,
            self._minutes,
            self._hogs,
            self._limits,
            self._peaks,
            self._churn,
            self._refused,
            self._flows,
            self._lock_flows,
        ):
            part.clear()
        self._last = None


def _values(snapshot: Snapshot, capacity: Capacity) -> dict[str, float]:
    by_state = {state: len(of_state) for state, of_state in snapshot.by_state.items()}
    by_state[State.STARTING] += snapshot.authenticating
    refusals = snapshot.refusals
    answered = [bouncer for bouncer in snapshot.pgbouncers if not bouncer.trouble]
    waiting = sum(pool.cl_waiting for bouncer in answered for pool in bouncer.pools)
    return {
        "used": capacity.used,
        "usable": capacity.usable,
        **{name: by_state[state] for name, state in STATE_COLUMNS.items()},
        "waiting_for_locks": len(snapshot.by_wait[Wait.LOCK]),
        "pool_waiting": waiting if answered else nan,
        "refused": nan if refusals is None or refusals.before else refusals.no_room,
        "round_trip": snapshot.round_trip,
    }


_NAME = attrgetter("user", "application")  # called from C


def _hog_counts(snapshot: Snapshot, new: Sequence[HogName]) -> dict[HogName, tuple[int, int, int]]:
    """In the order of `HOG_COLUMNS`. One pass, and names are made once a hog: there can be thousands of sessions."""
    total: Counter[tuple[str | None, str]] = Counter(map(_NAME, snapshot.sessions))
    idle: Counter[tuple[str | None, str]] = Counter(map(_NAME, snapshot.by_state[State.IDLE]))
    totals: Counter[HogName] = Counter()
    unused: Counter[HogName] = Counter()
    for (user, application), count in total.items():
        hog = HogName(user, family(application))
        totals[hog] += count
        unused[hog] += idle[user, application]
    fresh = Counter(new)
    return {hog: (count, unused[hog], fresh[hog]) for hog, count in totals.items()}
