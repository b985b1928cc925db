"""Names that stay: the largest of a moment change with each sample, and series that come and go have no history."""

from collections.abc import Hashable, Mapping
from datetime import datetime
from typing import Generic, TypeVar

Name = TypeVar("Name", bound=Hashable)


class Sticky(Generic[Name]):
    """At most so many names at once; one that is in stays while others grow, until it is gone for a while."""

    def __init__(self, most: int, stays: float = 3600.0) -> None:
        """Nobody is in.

        Args:
            most: Names at once, not below 0.
            stays: Seconds for which a name that is not there any more keeps its place.
        """
        self._most = most
        self._stays = stays
        self._seen: dict[Name, datetime] = {}

    def choose(self, sizes: Mapping[Name, int], now: datetime) -> tuple[Name, ...]:
        """Who is in, after this sample: first those that were, then the largest newcomers while there is room."""
        for name in list(self._seen):
            if name in sizes:
                self._seen[name] = now
            elif (now - self._seen[name]).total_seconds() >= self._stays:
                del self._seen[name]
        newcomers = sorted((name for name in sizes if name not in self._seen), key=lambda name: -sizes[name])
        for name in newcomers[: max(0, self._most - len(self._seen))]:
            self._seen[name] = now
        return tuple(self._seen)
