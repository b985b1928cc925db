"""The server's log, read over the connection that samples: a piece a sample, in the same round trip."""

from collections.abc import MutableMapping, Sequence
from datetime import datetime, timedelta

from pgheadroom.model.budget import Budget, Spared
from pgheadroom.model.turned_away import Refusals
from pgheadroom.postgres.exchange import Answer, Question, Unanswered
from pgheadroom.postgres.queries import query
from pgheadroom.postgres.raw_text import read_text
from pgheadroom.postgres.server_log.between import FilesBetween
from pgheadroom.postgres.server_log.counting import Count, Moments
from pgheadroom.postgres.server_log.format import Format
from pgheadroom.postgres.server_log.records import Reader
from pgheadroom.postgres.server_log.site import LogSite
from pgheadroom.words.sql_names import quoted

PART, BETWEEN = "server log", "server log files"
MOST = 262_144
"""Bytes of a log that are read a sample."""
BEFORE = 60.0
"""Seconds before the first sample whose refusals are counted with it, as far as one piece reaches."""
_OVERLAP = 64
"""Bytes that are read once more: where they are others than before, the file was begun anew."""
_NOT_FOUND_AGAIN = 30.0
"""Seconds after which a log that could not be read is asked for again: each refusal is a line in it."""


class ServerLog:
    """Where we are in the log, and what it told since the last sample.

    Attributes:
        budget: What a reading costs the server; told by whoever measures it.
    """

    def __init__(self) -> None:
        self.budget = Budget()
        self._kind = Format.TEXT
        self._reader: Reader | None = None
        self._prefix = ""
        self._file: str | None = None
        self._offset, self._tail = 0, b""
        self._leaving = False
        self._current = ""
        self._between = FilesBetween()
        self._read_at: float | None = None
        self._taken_at = 0.0
        self._trouble = ""
        self._refused_until = float("-inf")
        self._count = Count()

    def questions(self, site: LogSite | None, version_num: int, now: float) -> list[Question]:
        """Nothing where the log cannot be read. `now` is of our own clock."""
        if site is None or not (site.allowed and site.collects):
            return []
        if now < self._refused_until or not self.budget.is_due(now):
            return []
        if (kind := site.format(version_num)) is not self._kind:
            self._forget()
            self._kind = kind
        values = (self._kind.value, self._file, self._offset - len(self._tail), MOST)
        questions = [Question(PART, query("log_piece", version_num), values)]
        if self._leaving and site.lists and self._file is not None:
            names = (_name(self._file), _name(self._current))
            questions.append(Question(BETWEEN, query("log_between", version_num), names))
        return questions

    def take(self, answers: MutableMapping[str, Answer], codec: str, taken_at: datetime, now: float) -> Refusals | None:
        """What was refused since the last reading; None where nothing was read. Its parts are taken out of the answers.

        Args:
            codec: Of the names and settings that the server tells.
        """
        self._taken_at = now
        answer, listed = answers.pop(PART, None), answers.pop(BETWEEN, None)
        if isinstance(listed, list):
            self._between.told([read_text(row[0], codec) for row in listed], self._current)
        if isinstance(answer, Unanswered):
            # Removed, or made unreadable for the server itself.
            self._forget()
            self._refused_until, self._trouble = now + _NOT_FOUND_AGAIN, answer.reason
        if not isinstance(answer, list):
            return None
        raw_current, raw_file, start, piece, there, raw_prefix = answer[0]
        if raw_file is None or piece is None:
            self._trouble = f"the server writes no {self._kind} of its own"
            return None
        self._trouble = ""
        current = read_text(raw_current, codec) if raw_current is not None else None
        moments = Moments(taken_at, there)
        if self._reader is None or self._read_at is None:
            return self._first(
                read_text(raw_file, codec), start, bytes(piece), moments, read_text(raw_prefix, codec), now
            )
        self._reader.reads(read_text(raw_prefix, codec))
        self._next(start, bytes(piece), moments)
        if current is not None:
            self._follow(current, len(piece))
        seconds, self._read_at = now - self._read_at, now
        return self._count.given(seconds, self._file or "")

    def _forget(self) -> None:
        self._reader, self._file, self._offset, self._tail, self._read_at = None, None, 0, b"", None

    def _first(self, file: str, start: int, piece: bytes, moments: Moments, prefix: str, now: float) -> Refusals:
        """The time before the first sample, for whoever takes only one."""
        self._reader = Reader(self._kind, prefix)
        if start:
            self._reader.lose()
        self._file, self._read_at = file, now
        records = [*self._reader.feed(piece), *self._reader.feed(b"")]
        self._moved(start, piece)
        known = [at for record in records if (at := moments.of(record)) is not None]
        reach = (moments.now - min(known)).total_seconds() if start and known else BEFORE
        seconds = min(BEFORE, max(reach, 1.0))
        self._count.add(records, moments, moments.now - timedelta(seconds=seconds))
        return self._count.given(seconds, file, before=True)

    def _next(self, start: int, piece: bytes, moments: Moments) -> None:
        reader = self._reader
        if reader is None:
            return
        if start != self._offset - len(self._tail):
            self._count.skipped += start - self._offset
            reader.lose()
            new = piece
        elif piece[: len(self._tail)] != self._tail:
            reader.begin()
            self._offset, self._tail = 0, b""
            return
        else:
            new = piece[len(self._tail) :]
        self._count.add(reader.feed(new), moments)
        self._moved(start, piece)

    def _moved(self, start: int, piece: bytes) -> None:
        self._offset, self._tail = start + len(piece), piece[-_OVERLAP:]

    def _follow(self, current: str, length: int) -> None:
        """Go to the next file, once the one before was read to its end after that began."""
        if current == self._file or length >= MOST:
            self._leaving = False
        elif not self._leaving:
            self._leaving, self._current = True, current
        else:
            self._leaving, self._offset, self._tail = False, 0, b""
            self._file = self._between.next(self._file, current)
            if self._reader is not None:
                self._reader.begin()

    def spared(self, now: float) -> Sequence[Spared]:
        """That it was not read with this sample, because of what it costs."""
        if self._read_at is None or self._read_at == self._taken_at:
            return ()
        return (Spared(PART, self.budget.cost, self.budget.every, now - self._read_at),)

    def unread(self, site: LogSite | None, role: str, database: str) -> str:
        """Why it is not read, and what would help; empty where it is."""
        if site is None:
            return "the server does not tell whether its log can be read"
        return site.obstacle(quoted(role), quoted(database)) or self._trouble


def _name(path: str) -> str:
    return path.rpartition("/")[2]
