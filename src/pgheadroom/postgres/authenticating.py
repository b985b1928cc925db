"""Connections that hold a slot while they still log in. Up to 17 they have no row yet, and are counted by themselves;
the locks that they wait for say no more of them than a pid."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from pgheadroom.model import versions
from pgheadroom.model.budget import Budget, Spared
from pgheadroom.model.snapshot import LockRequest
from pgheadroom.postgres.exchange import Answer, Question
from pgheadroom.postgres.lock_waits import Found
from pgheadroom.postgres.queries import query
from pgheadroom.postgres.rows import Activity

PART = "authenticating"


class Authenticating:
    """Counts them as often as the budget allows. Moments are seconds of our own clock.

    Attributes:
        budget: What counting costs the server; told by whoever measures it.
        count: How many there were when they were last counted; 0 where they have rows.
    """

    def __init__(self) -> None:
        self.budget = Budget()
        self.count = 0
        self._counted_at = 0.0

    def questions(self, version: int, now: float) -> list[Question]:
        """None where they have rows."""
        if version >= versions.AUTHENTICATING_ARE_ROWS_SINCE or not self.budget.is_due(now):
            return []
        return [Question(PART, query(PART, version))]

    def take(self, answers: Mapping[str, Answer], now: float) -> None:
        """Where they were not asked for, they are as many as before."""
        if PART in answers:
            answer = answers[PART]
            self.count = int(answer[0][0]) if isinstance(answer, list) else 0
            self._counted_at = now

    def spared(self, answers: Mapping[str, Answer], now: float) -> Iterator[Spared]:
        """That they were counted before, where there were some."""
        if self.count and PART not in answers:
            yield Spared(PART, self.budget.cost, self.budget.every, now - self._counted_at)

    def requests(self, waits: Found, activity: Activity) -> tuple[LockRequest, ...]:
        """All requests; those of backends that have no row say themselves whom they wait for."""
        if not self.count or not waits.requests:
            return waits.requests
        rows = {one.pid for one in (*activity.sessions, *activity.processes)}
        return tuple(
            one if one.pid in rows else replace(one, blocked_by=waits.blockers.get(one.pid, ()))
            for one in waits.requests
        )
