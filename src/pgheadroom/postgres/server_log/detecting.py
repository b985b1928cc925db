"""A log of which nobody has said the format: its first line tells. Pure."""

import re

from pgheadroom.postgres.server_log.format import Format
from pgheadroom.postgres.server_log.records import Reader, Record

_CSV = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [^\s,]+,")
_LONGEST = 16_384


def format_of(line: bytes) -> Format:
    """The format of a log with this line."""
    if line.startswith(b"{"):
        return Format.JSON
    return Format.CSV if _CSV.match(line) else Format.TEXT


class AnyReader:
    """As `Reader`, once a whole line was seen."""

    def __init__(self) -> None:
        self._reader: Reader | None = None
        self._seen = b""
        self._lost = False
        self._prefix: str | None = None

    def reads(self, prefix: str) -> None:
        """As of `Reader`."""
        self._prefix = prefix
        if self._reader is not None:
            self._reader.reads(prefix)

    def feed(self, piece: bytes) -> list[Record]:
        """As of `Reader`."""
        if self._reader is not None:
            return self._reader.feed(piece)
        self._seen += piece
        lines = self._seen.split(b"\n")[int(self._lost) : -1]
        if not lines and len(self._seen) < _LONGEST:
            return []
        self._reader = Reader(_most_common(lines), self._prefix)
        if self._lost:
            self._reader.lose()
        seen, self._seen = self._seen, b""
        return self._reader.feed(seen)

    def lose(self) -> None:
        """As of `Reader`."""
        self._lost, self._seen = True, b""
        if self._reader is not None:
            self._reader.lose()

    def begin(self) -> None:
        """As of `Reader`. A new file may have another format."""
        self._reader, self._lost, self._seen = None, False, b""


def _most_common(lines: list[bytes]) -> Format:
    """The lines of a statement within csvlog look like those of stderr: any line of csvlog says more."""
    found = {format_of(line) for line in lines}
    return next((kind for kind in (Format.CSV, Format.JSON) if kind in found), Format.TEXT)
