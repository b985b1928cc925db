"""Sessions that come and go, and how long they live."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from pgheadroom.history.median import median
from pgheadroom.model.application import family
from pgheadroom.model.session import Session, seconds_between

_REMEMBERED = 4096
"""Departures that are remembered: more than a storm brings in half a minute."""


class HogName(NamedTuple):
    """Who a session belongs to: the hog, wherever it comes from; its application by the name of the family."""

    user: str | None
    application: str


class Ended(NamedTuple):
    """A session that is gone.

    Attributes:
        moment: The first sample without it.
        life: Seconds it lived at most: to that sample.
    """

    moment: datetime
    name: HogName
    life: float


@dataclass(frozen=True, slots=True)
class Turnover:
    """What came and went in a span of time.

    Attributes:
        new: Sessions that were not there the sample before. Who came and went between two samples was never seen.
        per_second: Of the new ones.
        ended: Sessions that went.
        median_life: Seconds that half of those lived at most; None where none went.
    """

    seconds: float
    new: int
    ended: int
    median_life: float | None

    @property
    def per_second(self) -> float:
        return self.new / self.seconds if self.seconds > 0 else 0.0


class Churn:
    """Compares each sample's sessions with those of the one before."""

    def __init__(self) -> None:
        self._present: dict[int, Session] | None = None
        self._ended: deque[Ended] = deque(maxlen=_REMEMBERED)

    def clear(self) -> None:
        self._present = None
        self._ended.clear()

    def take(self, sessions: Iterable[Session], now: datetime) -> tuple[list[HogName], list[Ended]] | None:
        """Who came and who went since the sample before; None for the first."""
        before = self._present
        # By pid, and then by start: that hashes a number for each of thousands, and no moment.
        present = {session.pid: session for session in sessions if session.backend_start is not None}
        self._present = present
        if before is None:
            return None
        new = [hog_name(one) for one in _missing_from(before, present)]
        ended = [_ended(one, now) for one in _missing_from(present, before)]
        self._ended.extend(ended)
        return new, ended

    def remembered(self) -> tuple[Ended, ...]:
        """Who went lately, the newest last."""
        return tuple(self._ended)


def median_life(ended: Iterable[Ended]) -> float | None:
    """Seconds that half of them lived at most; None of nobody."""
    lives = [one.life for one in ended]
    return median(lives) if lives else None


def hog_name(session: Session) -> HogName:
    return HogName(session.user, family(session.application))


def _missing_from(these: Mapping[int, Session], those: Mapping[int, Session]) -> Iterator[Session]:
    for pid, session in those.items():
        found = these.get(pid)
        if found is session:
            continue
        if found is None or found.backend_start != session.backend_start:
            yield session


def _ended(session: Session, now: datetime) -> Ended:
    return Ended(now, hog_name(session), seconds_between(session.backend_start, now) or 0.0)
