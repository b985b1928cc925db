"""The most sessions that each role and each database had at once, as far back as points are kept."""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from math import ceil
from operator import attrgetter

from pgheadroom.history.ring import BLOCK
from pgheadroom.model.session import Session

Peak = Mapping[tuple[str, str], int]
"""By kind (`role`, `database`) and name."""


class Peaks:
    """The writer: one table for each stretch of samples, of which the oldest give way."""

    def __init__(self, room: int) -> None:
        self._stretches: deque[dict[tuple[str, str], int]] = deque(maxlen=ceil(room / BLOCK) + 1)
        self._count = 0

    def clear(self) -> None:
        self._stretches.clear()
        self._count = 0

    def take(self, sessions: Sequence[Session]) -> None:
        if self._count % BLOCK == 0:
            self._stretches.append({})
        newest = self._stretches[-1]
        for kind, name_of in _NAMES:
            for name, count in Counter(map(name_of, sessions)).items():
                if name and newest.get((kind, name), 0) < count:
                    newest[kind, name] = count
        self._count += 1

    def stretches(self) -> tuple[Peak, ...]:
        """What is known now; it does not change when more comes."""
        *over, newest = self._stretches or [{}]
        return (*over, dict(newest))


def highest(stretches: Sequence[Peak]) -> Peak:
    """Over all of them."""
    found: dict[tuple[str, str], int] = {}
    for one in stretches:
        for key, count in one.items():
            if found.get(key, 0) < count:
                found[key] = count
    return found


_NAMES = (("role", attrgetter("user")), ("database", attrgetter("database")))  # called from C
