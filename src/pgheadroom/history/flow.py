"""Sessions that come and go by the server's own count, which has also those that lived between two samples."""

from collections import deque
from datetime import datetime
from typing import NamedTuple

from pgheadroom.model.session_totals import SessionTotals

WINDOW = 10.0
"""Seconds over which rates are taken."""


class Flow(NamedTuple):
    """In a second.

    Attributes:
        begun: Sessions that began.
        abandoned, fatal, killed: Sessions that ended so, see `SessionTotals`.
        seconds: That it was counted over.
    """

    begun: float
    abandoned: float
    fatal: float
    killed: float
    seconds: float


class Flows:
    """The writer. Moments are the server's. Totals that fall were reset: what was before is no measure any more."""

    def __init__(self) -> None:
        self._known: deque[tuple[datetime, SessionTotals]] = deque()

    def clear(self) -> None:
        self._known.clear()

    def take(self, totals: SessionTotals | None, now: datetime) -> Flow | None:
        """Add what a sample has, None where nothing; what came and went since the reading before."""
        if totals is None:
            return None
        last = self._known[-1] if self._known else None
        if last is not None and any(late < early for late, early in zip(totals, last[1], strict=True)):
            self._known.clear()
            last = None
        self._known.append((now, totals))
        while len(self._known) > 2 and (now - self._known[1][0]).total_seconds() >= WINDOW:
            self._known.popleft()
        return _rate(last, (now, totals)) if last is not None else None

    def lately(self) -> Flow | None:
        """Over the last ten seconds; None before there are two readings."""
        return _rate(self._known[0], self._known[-1]) if len(self._known) > 1 else None


def _rate(early: tuple[datetime, SessionTotals], late: tuple[datetime, SessionTotals]) -> Flow:
    seconds = (late[0] - early[0]).total_seconds() or 1.0
    begun, abandoned, fatal, killed = (
        (after - before) / seconds for before, after in zip(early[1], late[1], strict=True)
    )
    return Flow(begun, abandoned, fatal, killed, seconds)
