"""Refusals counted by who was refused, between two samples. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from pgheadroom.model.turned_away import Refusals, TurnedAway, Who
from pgheadroom.postgres.server_log.meaning import turned_away
from pgheadroom.postgres.server_log.records import Record

MOST_GROUPS = 200
"""Who is refused from more places than this is counted, and not named."""
_ODD = timedelta(hours=3)
"""A line that is older or newer than this when it is read is dated by a clock that was changed, or in another zone."""


class Count:
    """What was refused since it was last given away.

    Attributes:
        skipped: Bytes that were not read.
    """

    def __init__(self) -> None:
        self.skipped = 0
        self._groups: dict[Who, TurnedAway] = {}
        self._others = 0

    def add(self, records: Iterable[Record], moment: "Moments", since: datetime | None = None) -> None:
        """Count what means that somebody was refused.

        Args:
            since: What was before, or has no time, is not counted.
        """
        for record in records:
            who = turned_away(record)
            if who is None:
                continue
            at = moment.of(record)
            if since is None or (at is not None and at >= since):
                self._count(who, at or moment.now)

    def _count(self, who: Who, at: datetime) -> None:
        known = self._groups.get(who)
        if known is None and len(self._groups) >= MOST_GROUPS:
            self._others += 1
            return
        if known is None:
            self._groups[who] = TurnedAway(*who, 1, at, at)
        else:
            self._groups[who] = TurnedAway(*who, known.count + 1, min(known.first, at), max(known.last, at))

    def given(self, seconds: float, log: str, *, before: bool = False) -> Refusals:
        """What was counted, once: the next count begins at nothing."""
        groups = sorted(self._groups.values(), key=lambda one: (-one.count, one.who))
        found = Refusals(tuple(groups), seconds, log, self.skipped, self._others, before)
        self._groups, self._others, self.skipped = {}, 0, 0
        return found


class Moments:
    """When a line was written, by the server's clock.

    Its own time zone is a name that stands for several; so it is compared with the time there now.
    """

    def __init__(self, now: datetime, there: datetime | None) -> None:
        """
        Args:
            now: The moment of the sample.
            there: The same as the clock in the log's time zone shows it; None where that is not known.
        """
        self.now = now
        self._there = there

    def of(self, record: Record) -> datetime | None:
        """None where the line has no time, or one that cannot be."""
        told = record.moment
        try:
            if "-" not in told:
                return datetime.fromtimestamp(float(told), UTC) if told else None
            age = self._there - datetime.fromisoformat(told) if self._there is not None else None
        except (ValueError, OverflowError, TypeError):
            return None
        if age is None or abs(age) > _ODD:
            return None
        return self.now - max(age, timedelta(0))
