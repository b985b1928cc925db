"""A server's log in a local file, or as a command writes it: read beside the samples, which never wait for it."""

import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pgheadroom.model.turned_away import Refusals
from pgheadroom.postgres.server_log.counting import Count, Moments
from pgheadroom.postgres.server_log.detecting import AnyReader

MOST_A_SECOND = 262_144
"""Bytes that are read a second. What is behind by more is passed over, and counted as skipped."""
BEFORE = 60.0
"""Seconds before the first sample whose refusals are counted with it, where the lines have a time."""
_LOOKS = 0.2
"""Seconds between two looks at a file that has not grown."""
_PIECE = 65_536
_LEFT_TO_END = 1.0
"""Seconds that a command has to end."""


class LogFollower:
    """Follows a log in a thread of its own: a file system that hangs must not hold up a sample.

    Attributes:
        called: What is read, as the user gave it.
    """

    def __init__(self, given: str) -> None:
        """Nothing is read yet. `given` is a file's path, or a command behind a `|`, which a shell runs."""
        self.called = given
        self._lock = threading.Lock()
        self._count = Count()
        self._reader = AnyReader()
        self._trouble = f"{given} is not read yet"
        self._taken_at = time.monotonic()
        self._first = not given.startswith("|")
        self._begun, self._ending = threading.Event(), threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Read from now on; of a file first its end."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="server log", daemon=True)
            self._thread.start()

    def reads(self, prefix: str) -> None:
        """The server says what its log_line_prefix is."""
        with self._lock:
            self._reader.reads(prefix)

    def take(self, taken_at: datetime) -> tuple[Refusals | None, str]:
        """What was refused since the last call, and why nothing is known of it, where that is so. Never waits long."""
        with self._lock:
            now = time.monotonic()
            seconds, self._taken_at = now - self._taken_at, now
            if self._trouble:
                return None, self._trouble
            before, self._first = self._first, False
            counted = self._count.given(BEFORE if before else seconds, self.called, before=before)
            return counted, ""

    @property
    def waits(self) -> bool:
        """Nothing was read yet, and nothing is known that would be in the way."""
        return not self._begun.is_set()

    def wait(self, seconds: float) -> None:
        """Until something was read, or cannot be; at most so long."""
        self._begun.wait(seconds)

    def close(self) -> None:
        """End the command, whatever it started, and the reading."""
        self._ending.set()
        process = self._process
        if process is not None and process.poll() is None:
            for number in (signal.SIGTERM, signal.SIGKILL):
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_LEFT_TO_END)
                    break
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_LEFT_TO_END)

    # --- in the thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            if self.called.startswith("|"):
                self._follow_command(self.called[1:])
            else:
                self._follow_file()
        except OSError as error:
            self._say(f"{self.called}: {os.strerror(error.errno or 0)}")

    def _say(self, trouble: str) -> None:
        with self._lock:
            self._trouble = trouble
        self._begun.set()

    def _feed(self, piece: bytes, since: datetime | None = None) -> None:
        now = datetime.now(UTC)
        with self._lock:
            self._trouble = ""
            self._begun.set()
            records = self._reader.feed(piece)
            moments = Moments(now, _nearest_clock(now, [one.moment for one in records]))
            self._count.add(records, moments, since)

    def _skip(self, count: int) -> None:
        with self._lock:
            self._count.skipped += count
            self._reader.lose()

    def _follow_file(self) -> None:
        at_end = True
        while not self._ending.is_set():
            try:
                with Path(self.called).open("rb", buffering=0) as log:
                    self._follow_open(log.fileno(), at_end)
                at_end = False
            except OSError as error:
                self._say(f"{self.called}: {os.strerror(error.errno or 0)}")
                self._ending.wait(1.0)

    def _follow_open(self, log: int, at_end: bool) -> None:
        """One file, until another one bears its name, or it was begun anew."""
        self._reader.begin()
        offset = self._read_end(log) if at_end else 0
        self._feed(b"")
        for allowed in self._each_look():
            behind = os.fstat(log).st_size - offset
            if behind < 0:
                self._feed(b"")
                return
            if behind > MOST_A_SECOND:
                self._skip(behind - MOST_A_SECOND // 2)
                offset += behind - MOST_A_SECOND // 2
            piece = os.pread(log, allowed, offset)
            offset += len(piece)
            self._feed(piece)
            if not piece and self._was_replaced(log):
                return

    def _read_end(self, log: int) -> int:
        """Read the end of a file for what was in the minute before, and say where that was."""
        offset = max(0, os.fstat(log).st_size - MOST_A_SECOND)
        if offset:
            self._reader.lose()
        piece = os.pread(log, MOST_A_SECOND, offset)
        for part in (piece, b""):
            self._feed(part, datetime.now(UTC) - timedelta(seconds=BEFORE))
        return offset + len(piece)

    def _was_replaced(self, log: int) -> bool:
        with suppress(OSError):
            now, ours = Path(self.called).stat(), os.fstat(log)
            return (now.st_dev, now.st_ino) != (ours.st_dev, ours.st_ino)
        return False

    def _each_look(self) -> Iterator[int]:
        """How many bytes may be read at each look."""
        while not self._ending.is_set():
            yield int(MOST_A_SECOND * _LOOKS)
            self._ending.wait(_LOOKS)

    def _follow_command(self, command: str) -> None:
        self._process = process = subprocess.Popen(  # noqa: S603 - the user gave it, to be run
            ["/bin/sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        if process.stdout is None:
            return
        self._say("")
        self._begun.clear()
        with process.stdout as told:
            self._follow_pipe(told.fileno())
        if not self._ending.is_set():
            self._say(f"{self.called} has ended, with {process.wait()}")

    def _follow_pipe(self, pipe: int) -> None:
        """What comes faster than it is read is thrown away: a command that had to wait would fall behind for good."""
        second, left = time.monotonic(), MOST_A_SECOND
        while True:
            if not select.select([pipe], [], [], _LOOKS)[0]:
                self._feed(b"")
                continue
            if not (piece := os.read(pipe, _PIECE)):
                return
            if time.monotonic() - second >= 1.0:
                second, left = time.monotonic(), MOST_A_SECOND
            if left > 0:
                self._feed(piece)
            else:
                self._skip(len(piece))
            left -= len(piece)


def _nearest_clock(now: datetime, moments: list[str]) -> datetime | None:
    """The time now in the zone in which a log is written: that of this machine or UTC, by its newest line."""
    told = next((moment for moment in reversed(moments) if "-" in moment), None)
    if told is None:
        return None
    clocks = (now.astimezone().replace(tzinfo=None), now.replace(tzinfo=None))
    try:
        newest = datetime.fromisoformat(told)
    except ValueError:
        return None
    return min(clocks, key=lambda clock: abs(clock - newest))
