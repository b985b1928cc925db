"""What is still to be sent on one channel. Nobody waits for it: a channel that is slow or down delays only its own."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Protocol

from pgheadroom.errors import PgHeadroomError
from pgheadroom.model.notification import Message
from pgheadroom.words.durations import duration

PAUSES = (5.0, 15.0, 45.0, 120.0, 300.0, 600.0, 600.0)
"""Seconds between the tries to send one message; after the last one it is given up."""
MOST = 50
"""Messages that wait on one channel; for one more the oldest is dropped."""
SENT, FAILED, DROPPED = "sent", "failed", "dropped"
RESULTS = (SENT, FAILED, DROPPED)


class NotSent(PgHeadroomError):  # noqa: N818 - it is what happened, in the user's words
    """A message did not go out; the text says why, without any secret."""


class Way(Protocol):
    """How a message gets to somebody.

    Attributes:
        name: Of the channel.
    """

    name: str

    async def send(self, message: Message) -> None:
        """Send it, within a deadline of its own.

        Raises:
            NotSent: It says why.
        """


class Outbox:
    """The messages of one channel, one after the other.

    Attributes:
        name: Of the channel.
        results: How many messages ended how.
        retries: Tries that failed and were followed by another one.
    """

    def __init__(self, way: Way, say: Callable[[str], None], pauses: Sequence[float] = PAUSES) -> None:
        """Args:
        say: Takes a line for the log.
        """
        self.name = way.name
        self.results: Counter[str] = Counter()
        self.retries = 0
        self._way = way
        self._say = say
        self._pauses = tuple(pauses)
        self._waiting: deque[Message] = deque()
        self._more = asyncio.Event()
        self._ending = asyncio.Event()
        self._down = False

    @property
    def pending(self) -> int:
        """Messages that are not sent yet."""
        return len(self._waiting)

    def put(self, message: Message) -> None:
        """Send it when its turn comes."""
        if len(self._waiting) >= MOST:
            # The first may be under way; the one behind it is the oldest that nobody has begun to send.
            del self._waiting[1]
            self.results[DROPPED] += 1
        self._waiting.append(message)
        self._more.set()

    async def run(self) -> None:
        """Send until `finish`, or until cancelled."""
        while self._waiting or not self._ending.is_set():
            if not self._waiting:
                self._more.clear()
                await self._more.wait()
                continue
            sent = await self._deliver(self._waiting[0])
            self._waiting.popleft()
            self.results[SENT if sent else FAILED] += 1

    def finish(self) -> None:
        """What waits gets one more try, and `run` ends."""
        self._ending.set()
        self._more.set()

    def give_up(self) -> None:
        """Count what waits as failed."""
        if self._waiting:
            self._say(f"channel {self.name}: {len(self._waiting)} not sent before the end")
        self.results[FAILED] += len(self._waiting)
        self._waiting.clear()

    async def _deliver(self, message: Message) -> bool:
        for pause in (*self._pauses, None):
            try:
                await self._way.send(message)
            except NotSent as trouble:
                last = pause is None or self._ending.is_set()
                self._tell(str(trouble), None if last else pause)
                if last or pause is None:
                    return False
                self.retries += 1
                await self._rest(pause)
            else:
                if self._down:
                    self._say(f"channel {self.name}: messages go out again")
                self._down = False
                return True
        return False

    def _tell(self, why: str, pause: float | None) -> None:
        """The first failure and each end of all tries: a line for every try would fill the log."""
        if pause is None:
            self._say(f"channel {self.name}: a message is given up: {why}")
        elif not self._down:
            self._say(f"channel {self.name}: not sent: {why}; next try in {duration(pause)}")
        self._down = True

    async def _rest(self, seconds: float) -> None:
        ending = asyncio.ensure_future(self._ending.wait())
        await asyncio.wait({ending}, timeout=seconds)
        ending.cancel()
