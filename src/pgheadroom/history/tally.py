"""Counts by name over the points of a history, in memory that never grows. As in `ring`, a reading stays as it is."""

from array import array
from collections.abc import Hashable, Mapping, Sequence
from heapq import nlargest
from typing import Generic, TypeVar

from pgheadroom.history.ring import BLOCK

Key = TypeVar("Key", bound=Hashable)
_Columns = tuple["array[int]", ...]

_LARGEST = 65_535
"""What an unsigned short holds: more sessions than that no server has."""


class _Block(Generic[Key]):
    """The counts of a stretch of points. Its arrays are only appended to; a name that gives way leaves a new dict."""

    __slots__ = ("counts", "length")

    def __init__(self, counts: dict[Key, _Columns]) -> None:
        self.counts = counts
        self.length = 0


class Counts(Generic[Key]):
    """Several counts of each name, as they were when they were asked for."""

    def __init__(self, blocks: Sequence[_Block[Key]], columns: Sequence[str], room: int, sizes: Mapping[Key, int]):
        self._blocks = tuple((block.length, block.counts) for block in blocks)
        self._columns = columns
        self._room = room
        self._sizes = dict(sizes)

    @property
    def names(self) -> tuple[Key, ...]:
        """The names that are kept, the largest now first."""
        return tuple(sorted(self._sizes, key=lambda key: -self._sizes[key]))

    def size(self, key: Key) -> int:
        """Its first count in the newest point; 0 for a name that is not kept."""
        return self._sizes.get(key, 0)

    def values(self, key: Key, column: str) -> "array[int]":
        """One count of a name, a value a point; 0 where it was not there, or was too small to keep.

        Raises:
            ValueError: There is no such column.
        """
        index = self._columns.index(column)
        whole = array("H")
        for length, counts in self._blocks:
            kept = counts.get(key)
            whole.extend(kept[index][:length] if kept is not None else _nothing(length))
        return whole[-self._room :]


class Tally(Generic[Key]):
    """The writer of counts, one set of them a point, for the `most` largest names.

    A name that is not kept counts as 0: it was not there, or was too small to matter.
    """

    def __init__(self, columns: Sequence[str], room: int, most: int) -> None:
        """The first column is the size by which names are kept or dropped."""
        self._columns = tuple(columns)
        self._room = room
        self._most = most
        self._size = min(BLOCK, room)
        self.clear()

    def clear(self) -> None:
        self._blocks: list[_Block[Key]] = []
        self._count = 0
        self._sizes: dict[Key, int] = {}

    def counts(self) -> Counts[Key]:
        """What is known now; it does not change when more comes."""
        return Counts(self._blocks, self._columns, self._room, self._sizes)

    def append(self, counts: Mapping[Key, Sequence[int]]) -> None:
        """Add what a sample counted; the oldest points give way."""
        if not self._blocks or self._blocks[-1].length == self._size:
            self._blocks.append(_Block({key: self._empty(0) for key in self._sizes}))
        block = self._blocks[-1]
        nothing = (0,) * len(self._columns)
        for key in self._sizes:
            self._sizes[key] = counts.get(key, nothing)[0]
        self._make_room(block, {key: count for key, count in counts.items() if key not in self._sizes})
        for key, columns in block.counts.items():
            for column, value in zip(columns, counts.get(key, nothing), strict=True):
                column.append(min(value, _LARGEST))
        block.length += 1
        self._count += 1
        if self._count - self._size >= self._room:
            del self._blocks[0]
            self._count -= self._size

    def _empty(self, length: int) -> _Columns:
        return tuple(_nothing(length) for _ in self._columns)

    def _make_room(self, block: _Block[Key], new: Mapping[Key, Sequence[int]]) -> None:
        """Take up new names; when there is no room for all, the smaller ones give way to the larger."""
        for key in nlargest(self._most, new, key=lambda key: new[key][0]):
            if len(self._sizes) == self._most and not self._drop_smaller_than(new[key][0], block):
                return
            block.counts = {**block.counts, key: self._empty(block.length)}
            self._sizes[key] = new[key][0]

    def _drop_smaller_than(self, size: int, block: _Block[Key]) -> bool:
        smallest = min(self._sizes, key=self._sizes.__getitem__)
        if self._sizes[smallest] >= size:
            return False
        del self._sizes[smallest]
        block.counts = {key: columns for key, columns in block.counts.items() if key != smallest}
        return True


def _nothing(length: int) -> "array[int]":
    return array("H", bytes(2 * length))
