"""Getting in: how often the doors are tried, and what is told of the time spent before them."""

import random
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime

from pgheadroom.access import advice, comeback
from pgheadroom.access.knocking import AFTER_CRASH, AFTER_LOSS, JITTER, Knocking, Pace, after, moves, pace
from pgheadroom.deadline import clock
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.refusal import Hindrance
from pgheadroom.model.service import Service
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.update import Waiting
from pgheadroom.postgres.doors import Doors, NoDoor
from pgheadroom.postgres.sampling import Probe

RATE_OVER = 2.0
"""Seconds over which attempts a second are counted."""
_FIRST_OF = (Hindrance.NO_ROOM, Hindrance.OPENING, Hindrance.DOWN)
"""What decides, where doors say several things: what may end first."""


@dataclass(frozen=True, slots=True)
class _NoRoom:
    """The first time that a door had no room: when, by the user's clock and by ours, and the attempts before it."""

    since: datetime
    at: float
    attempts_before: int


class Attempts:
    """Rounds of attempts at all doors of a server, until a sample comes.

    Attributes:
        doors: Of the server.
        next_try: Seconds to wait before the next round.
        newly_in: A door has opened, and no sample has come through it yet.
    """

    def __init__(self, doors: Doors) -> None:
        self.doors = doors
        self.next_try = 0.0
        self.newly_in = False
        self._refused: NoDoor | None = None
        self._knocking = Knocking()
        self._marks: deque[tuple[float, int]] = deque()
        self._no_room: _NoRoom | None = None
        self._service: Service | None = None

    async def enter(self, *, after_crash: bool = False) -> Probe:
        """Try all doors once.

        Args:
            after_crash: The server has ended all sessions, see `Link.all_ended`.

        Raises:
            NoDoor: None opened.
        """
        before = self.doors.attempts
        try:
            probe = await self.doors.enter(self._pace(after_crash=after_crash))
        except NoDoor as refused:
            self._met(refused, before)
            raise
        self._refused, self.newly_in = None, True
        return probe

    def _pace(self, *, after_crash: bool = False) -> Pace:
        if self._knocking.hindrance is None and self.doors.way is not None:
            return AFTER_CRASH if after_crash else AFTER_LOSS
        return pace(self._knocking, clock(), self.doors.in_turn)

    def _met(self, refused: NoDoor, before: int) -> None:
        now = clock()
        self._refused = refused
        if refused.full and self._no_room is None:
            self._no_room = _NoRoom(datetime.now(UTC), now, before)
        said = [one.hindrance for one in refused.refusals] or [Hindrance.LOGIN]
        hindrance = next((one for one in _FIRST_OF if one in said), said[0])
        self._knocking = after(self._knocking, hindrance, now, moves=self.doors.moves)
        # Monitors that lost the same server must not all come back in the same instant.
        varied = random.uniform(*JITTER)  # noqa: S311 - not a secret
        self.next_try = varied * pace(self._knocking, now, self.doors.in_turn).pause
        self._marks.append((now, self.doors.attempts))
        while now - self._marks[0][0] > RATE_OVER:
            self._marks.popleft()

    def sampled(self, service: Service | None) -> str:
        """A sample has come: the next attempts are others.

        Args:
            service: Whose server it is of, for what helps when it refuses us later.

        Returns:
            How long we stood before doors without room, and how often they were tried; empty when we did not.
        """
        no_room = self._no_room
        said = comeback.let_in(clock() - no_room.at, self._since(no_room)) if no_room else ""
        self._no_room, self._knocking, self.newly_in, self._service = None, Knocking(), False, service
        self._marks.clear()
        return said

    # --- what is told of them ----------------------------------------------------------------------------------------

    @property
    def shut(self) -> NoDoor | None:
        """What the doors said last, while at least one of them had no room; else None."""
        return self._refused if self._refused is not None and self._refused.full else None

    @property
    def help(self) -> str:
        """What helps a role that was let in before and is refused now, in a sentence; may be empty."""
        if self._refused is None or self.doors.way is None:
            return ""
        return advice.no_longer(self._refused.refusals, self.doors.role, self._service)

    @property
    def per_second(self) -> float:
        """Attempts, lately; 0 where it is too early to say."""
        (began, before), (ended, now) = self._marks[0], self._marks[-1]
        return (now - before) / (ended - began) if ended > began else 0.0

    def waiting(self, pgbouncers: tuple[PgBouncer, ...], version_num: int | None) -> Waiting | None:
        """What is known before the doors; None when they are not shut for lack of room.

        Args:
            version_num: Of the server, where it is known from before.
        """
        if self.shut is None or self._no_room is None:
            return None
        return Waiting(
            since=self._no_room.since,
            tries=self._since(self._no_room),
            per_second=self.per_second,
            refusals=self.shut.refusals,
            next_try=self.next_try,
            advice=advice.advice(self.shut.refusals, self.doors.role, version_num, self._service),
            pgbouncers=pgbouncers,
            moves=moves(self._knocking, clock()),
        )

    def _since(self, no_room: _NoRoom) -> int:
        return self.doors.attempts - no_room.attempts_before

    @property
    def detour(self) -> str:
        """A sentence when the door that opened is not the one that was asked for, and why; else empty."""
        return self.doors.way.detour if self.doors.way is not None else ""

    def hint(self, snapshot: Snapshot) -> str:
        """Of the door that opened: why it is not the first, and whether a better one would exist."""
        better = advice.better_door(snapshot.door, snapshot.server, snapshot.settings, snapshot.service)
        return "; ".join(sentence for sentence in (self.detour, better) if sentence)
