"""Waits for locks a second by the server's own count, which has also those that ended between two samples."""

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime

from pgheadroom.history.flow import WINDOW
from pgheadroom.model.lock_totals import LockTotal

LockRates = tuple[tuple[str, float], ...]
"""By type of lock, the most frequent first; none that nobody waits for."""


class LockFlows:
    """The writer. Moments are the server's. Totals that fall were reset."""

    def __init__(self) -> None:
        self._known: deque[tuple[datetime, Mapping[str, int]]] = deque()

    def clear(self) -> None:
        self._known.clear()

    def take(self, totals: Sequence[LockTotal] | None, now: datetime) -> None:
        """Add what a sample has; None where nothing."""
        if totals is None:
            return
        counts = {one.locktype: one.waits for one in totals}
        if self._known and any(counts.get(kind, 0) < waits for kind, waits in self._known[-1][1].items()):
            self._known.clear()
        self._known.append((now, counts))
        while len(self._known) > 2 and (now - self._known[1][0]).total_seconds() >= WINDOW:
            self._known.popleft()

    def lately(self) -> LockRates | None:
        """None before there are two readings."""
        if len(self._known) < 2:
            return None
        (since, early), (until, late) = self._known[0], self._known[-1]
        seconds = (until - since).total_seconds() or 1.0
        rates = ((kind, (waits - early.get(kind, 0)) / seconds) for kind, waits in late.items())
        return tuple(sorted((one for one in rates if one[1] > 0), key=lambda one: -one[1]))
