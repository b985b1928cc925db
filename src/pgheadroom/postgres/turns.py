"""When each of several attempts may knock that stand before the same server while it starts."""

import threading
import time

from pgheadroom.access.knocking import turn

USUAL_TURN = 0.008
"""Seconds between two starts as long as there was no refusal."""


class Turns:
    """One after the other, for attempts in threads of their own."""

    def __init__(self, least: float, watchers: int) -> None:
        """Args:
        least: Seconds between two starts.
        watchers: How many take turns.
        """
        self._least = least
        self._watchers = watchers
        self._took = USUAL_TURN * watchers
        self._next = 0.0
        self._lock = threading.Lock()

    def take(self) -> float:
        """Seconds until the turn of whoever asks."""
        with self._lock:
            now = time.monotonic()
            begins = max(now, self._next)
            self._next = begins + turn(self._least, self._took, self._watchers)
            return begins - now

    def took(self, seconds: float) -> None:
        """That one was refused after so long, because the server starts."""
        self._took = seconds
