"""Keys are dealt with in the order in which they were pressed, each on what those before it have made of the screen.

Textual hands a key to the widget that has the focus, and takes the next one meanwhile. So a key that a binding of the
application or of the screen takes at once would overtake the one before it, and Enter in a filter would open a row
because the filter has closed meanwhile.
"""

import asyncio
from collections import deque

from textual import events
from textual.app import App
from textual.message_pump import MessagePump

from pgheadroom.tui.textual_private import is_at_rest, who_deals

LONGEST = 5.0
"""Seconds for which a key waits for what those before it have set off: what takes longer may wait for a key itself."""
_AT_ONCE = 30
"""Times to look again at once. Most keys are done by then; afterwards it is looked once in a millisecond."""
_NEXT_LOOK = 0.001
_NEVER_WAITS = "ctrl+c"


class Turns:
    """Says whether a key's turn has come; one that is early is kept, and posted to the application anew."""

    def __init__(self, app: App[int]) -> None:
        self._app = app
        self._early: deque[events.Event] = deque()
        self._taken = asyncio.Event()
        self._calls = False

    @property
    def keep_any(self) -> bool:
        """Whether something was pressed whose turn has not come."""
        return bool(self._early)

    def has_come(self, event: events.Event) -> bool:
        """Whether the application is to deal with an event now. If not, it comes again by itself."""
        if not isinstance(event, (events.InputEvent, events.Paste)) or event.is_forwarded:
            return True
        if self._early and event is self._early[0]:
            self._early.popleft()
            self._taken.set()
            return True
        if isinstance(event, events.Key) and event.key == _NEVER_WAITS:
            return True
        # The mouse points at what is seen: it only must not overtake a key.
        at_once = isinstance(event, events.MouseEvent) or who_deals(self._app, with_key=True) is None
        if at_once and not self._early:
            return True
        self._early.append(event)
        if not self._calls:
            self._calls = True
            self._app.run_worker(self._call(), group="keys")
        return False

    async def _call(self) -> None:
        """One after the other. Whatever comes before the last one is taken is called by the same worker."""
        try:
            while self._early:
                await self._until_done()
                self._taken.clear()
                self._app.post_message(self._early[0])
                await self._taken.wait()
        finally:
            self._calls = False

    async def _until_done(self) -> None:
        until = asyncio.get_running_loop().time() + LONGEST
        looks = 0
        while (busy := who_deals(self._app)) is not None and asyncio.get_running_loop().time() < until:
            looks = await self._look_again(busy, looks + 1)

    async def _look_again(self, busy: MessagePump, looks: int) -> int:
        # Asking one of them takes a hundredth of the time that asking all takes.
        await asyncio.sleep(0 if looks < _AT_ONCE else _NEXT_LOOK)
        while not is_at_rest(busy) and looks < _AT_ONCE:
            looks += 1
            await asyncio.sleep(0)
        return looks
