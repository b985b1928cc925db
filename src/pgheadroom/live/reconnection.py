"""Trying the doors again until one opens, politely."""

import asyncio

from pgheadroom.deadline import clock, forget
from pgheadroom.errors import PgHeadroomError
from pgheadroom.live.attempts import Attempts
from pgheadroom.live.link import Link
from pgheadroom.live.rest import Rest
from pgheadroom.live.updates import Updates
from pgheadroom.model.ports import Post
from pgheadroom.model.update import Trouble

WAITING_TOLD_EVERY = 0.5
"""Seconds: while we stand before shut doors, the screens need not hear of each attempt."""


class Reconnection:
    """Gives the link a connection, the first time and whenever it has lost its own.

    Attributes:
        attempts: Rounds of them at the doors, and what came of them.
        at_once: The next round need not wait: a sample came since the last one, or there was none.
    """

    def __init__(self, attempts: Attempts, link: Link, rest: Rest, updates: Updates) -> None:
        """Nothing is tried yet.

        Args:
            rest: Between two rounds; who ends it has the next one begin.
        """
        self.attempts = attempts
        self.at_once = True
        self._link = link
        self._rest = rest
        self._updates = updates
        self._trying: asyncio.Task[None] | None = None
        self._post: Post | None = None
        self._told_at = 0.0

    async def open(self, password: str | None = None) -> None:
        """Try the doors once, if there is no connection.

        Args:
            password: That the user typed; kept in memory for connecting again.

        Raises:
            NoConnection: with one line that says why; `full` when a door had no room.
        """
        if password is not None:
            self.attempts.doors.password = password
        if self._link.probe is None:
            self._link.probe = await self.attempts.enter(after_crash=self._link.all_ended)

    async def until_in(self, post: Post) -> None:
        """Try until a door opens, and post what is met; what was begun by `keep_trying` goes on."""
        self._post = post
        try:
            self.keep_trying()
            await self.entered()
        finally:
            self._post = self._trying = None

    def keep_trying(self) -> None:
        """Go on trying from now on, in the background: `until_in` may come later, and tells of it then."""
        if self._trying is None:
            self._trying = asyncio.create_task(self._try_doors())
            forget(self._trying)

    async def entered(self) -> None:
        """Wait until `keep_trying` is in."""
        if self._trying is not None:
            await self._trying

    async def close(self) -> None:
        """Stop trying."""
        if self._trying is not None:
            self._trying.cancel()
            await asyncio.wait({self._trying})

    async def _try_doors(self) -> None:
        while self._link.probe is None:
            if not self.at_once:
                await self._pause()
            self.at_once = False
            try:
                await self.open()
            except PgHeadroomError as error:
                self._tell(self._updates.not_let_in(str(error)))

    async def _pause(self) -> None:
        ends = clock() + self.attempts.next_try
        await self._rest.until(lambda: ends)

    def _tell(self, trouble: Trouble) -> None:
        if self._post is not None and clock() - self._told_at >= WAITING_TOLD_EVERY:
            self._told_at = clock()
            self._post(trouble)
