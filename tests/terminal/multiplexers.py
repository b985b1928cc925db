"""tmux and GNU screen as terminals that something recorded is played to, and what they show of it then."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from servers import PATIENCE
from terminal.emulator import Terminal

_PLAYER = 'stty raw -echo; tty >"$3"; cat </dev/tty >"$1" & exec tail -c +1 -f "$2"'
"""Shows the recording as it grows, and keeps what the terminal answers."""


class Multiplexer:
    """Plays a recording in its only window.

    Args:
        folder: Of its own; its sockets need a short path.
    """

    def __init__(self, folder: Path, columns: int, lines: int) -> None:
        self.folder = folder
        self._answers, self._recording, self._tty = files = [folder / name for name in ("answers", "recording", "tty")]
        for file in files:
            file.touch()
        home = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "LANG": "C.UTF-8"}
        self._env = {**home, "TERM": "xterm-256color", "SCREENDIR": str(folder / "sockets")}
        (folder / "sockets").mkdir(mode=0o700)
        player = ["sh", "-c", _PLAYER, "player", *map(str, files)]
        self._outside = Terminal(self._command(player), self._env, columns, lines)

    def _command(self, player: list[str]) -> list[str]:
        raise NotImplementedError

    def told(self, *command: str) -> str:
        """What one of its commands prints."""
        done = subprocess.run(self._asking(*command), env=self._env, capture_output=True, text=True, timeout=PATIENCE)
        return done.stdout

    def _asking(self, *command: str) -> list[str]:
        raise NotImplementedError

    def rows(self) -> list[str]:
        """What its window shows, without blanks at the end of a row."""
        raise NotImplementedError

    def play(self, data: bytes) -> None:
        with self._recording.open("ab") as recording:
            recording.write(data)

    def resize(self, columns: int, lines: int) -> None:
        """Returns when its window has that size."""
        self._outside.resize(columns, lines)
        assert self.wait_until(lambda: self._size() == (columns, lines)), self._size()

    def _size(self) -> tuple[int, int]:
        name = self._tty.read_text().strip()
        if not name:
            return 0, 0
        tty = os.open(name, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            columns, lines = os.get_terminal_size(tty)
            return columns, lines
        finally:
            os.close(tty)

    def rows_once(self, wanted: list[str]) -> list[str]:
        """What its window shows once that is what is wanted, or does not become so."""
        self.wait_until(lambda: self.rows() == wanted)
        return self.rows()

    def answers_once(self, count: int) -> bytes:
        """What it has said, once it has told so often that it is ready, or does not."""
        self.wait_until(lambda: len(self._said_ready()) >= count)
        return b"".join(self._said_ready())

    def _said_ready(self) -> list[bytes]:
        return re.findall(rb"\x1b\[[03]n", self._answers.read_bytes())

    def wait_until(self, holds: Callable[[], bool]) -> bool:
        """Whether it holds, soon or late."""
        deadline = time.monotonic() + PATIENCE
        while not (held := holds()) and time.monotonic() < deadline:
            self._outside.read(0.05)
        return held

    def close(self) -> None:
        self._outside.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Tmux(Multiplexer):
    """A server of its own, on a socket of its own."""

    def _command(self, player: list[str]) -> list[str]:
        configuration = self.folder / "conf"
        configuration.write_text("set -g status off\n")
        return ["tmux", "-u", "-S", str(self.folder / "tmux"), "-f", str(configuration), "new-session", *player]

    def _asking(self, *command: str) -> list[str]:
        return ["tmux", "-S", str(self.folder / "tmux"), *command]

    def rows(self) -> list[str]:
        return [row.rstrip() for row in self.told("capture-pane", "-p").split("\n")[:-1]]

    def styled(self) -> str:
        """What it shows as text that another terminal would show in the same way."""
        return self.told("capture-pane", "-peN").removesuffix("\n").replace("\n", "\r\n")

    def close(self) -> None:
        self.told("kill-server")
        super().close()


class Screen(Multiplexer):
    """GNU screen; what it shows is read where it draws it, because its hardcopy has one byte for a character."""

    def _command(self, player: list[str]) -> list[str]:
        configuration = self.folder / "screenrc"
        configuration.write_text("startup_message off\naltscreen on\ndefbce off\nvbell off\n")
        return ["screen", "-U", "-c", str(configuration), "-S", "played", *player]

    def _asking(self, *command: str) -> list[str]:
        return ["screen", "-S", "played", "-p", "0", "-X", *command]

    def rows(self) -> list[str]:
        return self._outside.lines

    def close(self) -> None:
        self.told("quit")
        super().close()
