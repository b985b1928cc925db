"""A program on the other end of a pseudo-terminal: what it writes, how it ends."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from servers import PATIENCE

_CHUNK = 65536

# What xterm says when it is asked whether it is ready, and for its cursor, its kind, its name, a capability, a mode.
# Some programs wait for it.
_READY = rb"\x1b\[5n"
_ANSWERS: tuple[tuple[bytes, Callable[[re.Match[bytes]], bytes]], ...] = (
    (_READY, lambda asked: b"\x1b[0n"),
    (rb"\x1b\[6n", lambda asked: b"\x1b[1;1R"),
    (rb"\x1b\[0?c", lambda asked: b"\x1b[?64;1;22c"),
    (rb"\x1b\[>0?q", lambda asked: b"\x1bP>|XTerm(390)\x1b\\"),
    (rb"\x1bP\+q[0-9a-fA-F;]*\x1b\\", lambda asked: b"\x1bP0+r\x1b\\"),
    (rb"\x1b\[\?(\d+)\$p", lambda asked: b"\x1b[?%b;0$y" % asked[1]),
)
_LONGEST_QUESTION = 64


class TerminalLine:
    """Starts a program as its session's leader with the pseudo-terminal as its controlling terminal, as a shell does.

    What the program writes is read only in `read`: whoever waits for something reads meanwhile.

    Attributes:
        says_ready: Whether it answers who asks if it is ready, as a terminal does when it has drawn all before.
    """

    says_ready = True

    def __init__(
        self, command: Sequence[str | Path], env: Mapping[str, str], columns: int, lines: int, **others: Any
    ) -> None:
        self.started = time.monotonic()
        self.output = bytearray()
        self._answered_up_to = dict.fromkeys((question for question, _ in _ANSWERS), 0)
        self.master, slave = pty.openpty()
        # Not select(): whoever has a thousand connections open has descriptors that it does not take.
        self._readable = select.poll()
        self._readable.register(self.master, select.POLLIN)
        _set_size(slave, columns, lines)
        with warnings.catch_warnings():
            # Python 3.12+ warns of forks beside threads; login_tty is four system calls, and takes no lock.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.process = subprocess.Popen(
                [str(part) for part in command],
                stdin=slave,
                stdout=slave,
                stderr=slave,
                env=dict(env),
                preexec_fn=partial(os.login_tty, slave),
                **others,
            )
        os.close(slave)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self.started

    def read(self, seconds: float) -> bytes:
        """What it writes next: returns as soon as there is something, after `seconds` with nothing."""
        if not self._readable.poll(1000 * max(0.0, seconds)):
            return b""
        try:
            data = os.read(self.master, _CHUNK)
        except OSError:  # EIO: nobody has the other end open any more
            time.sleep(min(0.01, max(0.0, seconds)))
            return b""
        self.output += data
        self._answer()
        return data

    def _answer(self) -> None:
        for question, answer in _ANSWERS:
            if question == _READY and not self.says_ready:
                continue
            for asked in re.compile(question).finditer(self.output, self._answered_up_to[question]):
                self._answered_up_to[question] = asked.end()
                self.write(answer(asked))
            # The end of what was read can be in the middle of a question.
            unasked = len(self.output) - _LONGEST_QUESTION
            self._answered_up_to[question] = max(self._answered_up_to[question], unasked)

    def write(self, data: bytes) -> None:
        os.write(self.master, data)

    def resize(self, columns: int, lines: int) -> None:
        """As a window does: the kernel sends SIGWINCH."""
        _set_size(self.master, columns, lines)

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = PATIENCE) -> int:
        """Wait for its end, read all it wrote, and return its exit code, as a shell would see it.

        Raises:
            subprocess.TimeoutExpired: It goes on.
        """
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            self.read(0.05)
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(self.process.args, seconds)
        while self.read(0.0):
            pass
        code = self.process.returncode
        return 128 - code if code < 0 else code

    def hang_up(self) -> None:
        """The window is closed, the link is cut: the kernel sends SIGHUP, and nobody has our end any more."""
        os.close(self.master)
        self.master = -1

    def close(self) -> None:
        """End it, whatever it does."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.master >= 0:
            self.hang_up()


def _set_size(descriptor: int, columns: int, lines: int) -> None:
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
