"""Updates on their way from a source to whoever shows or tells them: in their order, and what a crowd means is worked
out before, in pieces."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.update import Update

CROWD = 500
"""Sessions of which a sample is worked out in less than 3 ms, all at once."""
GAP = 0.001
"""Seconds between two pieces of working a crowd out: enough for a key to go all its way to its effect."""


class Incoming:
    """Takes updates, and hands each over when those before it were."""

    def __init__(
        self,
        work: Callable[[Snapshot], Generator[None, None, object]],
        in_background: Callable[[Coroutine[Any, Any, None]], object],
        hand_over: Callable[[Update], None],
    ) -> None:
        """`work` works out what a sample means, in pieces that are each short."""
        self._work = work
        self._in_background = in_background
        self._hand_over = hand_over
        self._waiting: deque[Update] = deque()
        self._gap = 0.0  # for the first sample everybody waits

    def take(self, update: Update) -> None:
        self._waiting.append(update)
        if self._waiting[0] is update:
            self._go_on()

    def _go_on(self) -> None:
        while self._waiting:
            update = self._waiting[0]
            if isinstance(update, Snapshot) and len(update.sessions) > CROWD:
                self._in_background(self._work_out(update))
                return
            self._hand_over(self._waiting.popleft())

    async def _work_out(self, snapshot: Snapshot) -> None:
        """With a gap between two pieces, in which others get their turn."""
        for _ in self._work(snapshot):
            await asyncio.sleep(self._gap)
        self._gap = GAP
        self._hand_over(self._waiting.popleft())
        self._go_on()
