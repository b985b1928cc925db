"""Getting in: how often the doors are tried, and what is told of the time spent before them."""

import asyncio
import random
from datetime import UTC, datetime

from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.update import Waiting
from pgheadroom.postgres.doors import Doors, NoDoor
from pgheadroom.postgres.sampling import Probe
from pgheadroom.rules import comeback, getting_in

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 5.0
"""Seconds between attempts to connect again, doubling."""
FULL_PAUSE, LONG_FULL_PAUSE = 0.1, 1.0
"""The most seconds between attempts while there is no room; the least is a fifth of it. A slot that falls free is gone
in milliseconds, so that only trying often helps; refusing us costs the server a process that lives as long."""
FULL_FOR_LONG = 30.0
"""Seconds without room after which the pauses grow."""


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
        self._pause = FIRST_PAUSE
        self._shut_since: tuple[datetime, float] | None = None
        self._shut_tries = 0
        self._last: tuple[Snapshot, int | None] | None = None
        self._lost_at: float | None = None
        self._lost_by = ""

    async def enter(self) -> Probe:
        """Try all doors once.

        Raises:
            NoDoor: None opened.
        """
        try:
            probe = await self.doors.enter()
        except NoDoor as refused:
            self.shut = refused if refused.full else None
            if refused.full:
                self._shut_since = self._shut_since or (datetime.now(UTC), _clock())
                self._shut_tries += 1
            self.help = getting_in.no_longer(refused.refusals, self.doors.role) if self._last else ""
            raise
        else:
            self.shut, self.help = None, ""
            return probe
        finally:
            self.next_try = self._choose_pause()

    def _choose_pause(self) -> float:
        # Monitors that lost the same server must not all come back in the same instant.
        if self.shut is None or self._shut_since is None:
            pause, self._pause = self._pause, min(LONGEST_PAUSE, 2 * self._pause)
            return pause * random.uniform(0.8, 1.2)  # noqa: S311 - not a secret
        over = max(0.0, _clock() - self._shut_since[1] - FULL_FOR_LONG)
        longest = min(LONG_FULL_PAUSE, FULL_PAUSE * (1 + over / FULL_FOR_LONG))
        return random.uniform(longest / 5, longest)  # noqa: S311 - not a secret

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
        self._lost_at, self._shut_since, self._shut_tries, self._pause = None, None, 0, FIRST_PAUSE
        return said

    def _returned(self, snapshot: Snapshot) -> str:
        if self._last is not None and self._lost_at is not None:
            before, system = self._last
            known = system is not None and self.doors.system is not None
            changed = comeback.changes(before, snapshot, same_system=system == self.doors.system if known else None)
            return comeback.returned(_clock() - self._lost_at, self._lost_by, changed)
        return comeback.let_in(_clock() - self._shut_since[1], self._shut_tries) if self._shut_since else ""

    def waiting(self, pgbouncers: tuple[PgBouncer, ...]) -> Waiting | None:
        """What is known before the doors; None when they are not shut for lack of room."""
        if self.shut is None or self._shut_since is None:
            return None
        version = self._last[0].server.version_num if self._last else None
        return Waiting(
            since=self._shut_since[0],
            tries=self._shut_tries,
            refusals=self.shut.refusals,
            next_try=self.next_try,
            advice=getting_in.advice(self.shut.refusals, self.doors.role, version),
            pgbouncers=pgbouncers,
        )

    @property
    def detour(self) -> str:
        """A sentence when the door that opened is not the one that was asked for, and why; else empty."""
        return self.doors.way.detour if self.doors.way is not None else ""

    def hint(self, snapshot: Snapshot) -> str:
        """Of the door that opened: why it is not the first, and whether a better one would exist."""
        better = getting_in.better_door(snapshot.door, snapshot.server, snapshot.settings)
        return "; ".join(sentence for sentence in (self.detour, better) if sentence)


def _clock() -> float:
    """Seconds on the event loop's clock, which never goes back."""
    return asyncio.get_running_loop().time()
