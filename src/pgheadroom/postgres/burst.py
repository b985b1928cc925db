"""Attempts at one door that overlap: the first that is let in is taken, every other is given back at once."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from pgheadroom.access.knocking import Pace
from pgheadroom.deadline import clock
from pgheadroom.errors import NoConnection
from pgheadroom.model.refusal import Hindrance, RefusedBy
from pgheadroom.postgres.attempt import Attempt
from pgheadroom.postgres.door import Connection, let_in
from pgheadroom.postgres.not_let_in import NotLetIn, hindrance_of
from pgheadroom.postgres.turns import Turns

_GOES_ON = (Hindrance.NO_ROOM, Hindrance.OPENING, Hindrance.DOWN)


class Burst:
    """The attempts of one turn of a door.

    Attributes:
        attempts: How many have begun.
        limits: That refused those that were alone when they began: what they met was not made by us.
        refused: How many each limit refused, as far as their texts tell it.
    """

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self.attempts = 0
        self.limits: set[RefusedBy] = set()
        self.refused: Counter[RefusedBy] = Counter()
        self._in_flight: set[asyncio.Task[Connection]] = set()
        self._alone: set[asyncio.Task[Connection]] = set()
        self._begun: list[Attempt] = []
        self._may_start = True
        self._next = 0.0
        self._turns = Turns(pace.every / pace.in_flight, pace.in_flight) if pace.watch and pace.in_flight > 1 else None

    async def connect(self, given: Mapping[str, Any], where: str, deadline: float, ours: str = "") -> Connection:
        """As `door.connect`, by as many attempts as the pace allows.

        Raises:
            NoConnection: The last of them failed too; with what it heard.
        """
        failure: NoConnection | None = None
        try:
            while self._start(given, where, deadline, ours) or self._in_flight:
                for ended in sorted(await self._ended(), key=_failed):
                    try:
                        return ended.result()
                    except NoConnection as refused:
                        failure = refused
                        limit = refused.said.limit if isinstance(refused, NotLetIn) else RefusedBy.OTHER
                        self.refused[limit] += 1
                        if ended in self._alone and isinstance(refused, NotLetIn):
                            self.limits.add(limit)
                        self._may_start = self._may_start and hindrance_of(refused) in _GOES_ON
        finally:
            self._give_back()
        raise failure or NoConnection(f"{where}: nothing was tried")

    def _start(self, given: Mapping[str, Any], where: str, deadline: float, ours: str) -> bool:
        """Whether more attempts are to come, after having begun the one that is due."""
        self._may_start = self._may_start and self.attempts < self._pace.attempts
        now = clock()
        if self._may_start and len(self._in_flight) < self._pace.in_flight and now >= self._next:
            if self._pace.heard_first and self._begun and not any(one.answered for one in self._begun):
                self._next = now + self._pace.spacing
            else:
                self._begin(Attempt(given, pace=self._of_next(), ours=ours, turns=self._turns), where, deadline, now)
        return self._may_start

    def _of_next(self) -> Pace:
        """The first of several ends its watch at half time: see `WATCH`."""
        first = not self._begun and self._pace.in_flight > 1
        return replace(self._pace, watch=self._pace.watch / 2) if first else self._pace

    def _begin(self, attempt: Attempt, where: str, deadline: float, now: float) -> None:
        task = asyncio.create_task(let_in(attempt, where, deadline))
        if not self._in_flight:
            self._alone.add(task)
        self._begun.append(attempt)
        self._in_flight.add(task)
        self._next = max(self._next + self._pace.spacing, now) if self.attempts else now + self._pace.spacing
        self.attempts += 1

    async def _ended(self) -> set[asyncio.Task[Connection]]:
        due = self._may_start and len(self._in_flight) < self._pace.in_flight
        pause = max(0.0, self._next - clock()) if due else None
        if not self._in_flight:
            await asyncio.sleep(pause or 0.0)
            return set()
        done, self._in_flight = await asyncio.wait(self._in_flight, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
        won = [task for task in done if task.exception() is None]
        self._in_flight |= set(won[1:])  # to be given back
        return done - set(won[1:])

    def _give_back(self) -> None:
        for task in self._in_flight:
            task.cancel()
            task.add_done_callback(_close)


def _failed(task: asyncio.Task[Connection]) -> bool:
    return task.exception() is not None


def _close(task: asyncio.Task[Connection]) -> None:
    with suppress(asyncio.CancelledError, NoConnection):
        task.result().pgconn.finish()
