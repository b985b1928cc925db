"""The clock: who samples, how often, and what is said when nothing comes.

The screens know only `Source` and the two kinds of `Update`; where samples come from is not their business.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pgheadroom.model.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Trouble:
    """No sample came in time, or the connection is lost. The last snapshot stays valid as what it was.

    Attributes:
        reason: One line for the user.
        since: When it began, by the client's clock.
        tries: Attempts to connect again since then; 0 while the connection is still held.
    """

    reason: str
    since: datetime
    tries: int = 0


Update = Snapshot | Trouble


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
