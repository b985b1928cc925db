"""What was seen while it was looked: peaks, and how long sessions idled before they were used again, or were not."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

from pgheadroom.model.application import family
from pgheadroom.model.grouping import GroupBy
from pgheadroom.model.session import IN_TRANSACTION_BUT_IDLE, Session, SessionId, State, seconds_between
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.facts.chain import hog_key


class Whose(NamedTuple):
    """A group of sessions: one application of one role in one database."""

    user: str
    database: str
    application: str


class Rest(NamedTuple):
    """How long the sessions of a group rested.

    Attributes:
        used_again: The longest rest, in seconds, after which a session was used again; None where none was seen.
        open: The longest that was not over when last seen.
        resting: How many do now.
    """

    used_again: float | None
    open: float | None
    resting: int


NO_REST = Rest(None, None, 0)


class Used(NamedTuple):
    """How an application used its sessions.

    Attributes:
        peak: The most sessions at once.
        busy: How many were busy, by the number of the sample; only where there were any.
        clients: Where they came from.
    """

    peak: int
    busy: Mapping[int, int]
    clients: frozenset[str]


@dataclass(frozen=True)
class Observed:
    """All that was seen.

    Attributes:
        seconds: From the first sample to the last; 0 for one look.
        fullest: The sample in which most slots were used.
        peaks: The most sessions of a role or a database at once, by kind and name.
        active_peak: The most sessions that ran something at once.
        in_transaction, idle: Rests within a transaction, and outside of one. Ours and poolers' are left out of `idle`.
        moments: Of the samples.
        used: How each application used its sessions.
        transactions: Likewise how long transactions lasted that are over, and the longest that is not.
    """

    seconds: float
    samples: int
    fullest: Case
    peaks: Mapping[tuple[str, str], int] = field(default_factory=dict)
    active_peak: int = 0
    in_transaction: Mapping[Whose, Rest] = field(default_factory=dict)
    idle: Mapping[Whose, Rest] = field(default_factory=dict)
    transactions: Mapping[Whose, Rest] = field(default_factory=dict)
    moments: Sequence[datetime] = ()
    used: Mapping[Whose, Used] = field(default_factory=dict)


_Moment = Callable[[Session], datetime | None]


class _Rests:
    """Spans of one kind: who is in one since when, and the longest of each group that was over.

    Args:
        since: When a session's span began.
        over: When one is over that a later sample does not find any more.
    """

    def __init__(self, since: _Moment, over: _Moment) -> None:
        self._began, self._ended = since, over
        self._since: dict[SessionId, tuple[Whose, datetime]] = {}
        self._over: dict[Whose, float] = {}

    def take(self, within: Iterable[Session], there: Mapping[SessionId, Session]) -> None:
        """`there` is everybody: whose session has ended was not used again."""
        for session_id, (whose, since) in self._since.items():
            now = there.get(session_id)
            if now is not None and self._began(now) != since and (ended := self._ended(now)) is not None:
                self._over[whose] = max(self._over.get(whose, 0.0), seconds_between(since, ended) or 0.0)
        began = ((one.id, whose_of(one), self._began(one)) for one in within)
        self._since = {session_id: (whose, since) for session_id, whose, since in began if since is not None}

    def found(self, now: datetime) -> dict[Whose, Rest]:
        resting: dict[Whose, list[float]] = {}
        for whose, since in self._since.values():
            resting.setdefault(whose, []).append(seconds_between(since, now) or 0.0)
        return {
            whose: Rest(self._over.get(whose), max(resting.get(whose, []), default=None), len(resting.get(whose, [])))
            for whose in {*self._over, *resting}
        }


_state_change: _Moment = attrgetter("state_change")
_query_start: _Moment = attrgetter("query_start")
_xact_start: _Moment = attrgetter("xact_start")


class Watching:
    """Takes samples one after the other; `observed` says what they showed.

    Args:
        sizes_pools: Keep of each sample who was busy; else it can go on for days.
    """

    def __init__(self, *, sizes_pools: bool = True) -> None:
        self._sizes_pools = sizes_pools
        self._first: datetime | None = None
        self._samples = 0
        self._newest: Case | None = None
        self._fullest: Case | None = None
        self._peaks: Counter[tuple[str, str]] = Counter()
        self._active_peak = 0
        self._moments: list[datetime] = []
        self._most: dict[Whose, int] = {}
        self._busy: dict[Whose, dict[int, int]] = {}
        self._clients: dict[Whose, set[str]] = {}
        self._in_transaction, self._idle = _Rests(_state_change, _query_start), _Rests(_state_change, _query_start)
        self._transactions = _Rests(_xact_start, _state_change)

    def take(self, case: Case) -> None:
        self._samples += 1
        self._first = self._first or case.snapshot.taken_at
        self._newest = case
        if self._fullest is None or case.capacity.used >= self._fullest.capacity.used:
            self._fullest = case
        self._take_peaks(case)
        if self._sizes_pools:
            self._take_used(case)
        there = {one.id: one for one in case.snapshot.sessions if one.backend_start is not None}
        own, pooled = case.snapshot.door.pid, case.pooled
        named = [one for one in there.values() if one.user and one.pid != own]
        self._in_transaction.take((one for one in named if one.state in IN_TRANSACTION_BUT_IDLE), there)
        self._idle.take((one for one in named if one.state is State.IDLE and one.pid not in pooled), there)
        self._transactions.take((one for one in named if _is_in_its_own(one)), there)

    def _take_used(self, case: Case) -> None:
        number = len(self._moments)
        self._moments.append(case.snapshot.taken_at)
        own = case.snapshot.door.pid
        for whose, clients in sources_of(case).items():
            self._clients.setdefault(whose, set()).update(clients)
        counts: Counter[Whose] = Counter()
        for one in case.snapshot.sessions:
            if one.pid == own or not one.user:
                continue
            whose = whose_of(one)
            counts[whose] += 1
            if one.state not in (State.IDLE, State.DISABLED, State.HIDDEN):
                busy = self._busy.setdefault(whose, {})
                busy[number] = busy.get(number, 0) + 1
        for whose, count in counts.items():
            self._most[whose] = max(self._most.get(whose, 0), count)

    def _take_peaks(self, case: Case) -> None:
        sessions = case.snapshot.sessions
        counts = Counter(("role", one.user) for one in sessions if one.user)
        counts.update(("database", one.database) for one in sessions if one.database)
        for key, count in counts.items():
            self._peaks[key] = max(self._peaks[key], count)
        self._active_peak = max(self._active_peak, len(case.running))

    def observed(self) -> Observed:
        """What was seen so far.

        Raises:
            ValueError: Nothing was.
        """
        if self._newest is None or self._fullest is None or self._first is None:
            raise ValueError("no sample was taken")
        now = self._newest.snapshot.taken_at
        return Observed(
            seconds_between(self._first, now) or 0.0,
            self._samples,
            self._fullest,
            dict(self._peaks),
            self._active_peak,
            self._in_transaction.found(now),
            self._idle.found(now),
            self._transactions.found(now),
            tuple(self._moments),
            {
                whose: Used(most, self._busy.get(whose, {}), frozenset(self._clients.get(whose, ())))
                for whose, most in self._most.items()
            },
        )


def sources_of(case: Case) -> dict[Whose, set[str]]:
    """Where each application comes from: the addresses of its clients, behind a PgBouncer those of the real ones."""
    hogs, behind = case.hogs_by(GroupBy.ALL)
    found: dict[Whose, set[str]] = {}
    for hog in hogs:
        whose = Whose(hog.user or "", hog.database or "", hog.application or "")
        real = {one.address for one in behind.get(hog_key(hog), ()) if one.application == whose.application}
        found.setdefault(whose, set()).update(real or {hog.client or ""})
    return found


def _is_in_its_own(session: Session) -> bool:
    """Whether it is in a transaction whose length is its own doing: who waits for a lock lasts as long as another."""
    return session.xact_start is not None and not session.waits_for_lock


def whose_of(session: Session) -> Whose:
    return Whose(session.user or "", session.database or "", family(session.application))
