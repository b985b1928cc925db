"""The records of a log that tell of an error, in each format that PostgreSQL writes. Pure.

What no client was refused for is passed over unread, by a look for the few words that every refusal has.
"""

import csv
import json
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from pgheadroom.postgres.server_log import needles, severities
from pgheadroom.postgres.server_log.cutting import Lines, QuotedLines
from pgheadroom.postgres.server_log.forged import is_doubtful
from pgheadroom.postgres.server_log.format import Format
from pgheadroom.postgres.server_log.prefix import Prefix


class Record(NamedTuple):
    """A line of a log. What it does not have is empty.

    Attributes:
        moment: As it was written, in the log's time zone: `2026-11-28 19:00:17.123`; or seconds since 1970.
        severity: In the server's language.
    """

    moment: str
    host: str
    user: str
    database: str
    severity: str
    sqlstate: str
    message: str


_KEPT = 6
"""Lines before a piece that are kept, to see whether those after them are to be believed."""


class Reader:
    """Reads the records of one log of one format, from pieces of any length."""

    def __init__(self, kind: Format, prefix: str | None = None) -> None:
        """
        Args:
            prefix: The server's log_line_prefix, for `Format.TEXT`; None where it is not known.
        """
        self._lines: Lines | QuotedLines = QuotedLines() if kind is Format.CSV else Lines()
        self._text = TextReader(prefix)
        self._read: Callable[[bytes], Record | None] = {
            Format.JSON: _read_json,
            Format.CSV: _read_csv,
            Format.TEXT: self._text.read,
        }[kind]
        self._is_text = kind is Format.TEXT
        self._telling = needles.of_text() if self._is_text else needles.STATES
        self._before: list[bytes] = []
        self._waiting: list[bytes] = []

    def feed(self, piece: bytes) -> list[Record]:
        """The records that end in this piece, and may tell of a refusal.

        Of lines for people the last one waits for what comes behind it, or for another piece, which may be empty: that
        says whether it is to be believed.
        """
        new = self._lines.feed(piece)
        lines = [*self._waiting, *new]
        self._waiting = lines[-1:] if new and self._is_text and self._text.may_be_forged else []
        lines = lines[: len(lines) - len(self._waiting)]
        telling = needles.present(self._telling, b"\n".join(lines))
        around, first = [*self._before, *lines, *self._waiting], len(self._before)
        found = [
            self._read_among(around, place)
            for place in range(first, first + len(lines))
            if telling and needles.present(telling, around[place])
        ]
        self._before = [*self._before, *lines][-_KEPT:] if self._is_text else []
        return [record for record in found if record is not None]

    def _read_among(self, lines: Sequence[bytes], place: int) -> Record | None:
        record = self._read(lines[place])
        if record is None or not self._is_text:
            return record
        return None if self._text.doubts(lines, place, record) else record

    def reads(self, prefix: str) -> None:
        """The server's log_line_prefix is this one from now on."""
        self._text.reads(prefix)

    def lose(self) -> None:
        """What comes next does not follow what came."""
        self._lines.lose()

    def begin(self) -> None:
        """What comes next is the beginning of a file."""
        self._lines.begin()


# --- the formats -----------------------------------------------------------------------------------------------------

_MOMENT, _USER, _DATABASE, _FROM, _SEVERITY, _STATE, _MESSAGE = 0, 1, 2, 4, 11, 12, 13
"""Columns of csvlog, the same since 9.0. Source: the manual on logging, "Using CSV-Format Log Output"."""


def _read_csv(line: bytes) -> Record | None:
    try:
        row = next(csv.reader([needles.decoded(line)]), [])
    except csv.Error:
        return None
    if len(row) <= _MESSAGE:
        return None
    host = _host(row[_FROM])
    return Record(_bare(row[_MOMENT]), host, row[_USER], row[_DATABASE], row[_SEVERITY], row[_STATE], row[_MESSAGE])


def _read_json(line: bytes) -> Record | None:
    try:
        told = json.loads(needles.decoded(line))
    except ValueError:
        return None
    if not isinstance(told, dict):
        return None
    return Record(_bare(_word(told, "timestamp")), _host(_word(told, "remote_host")), *_words(told))


def _words(told: dict[str, Any]) -> Sequence[str]:
    return [_word(told, key) for key in ("user", "dbname", "error_severity", "state_code", "message")]


def _word(told: dict[str, Any], key: str) -> str:
    value = told.get(key, "")
    return value if isinstance(value, str) else ""


class TextReader:
    """Lines for people: those of stderr, of syslog or the journal, and those of PgBouncer."""

    def __init__(self, prefix: str | None) -> None:
        self._prefix: Prefix | None = None
        self._is_own = False
        if prefix is not None:
            self.reads(prefix)

    def reads(self, prefix: str) -> None:
        """Lines have this prefix. Until one has it, as behind that of syslog, others are read as far as they can be."""
        if self._prefix is None or prefix != self._prefix.text:
            self._prefix, self._is_own = Prefix(prefix), False

    def read(self, line: bytes) -> Record | None:
        """None for what continues a record: PostgreSQL puts a tab before it, so that no statement looks like one."""
        if line.startswith(b"\t"):
            return None
        return self.read_text(needles.decoded(line))

    def read_text(self, text: str) -> Record | None:
        found = self._prefix.pattern.match(text) if self._prefix is not None else None
        if found is not None:
            self._is_own = True
        elif not self._is_own:
            found = _ANY.match(text)
        return _record_of(found.groupdict()) if found is not None else None

    @property
    def may_be_forged(self) -> bool:
        """Whether clients have a say in the lines."""
        return self._prefix is not None and self._prefix.reach > 0

    def doubts(self, lines: Sequence[bytes], place: int, record: Record) -> bool:
        """Whether a client may have written this line, by those around it. Without a prefix nobody can tell."""
        return self._is_own and self._prefix is not None and is_doubtful(lines, place, record.message, self._prefix)


POOLER = "pooler error"
"""What PgBouncer's log has where PostgreSQL's has a severity."""
_ANY = re.compile(
    # PgBouncer: what it tells a client it logs with the client's name.
    r"(?:(?P<moment>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) )?(?:(?!:  |\t|#011).)*?"
    rf"(?:(?P<database>[^/\s]+)/(?P<user>[^@\s]+)@(?P<host>\S+?)(?::\d+)? (?P<severity>{POOLER}): (?P<message>.*)"
    r"|(?<!\?)(?P<words>"
    + "|".join(map(re.escape, severities.ENDING))
    + r"):  (?:(?P<verbose>[0-9A-Z]{5}): )?(?P<said>.*))"
)
"""Any other line, by the first severity in it: behind another one, or behind the tab (for syslog #011) before a line
that continues a record, stands a statement, which could say anything."""


def _record_of(found: dict[str, str | None]) -> Record | None:
    told = {name: value or "" for name, value in found.items()}
    state = told.get("sqlstate") or told.get("verbose") or ""
    message = told.get("message") or told.get("said") or ""
    severity = told.get("severity") or told.get("words") or ""
    names = ("" if (name := told.get(key, "")) in _UNKNOWN else name for key in ("user", "database"))
    user, database = names
    moment = told.get("moment") or told.get("epoch") or ""
    return Record(moment, _host(told.get("host", "")), user, database, severity, state, message)


_UNKNOWN = ("[unknown]", "(nouser)", "(nodb)")


def _host(told: str) -> str:
    """An address with its port behind it, as PostgreSQL and PgBouncer write it, without that; `[local]` is ours."""
    if told.startswith(("[local]", "unix")):
        return "local"
    if told == "[unknown]":
        return ""
    host, colon, port = told.rpartition(":")
    return host if colon and port.isdigit() and "::" not in told and host.count(":") in (0, 7) else told


def _bare(moment: str) -> str:
    """Without the name of the time zone."""
    return " ".join(moment.split(" ")[:2])
