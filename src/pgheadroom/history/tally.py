"""Counts by name over the points of a history, in memory that never grows."""

from array import array
from collections.abc import Hashable, Mapping, Sequence
from heapq import nlargest
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

_LARGEST = 65_535
"""What an unsigned short holds: more sessions than that no server has."""


class Tally(Generic[Key]):
    """Several counts of each name, in rings of `room` places, for the `most` largest names.

    A name that is not kept counts as 0: it was not there, or was too small to matter.
    """

    def __init__(self, columns: Sequence[str], room: int, most: int) -> None:
        """The first column is the size by which names are kept or dropped."""
        self._columns = tuple(columns)
        self._room = room
        self._most = most
        self._rings: dict[Key, tuple[array[int], ...]] = {}
        self._sizes: dict[Key, int] = {}

    def __len__(self) -> int:
        return len(self._rings)

    def clear(self) -> None:
        self._rings.clear()
        self._sizes.clear()

    @property
    def names(self) -> tuple[Key, ...]:
        """The names that are kept, the largest now first."""
        return tuple(sorted(self._sizes, key=lambda key: -self._sizes[key]))

    def put(self, place: int, counts: Mapping[Key, Sequence[int]]) -> None:
        """Write what a sample counted into a place of the rings."""
        nothing = (0,) * len(self._columns)
        for key in self._rings:
            self._sizes[key] = counts.get(key, nothing)[0]
        self._make_room({key: count for key, count in counts.items() if key not in self._rings})
        for key, rings in self._rings.items():
            for ring, value in zip(rings, counts.get(key, nothing), strict=True):
                ring[place] = min(value, _LARGEST)

    def ring(self, key: Key, column: str) -> Sequence[int]:
        """The ring of one count; all 0 for a name that is not kept.

        Raises:
            ValueError: There is no such column.
        """
        index = self._columns.index(column)
        rings = self._rings.get(key)
        return rings[index] if rings is not None else bytes(self._room)

    def _make_room(self, new: Mapping[Key, Sequence[int]]) -> None:
        """Take up new names; when there is no room for all, the smaller ones give way to the larger."""
        for key in nlargest(self._most, new, key=lambda key: new[key][0]):
            if len(self._rings) < self._most:
                self._rings[key] = tuple(array("H", bytes(2 * self._room)) for _ in self._columns)
            elif not self._replace_smallest(key, new[key][0]):
                return
            self._sizes[key] = new[key][0]

    def _replace_smallest(self, key: Key, size: int) -> bool:
        smallest = min(self._sizes, key=self._sizes.__getitem__)
        if self._sizes[smallest] >= size:
            return False
        rings = self._rings.pop(smallest)
        del self._sizes[smallest]
        for ring in rings:
            ring[:] = array("H", bytes(2 * self._room))
        self._rings[key] = rings
        return True
