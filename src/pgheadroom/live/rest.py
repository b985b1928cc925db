"""The pause between two samples, or between two attempts to connect."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from pgheadroom.deadline import clock


class Rest:
    """Lasts until its time has come, whatever that becomes meanwhile, or until somebody is in a hurry.

    Attributes:
        interval: Seconds between the starts of two samples.
    """

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self._wake = asyncio.Event()
        self._hurried = False

    def set_interval(self, seconds: float) -> None:
        """Change the interval; holds from the rest that is under way."""
        self.interval = seconds
        self._wake.set()

    def end(self) -> None:
        """End the rest that is under way."""
        self._hurried = True
        self._wake.set()

    async def until(self, moment: Callable[[], float]) -> None:
        """Rest until `moment()` on our clock; it is asked again when the interval has changed."""
        self._hurried = False
        while not self._hurried and (left := moment() - clock()) > 0:
            self._wake.clear()
            with suppress(TimeoutError):
                # Not wait_for: up to Python 3.11 it loses a cancel that comes as the rest ends.
                async with asyncio.timeout(left):
                    await self._wake.wait()
