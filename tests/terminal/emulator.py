"""An emulated terminal with the finished program in it: press keys, wait for text, look at the screen."""

import re
import sysconfig
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyte
import pytest

from servers import PATIENCE
from terminal.line import TerminalLine
from tui.terminal_cells import cells_of

PROGRAM = Path(sysconfig.get_path("scripts")) / "pgheadroom"

ESCAPE_ALONE = "\x1b"
"""As an old terminal sends it: only the pause behind it tells it from the beginning of another key."""
# Escape as a terminal sends it that was asked to tell it from others: no busy machine can make another key of it.
KEYS = {
    "Enter": "\r", "Esc": "\x1b[27u", "Tab": "\t", "Space": " ", "Backspace": "\x7f", "Ctrl-C": "\x03",
    "Ctrl-P": "\x10", "Up": "\x1b[A", "Down": "\x1b[B", "PageDown": "\x1b[6~", "PageUp": "\x1b[5~",
    "End": "\x1b[F", "Home": "\x1b[H", "F1": "\x1bOP",
}  # fmt: skip

# pyte takes the CSI of a question such as kitty's `CSI > 1 u` for text to show; a terminal shows nothing of them.
_NOT_FOR_PYTE = re.compile(rb"\x1b\[[<=>][0-9;]*[a-zA-Z]|\x1b\[\?[0-9;]*\$p|\x1bP.*?\x1b\\", re.DOTALL)


class Terminal(TerminalLine):
    """A line with an emulator at our end."""

    def __init__(
        self, command: Sequence[str | Path], env: Mapping[str, str], columns: int = 120, lines: int = 40
    ) -> None:
        super().__init__(command, env, columns, lines)
        self._display = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._display)
        self._held_back = b""

    def read(self, seconds: float) -> bytes:
        data = super().read(seconds)
        if data:
            self._feed(self._held_back + data)
        return data

    def _feed(self, data: bytes) -> None:
        # A sequence may be cut by the end of what was read: its beginning waits for its end.
        _, escape, rest = data.rpartition(b"\x1b")
        cut = escape + rest if escape and len(rest) < 16 and not re.search(rb"[a-zA-Z~\x07]", rest[1:]) else b""
        self._held_back = cut
        self._stream.feed(_NOT_FOR_PYTE.sub(b"", data[: len(data) - len(cut)]))

    def resize(self, columns: int, lines: int) -> None:
        self._display.resize(lines, columns)
        super().resize(columns, lines)

    def wipe(self) -> None:
        """Forget what is on the screen: whoever draws only what changed is found out."""
        self._display.reset()

    # What is on the screen

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self._display.display]

    @property
    def cells(self) -> list[list[tuple[str, str]]]:
        return cells_of(self._display)

    @property
    def shown(self) -> int:
        """How many bytes of the output are on the screen; a sequence that is cut waits for its end."""
        return len(self.output) - len(self._held_back)

    def screen(self) -> str:
        return "\n".join(self.lines)

    def row_of(self, text: str) -> int:
        """Where the first line with this text is; far below the screen when there is none."""
        return next((row for row, line in enumerate(self.lines) if text in line), 10_000)

    @property
    def footer(self) -> str:
        return self.lines[-1]

    # Going on

    def press(self, *keys: str) -> "Terminal":
        """Type keys, by name or as text, as fast as a person does: `press("Tab", "K", "y")`, `press("/", "web")`."""
        for key in keys:
            self.write(KEYS.get(key, key).encode())
            self.pump(0.05)
        return self

    def pump(self, seconds: float) -> "Terminal":
        """Read for some time, whatever comes."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.read(left)
        return self

    def wait_until(self, holds: Callable[[], bool], what: str, seconds: float = PATIENCE) -> "Terminal":
        """Wait until `holds()`, the screen changing meanwhile; the test fails with `what` and the screen if not."""
        deadline = time.monotonic() + seconds
        while not holds():
            self.read(0.05)
            if self.process.poll() is not None and not self.read(0.0) and not holds():
                pytest.fail(f"ended with {self.process.returncode} before {what}:\n{self.screen()}")
            if time.monotonic() > deadline:
                pytest.fail(f"not within {seconds:g} s: {what}. The screen:\n{self.screen()}")
        return self

    def wait_for(self, text: str, seconds: float = PATIENCE) -> "Terminal":
        return self.wait_until(lambda: text in self.screen(), f"{text!r} on the screen", seconds)

    def wait_for_match(self, pattern: str, seconds: float = PATIENCE) -> "Terminal":
        """As `wait_for`, for a regular expression in which `.` stays within a line."""
        return self.wait_until(lambda: bool(re.search(pattern, self.screen())), f"/{pattern}/ on the screen", seconds)

    def confirm(self, question: str) -> "Terminal":
        """Say yes to a question until it counts: a yes before it could be read does not."""
        self.wait_for(question)
        deadline = time.monotonic() + PATIENCE
        while question in self.screen():
            self.press("y")
            patience = time.monotonic() + 0.3
            while question in self.screen() and time.monotonic() < patience:
                self.read(0.05)
            if time.monotonic() > deadline:
                pytest.fail(f"no yes counts. The screen:\n{self.screen()}")
        return self

    def wait_without(self, text: str, seconds: float = PATIENCE) -> "Terminal":
        return self.wait_until(lambda: text not in self.screen(), f"{text!r} has left the screen", seconds)
