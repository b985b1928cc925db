"""The clock: who samples, how often, and what is said when nothing comes.

The screens know only `Source` and the two kinds of `Update`; where samples come from is not their business.
"""

from collections.abc import Callable
from typing import Protocol

from pgheadroom.model.update import Trouble, Update

__all__ = ["Source", "Trouble", "Update"]


class Source(Protocol):
    """Where snapshots come from: a live server, or later a recording."""

    @property
    def interval(self) -> float:
        """Seconds between the starts of two samples."""

    def set_interval(self, seconds: float) -> None:
        """Change the interval; holds from the sample that is being waited for."""

    def sample_now(self) -> None:
        """End the wait for the next sample."""

    async def run(self, post: Callable[[Update], None]) -> None:
        """Sample until cancelled, and post each update. Never raises for a server in trouble."""

    async def close(self) -> None:
        """Give the slot back."""
