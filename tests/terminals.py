"""The program on an emulated terminal."""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Mapping

import pyte
import pytest


class Terminal:
    """Runs `pgheadroom` with arguments, shows what it draws, and types."""

    def __init__(self, arguments: list[str], env: Mapping[str, str], columns: int = 100, rows: int = 30) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.code: int | None = None
        size = struct.pack("HHHH", rows, columns, 0, 0)
        self.pid, self._line = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, size)
            os.execve(
                sys.executable, [sys.executable, "-m", "pgheadroom", *arguments], {**env, "TERM": "xterm-256color"}
            )
        fcntl.ioctl(self._line, termios.TIOCSWINSZ, size)

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)

    def type(self, keys: str) -> None:
        os.write(self._line, keys.encode())

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def wait_for(self, holds: "Callable[[str], bool] | str", seconds: float = 30.0) -> None:
        """Read until the screen holds what is wanted; fail with the screen otherwise."""
        wanted = holds if callable(holds) else lambda text: holds in text
        deadline = time.monotonic() + seconds
        while not wanted(self.text):
            if time.monotonic() > deadline or not self._read(0.1):
                pytest.fail(f"never on the screen: {holds}\n{self.text}\n{self.raw[-500:]!r}")

    def end(self, seconds: float = 30.0) -> int:
        """Read until the program ends; its exit code, negative for a signal."""
        deadline = time.monotonic() + seconds
        while self._read(0.1):
            if time.monotonic() > deadline:
                pytest.fail(f"it does not end:\n{self.text}")
        return self._reap()

    def close(self) -> None:
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            self._reap()
        os.close(self._line)

    def _reap(self) -> int:
        if self.code is None:
            self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.code

    def _read(self, patience: float) -> bool:
        """Whether there may be more."""
        if not select.select([self._line], [], [], patience)[0]:
            return True
        try:
            data = os.read(self._line, 65536)
        except OSError:  # Linux says so when the other side has closed
            return False
        self.raw += data
        self._stream.feed(data)
        return bool(data)
