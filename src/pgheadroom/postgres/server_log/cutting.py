"""A stream of bytes cut into the records of a log, however it comes in pieces. Pure."""

import re

LONGEST = 16_384
"""Bytes of a record that are kept: whatever is read of one stands near its beginning, long statements behind it."""
_BEGINS = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
"""The first column of csvlog."""


class Lines:
    """Cuts at the ends of lines. What has no end yet waits for the next piece."""

    def __init__(self) -> None:
        self._head = b""
        self._skipping = False

    def feed(self, piece: bytes) -> list[bytes]:
        """The records that end in this piece."""
        first, *rest = piece.split(b"\n")
        self._add(first)
        if not rest:
            return []
        found = [*self._ended(), *rest[:-1]]
        self._add(rest[-1])
        return [one[:LONGEST] for one in found]

    def lose(self) -> None:
        """What comes next does not follow what came: nothing is known of it up to the end of its first line."""
        self._head, self._skipping = b"", True

    def begin(self) -> None:
        """What comes next is the beginning of a file."""
        self._head, self._skipping = b"", False

    def _ended(self) -> list[bytes]:
        head, self._head = self._head, b""
        if self._skipping:
            self._skipping = False
            return []
        return [head]

    def _add(self, piece: bytes) -> None:
        if not self._skipping:
            self._head += piece[: LONGEST - len(self._head)]


class QuotedLines:
    """As `Lines`, of a format that may hold line ends between quotes: csvlog."""

    def __init__(self) -> None:
        self._lines = _WholeLines()
        self._record = b""
        self._open = False

    def feed(self, piece: bytes) -> list[bytes]:
        found = []
        for line, quotes in self._lines.feed(piece):
            odd = quotes % 2 == 1
            if self._open:
                self._record = (self._record + b"\n" + line)[:LONGEST]
                self._open = not odd
            elif _BEGINS.match(line):
                self._record, self._open = line, odd
            else:
                continue  # the rest of a record whose beginning was not seen
            if not self._open:
                found.append(self._record)
        return found

    def lose(self) -> None:
        """As of `Lines`."""
        self._lines.lose()
        self._open = False

    def begin(self) -> None:
        """As of `Lines`."""
        self._lines.begin()
        self._open = False


class _WholeLines:
    """Lines with the number of quotes in them, those behind `LONGEST` included."""

    def __init__(self) -> None:
        self._lines = Lines()
        self._quotes = 0

    def feed(self, piece: bytes) -> list[tuple[bytes, int]]:
        found = []
        for part in _with_ends(piece):
            self._quotes += part.count(b'"')
            found += [(line, self._quotes) for line in self._lines.feed(part)]
            if part.endswith(b"\n"):
                self._quotes = 0
        return found

    def lose(self) -> None:
        self._lines.lose()
        self._quotes = 0

    def begin(self) -> None:
        self._lines.begin()
        self._quotes = 0


def _with_ends(piece: bytes) -> list[bytes]:
    """Split at line feeds only: a statement may hold other ends of lines."""
    *lines, rest = piece.split(b"\n")
    return [line + b"\n" for line in lines] + ([rest] if rest else [])
