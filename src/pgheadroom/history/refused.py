"""Who was turned away lately, and how often, from the refusals of sample after sample."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from pgheadroom.model.turned_away import Reason, Refusals, TurnedAway, Who

WINDOW = 10.0
"""Seconds over which a rate is taken."""
KEPT = 300.0
"""Seconds after its last refusal that somebody is remembered."""
_ROOM = 300


class RefusedGroup(NamedTuple):
    """Those who were refused alike.

    Attributes:
        times: How often, since `first`.
        per_second: Over the last ten seconds.
        first, last: As of `TurnedAway`.
    """

    who: Who
    times: int
    per_second: float
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class RefusedLately:
    """What is known of refusals at one moment; it does not change when more comes.

    Attributes:
        groups: Of the last minutes; who is refused most now comes first.
        per_second: Refusals for lack of room.
        unwanted_per_second: Refusals for who asked: each held a slot until then.
        skipped: Bytes of the log that were not read in the last ten seconds: there were more.
        totals: Since this program has watched, by reason.
    """

    groups: tuple[RefusedGroup, ...] = ()
    per_second: float = 0.0
    unwanted_per_second: float = 0.0
    skipped: int = 0
    totals: Mapping[Reason, int] = field(default_factory=dict)

    @property
    def leading(self) -> RefusedGroup | None:
        """Those who are refused for lack of room most often now."""
        return next((one for one in self.groups if one.who.reason.no_room and one.per_second > 0), None)

    def by_reason(self) -> list[tuple[Reason, float]]:
        """Refusals a second, the most frequent reason first."""
        rates: dict[Reason, float] = {}
        for one in self.groups:
            rates[one.who.reason] = rates.get(one.who.reason, 0.0) + one.per_second
        return sorted(((reason, rate) for reason, rate in rates.items() if rate), key=lambda one: -one[1])


class _Reading(NamedTuple):
    moment: datetime
    refusals: Refusals


class Refused:
    """The writer. Moments are the server's."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self._known: dict[Who, TurnedAway] = {}
        self._window: deque[_Reading] = deque()
        self._totals: Counter[Reason] = Counter()
        self._lately: RefusedLately | None = None

    def take(self, refusals: Refusals | None, now: datetime) -> None:
        """Add what a sample has; None where nothing was read with it."""
        if refusals is not None:
            self._add(refusals, now)
        if self._lately is not None:
            self._forget(now)
            self._lately = self._told()

    def lately(self) -> RefusedLately | None:
        """None where the log was never read."""
        return self._lately

    def _add(self, refusals: Refusals, now: datetime) -> None:
        if self._window and self._window[0].refusals.before:
            self._window.popleft()
        self._window.append(_Reading(now, refusals))
        self._lately = self._lately or RefusedLately()
        for one in refusals.groups:
            known = self._known.get(one.who)
            if known is not None:
                first, last = min(known.first, one.first), max(known.last, one.last)
                one = TurnedAway(*one.who, known.count + one.count, first, last)
            if known is not None or len(self._known) < _ROOM:
                self._known[one.who] = one
        if not refusals.before:
            for one in refusals.groups:
                self._totals[one.reason] += one.count

    def _forget(self, now: datetime) -> None:
        while self._window and (now - self._window[0].moment).total_seconds() >= WINDOW:
            self._window.popleft()
        oldest = now - timedelta(seconds=KEPT)
        self._known = {who: one for who, one in self._known.items() if one.last >= oldest}

    def _told(self) -> RefusedLately:
        seconds = sum(one.refusals.seconds for one in self._window) or 1.0
        counts: Counter[Who] = Counter()
        for reading in self._window:
            for one in reading.refusals.groups:
                counts[one.who] += one.count
        groups = [
            RefusedGroup(who, one.count, counts[who] / seconds, one.first, one.last) for who, one in self._known.items()
        ]
        return RefusedLately(
            tuple(sorted(groups, key=lambda one: (-one.per_second, -one.times, one.who))),
            sum(one.refusals.no_room for one in self._window) / seconds,
            sum(one.refusals.not_wanted for one in self._window) / seconds,
            sum(one.refusals.skipped for one in self._window),
            dict(self._totals),
        )


def refused_lately(refusals: Refusals | None, now: datetime) -> RefusedLately | None:
    """Of one sample alone."""
    one = Refused()
    one.take(refusals, now)
    return one.lately()
