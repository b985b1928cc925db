"""How long a key takes to its effect on the screen, while the program refreshes once a second.

What the program writes is kept with its time, and looked at afterwards: no emulator is in the way of the clock.
"""

import random
import re
import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pyte

from terminal.emulator import KEYS
from terminal.line import TerminalLine

LATEST = 5.0
"""Seconds after which a key counts as lost."""
_QUIET = (0.25, 0.6)
"""Seconds that are waited behind a key, at least and at most: it is pressed at any moment of a refresh."""
_NOT_FOR_PYTE = re.compile(rb"\x1b\[[<=>][0-9;]*[a-zA-Z]|\x1b\[\?[0-9;]*\$p|\x1bP.*?\x1b\\", re.DOTALL)


class Key(NamedTuple):
    """A key, and what the screen shows, as a regular expression, when it had its effect."""

    name: str
    shows: str


OURS = (
    Key("2", "▸ SESSIONS"),
    Key("G", r"–(\d+) of \1 "),
    Key("g", r" 1–\d+ of"),
    Key("?", "SCREENS"),
    Key("Esc", "▸ SESSIONS"),
    Key("1", "HOGS"),
)
THEIRS = (Key("2", "WAITING QUERIES"), Key("1", "RUNNING QUERIES"), Key("h", "toggle query wrap"), Key("q", "RUNNING"))

PILED = (
    Key("2", "▸ SESSIONS"),
    Key("3", "▸ LOCK WAITS"),
    Key("Enter", r"SESSION \d+"),
    Key("Esc", "▸ LOCK WAITS"),
    Key("t", "▸ FINDINGS"),
    Key("1", "HOGS"),
)
"""While thousands wait for a lock; Enter on the root."""
BARE = (Key("2", "Two sees"), Key("1", "One sees"))
"""Of the least that Textual can do, `bare.py`."""


class Watched:
    """A program whose screen is known at the time of each of its writings."""

    def __init__(self, line: TerminalLine, columns: int, lines: int) -> None:
        self._line = line
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._show(bytes(line.output))

    def _show(self, data: bytes) -> None:
        self._stream.feed(_NOT_FOR_PYTE.sub(b"", data))

    @property
    def text(self) -> str:
        return "\n".join(self._screen.display)

    def _read_for(self, seconds: float) -> list[tuple[float, bytes]]:
        written, end = [], time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if data := self._line.read(left):
                written.append((time.monotonic(), data))
        return written

    def settle(self, seconds: float) -> None:
        for _, data in self._read_for(seconds):
            self._show(data)

    def seconds_of(self, key: Key) -> float:
        """From the press to the writing that shows its effect; `LATEST` where none does."""
        began = time.monotonic()
        self._line.write(KEYS.get(key.name, key.name).encode())
        found: float | None = None
        while found is None and time.monotonic() - began < LATEST:
            for at, data in self._read_for(random.uniform(*_QUIET)):
                self._show(data)
                if found is None and re.search(key.shows, self.text):
                    found = at - began
        return LATEST if found is None else found


def latency(line: TerminalLine, size: tuple[int, int], keys: Sequence[Key], times: int) -> dict[str, float]:
    """Of each press. Once through them all is not counted: a screen is made at its first sight."""
    watched = Watched(line, *size)
    watched.settle(2.0)
    for key in keys:
        watched.seconds_of(key)
    taken = [1000 * watched.seconds_of(key) for _ in range(times) for key in keys]
    return {
        "key, median ms": statistics.median(taken),
        "key, 95 % ms": share(taken, 0.95),
        "key, worst ms": max(taken),
    }


def first_sight(line: TerminalLine, size: tuple[int, int], shows: str) -> float:
    """Seconds from the start of a program until its screen shows it."""
    watched = Watched(line, *size)
    while not re.search(shows, watched.text):
        if line.age > LATEST + LATEST:
            raise SystemExit(f"{shows!r} is not seen:\n{watched.text}")
        watched.settle(0.02)
    return line.age


def share(values: Sequence[float], part: float) -> float:
    """The value that so large a part of them does not exceed."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


Measure = Callable[[TerminalLine], list[float]]
