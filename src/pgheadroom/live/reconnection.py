"""Getting in: how often the doors are tried, and what is told of the time spent before them."""

import asyncio
import random
from collections import deque
from datetime import UTC, datetime

from pgheadroom.access import advice, comeback
from pgheadroom.access.knocking import JITTER, Knocking, after, pace
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.refusal import Hindrance
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.update import Waiting
from pgheadroom.postgres.doors import Doors, NoDoor
from pgheadroom.postgres.sampling import Probe

RATE_OVER = 2.0
"""Seconds over which attempts a second are counted."""
_FIRST_OF = (Hindrance.NO_ROOM, Hindrance.OPENING, Hindrance.DOWN)
"""What decides, where doors say several things: what may end first."""


class Entrance:
    """The doors of a server, from the first attempt to the first sample, as often as we have to come in.

    Attributes:
        next_try: Seconds to wait before the next attempt.
        shut: What the doors said last, while at least one of them had no room; else None.
        help: What helps a role that was let in before and is refused now, in a sentence; may be empty.
    """

    def __init__(self, doors: Doors) -> None:
        self.doors = doors
        self.next_try = 0.0
        self.shut: NoDoor | None = None
        self.help = ""
        self._knocking = Knocking()
        self._marks: deque[tuple[float, int]] = deque()
        self._shut_since: tuple[datetime, float] | None = None
        self._attempts_before = 0
        self._last: tuple[Snapshot, int | None] | None = None
        self._lost_at: float | None = None
        self._lost_by = ""

    async def enter(self) -> Probe:
        """Try all doors once.

        Raises:
            NoDoor: None opened.
        """
        try:
            before = self.doors.attempts
            probe = await self.doors.enter(pace(self._knocking, _clock(), self.doors.in_turn))
        except NoDoor as refused:
            self._met(refused, before)
            self.help = advice.no_longer(refused.refusals, self.doors.role) if self._last else ""
            raise
        else:
            self.shut, self.help = None, ""
            return probe

    def _met(self, refused: NoDoor, before: int) -> None:
        now = _clock()
        self.shut = refused if refused.full else None
        if refused.full and self._shut_since is None:
            self._shut_since = (datetime.now(UTC), now)
            self._attempts_before = before
        said = [one.hindrance for one in refused.refusals] or [Hindrance.LOGIN]
        hindrance = next((one for one in _FIRST_OF if one in said), said[0])
        self._knocking = after(self._knocking, hindrance, now, moves=self.doors.moves)
        # Monitors that lost the same server must not all come back in the same instant.
        varied = random.uniform(*JITTER)  # noqa: S311 - not a secret
        self.next_try = varied * pace(self._knocking, now, self.doors.in_turn).pause
        self._marks.append((now, self.doors.attempts))
        while now - self._marks[0][0] > RATE_OVER:
            self._marks.popleft()

    @property
    def per_second(self) -> float:
        """Attempts, lately; 0 where it is too early to say."""
        (began, before), (ended, now) = self._marks[0], self._marks[-1]
        return (now - before) / (ended - began) if ended > began else 0.0

    def lost(self, reason: str, tries: int) -> None:
        """The samples have stopped; said again while they have not come back.

        Args:
            reason: The last one before we tried to come back is why the connection was lost.
            tries: Attempts to come back until now.
        """
        if self._lost_at is None:
            self._lost_at = _clock()
        if not tries:
            self._lost_by = reason

    def sampled(self, snapshot: Snapshot, *, newly_in: bool) -> str:
        """A sample has come.

        Returns:
            What the first one after a time without a connection is to say; else an empty text.
        """
        said = self._returned(snapshot) if newly_in else ""
        self._last = (snapshot, self.doors.system)
        self._lost_at, self._shut_since, self._knocking = None, None, Knocking()
        self._marks.clear()
        return said

    def _returned(self, snapshot: Snapshot) -> str:
        if self._last is not None and self._lost_at is not None:
            before, system = self._last
            known = system is not None and self.doors.system is not None
            changed = comeback.changes(before, snapshot, same_system=system == self.doors.system if known else None)
            return comeback.returned(_clock() - self._lost_at, self._lost_by, changed)
        return comeback.let_in(_clock() - self._shut_since[1], self._attempts) if self._shut_since else ""

    def waiting(self, pgbouncers: tuple[PgBouncer, ...]) -> Waiting | None:
        """What is known before the doors; None when they are not shut for lack of room."""
        if self.shut is None or self._shut_since is None:
            return None
        version = self._last[0].server.version_num if self._last else None
        return Waiting(
            since=self._shut_since[0],
            tries=self._attempts,
            per_second=self.per_second,
            refusals=self.shut.refusals,
            next_try=self.next_try,
            advice=advice.advice(self.shut.refusals, self.doors.role, version),
            pgbouncers=pgbouncers,
        )

    @property
    def _attempts(self) -> int:
        """Since there was no room for the first time."""
        return self.doors.attempts - self._attempts_before

    @property
    def detour(self) -> str:
        """A sentence when the door that opened is not the one that was asked for, and why; else empty."""
        return self.doors.way.detour if self.doors.way is not None else ""

    def hint(self, snapshot: Snapshot) -> str:
        """Of the door that opened: why it is not the first, and whether a better one would exist."""
        better = advice.better_door(snapshot.door, snapshot.server, snapshot.settings)
        return "; ".join(sentence for sentence in (self.detour, better) if sentence)


def _clock() -> float:
    """Seconds on the event loop's clock, which never goes back."""
    return asyncio.get_running_loop().time()
