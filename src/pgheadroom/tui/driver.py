"""The terminal as it is met over bad links: one that takes nothing for a while, and one that is gone.

Textual's own way of writing waits for the terminal. One that is never read again, because a laptop was closed, would
then keep the program, and its slot, for ever.
"""

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, cast

from textual import constants
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

from pgheadroom.tui.arrival import Arrival, Sieve
from pgheadroom.tui.stray import StrayOutput
from pgheadroom.tui.textual_private import keys_sifted

if TYPE_CHECKING:
    from io import TextIOWrapper

BACKLOG = 256 * 1024
"""Characters that may wait for a terminal; a large screen drawn whole takes about 40,000. What comes on top is left
out, and the screen is drawn whole when the terminal takes something again."""
LAST_WORDS = 1.0
"""Seconds for which the end of the program waits for a terminal that takes nothing."""
LAST_ANSWER = 2.0
"""Seconds for which it waits for an answer, which the shell would take for something typed."""
LONG = 10.0
"""Seconds of taking nothing, after which it is not sure what a terminal shows."""
NEXT_LOOK = 0.016
"""Seconds after which to look again whether it takes something."""
EXIT_HANGUP = 129
"""What a shell reports for a program that SIGHUP ended."""


class Outlet:
    """A file whose `write` never waits: a thread hands on what was written, for as long as the terminal takes it."""

    def __init__(self, fileno: int, caught_up: Callable[[], None]) -> None:
        """`caught_up` is called from the thread once the terminal takes something again after a long time, or after
        much was left out."""
        # A number of its own: the interpreter's stderr has a lock that a thread stuck in a write would keep for ever.
        self._fileno = os.dup(fileno)
        self._caught_up = caught_up
        self._waiting: deque[str] = deque()
        self._size = 0
        self._left_out = False
        self._gone = False
        self._state = threading.Condition()
        threading.Thread(target=self._run, name="terminal-output", daemon=True).start()

    def write(self, text: str) -> int:
        with self._state:
            if self._size > BACKLOG:
                self._left_out = True
            elif not self._gone:
                self._waiting.append(text)
                self._size += len(text)
                self._state.notify_all()
        return len(text)

    @property
    def behind(self) -> bool:
        """Whether the terminal has not taken all that was written."""
        return self._size > 0

    def flush(self) -> None:
        """Nothing is kept back."""

    def fileno(self) -> int:
        return self._fileno

    def isatty(self) -> bool:
        return True

    def settle(self, seconds: float) -> bool:
        """Wait until all is written, and tell whether it is; what is not by then never will be."""
        with self._state:
            self._state.wait_for(lambda: not self._size or self._gone, seconds)
            written = not self._size and not self._gone
            self._waiting.clear()
            self._size, self._left_out = 0, False
            return written

    def _run(self) -> None:
        while True:
            with self._state:
                self._state.wait_for(lambda: bool(self._waiting))
                text = self._waiting.popleft()
            began = time.monotonic()
            try:
                self._hand_on(text.encode("utf-8", "replace"))
            except OSError:
                self._give_up()
                return
            self._handed_on(len(text), time.monotonic() - began)

    def _hand_on(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._fileno, data) :]

    def _handed_on(self, size: int, seconds: float) -> None:
        with self._state:
            self._size = max(0, self._size - size)
            self._left_out = self._left_out or seconds > LONG
            again = self._left_out and not self._size
            self._left_out = self._left_out and not again
            self._state.notify_all()
        if again:
            self._caught_up()

    def _give_up(self) -> None:
        with self._state:
            self._gone = True
            self._waiting.clear()
            self._size = 0
            self._state.notify_all()


class Listener(Protocol):
    """An application that is told what happens to its screen."""

    def overhear(self, line: str) -> None:
        """A library would have written this over the screen."""

    def draw_whole(self) -> None:
        """The terminal may show anything."""

    def arrived(self, doubtful: bool) -> None:
        """The terminal shows a picture; doubtful after a long silence."""


class PatientDriver(LinuxDriver):
    """Textual's driver of a terminal, whose output waits for nobody, and which ends the program without one."""

    def __init__(self, app: App[Any], **others: Any) -> None:
        super().__init__(app, **others)
        self._outlet = Outlet(cast("TextIOWrapper", sys.__stderr__).fileno(), self._draw_again)
        self._file = cast("TextIOWrapper", self._outlet)
        self._stray = StrayOutput(self._overhear)
        self._arrival = Arrival()

    def wait_for_line(self) -> float:
        """Seconds for which the line is not free for another picture."""
        return max(self._arrival.wait(), NEXT_LOOK if self._outlet.behind else 0.0)

    def question(self, size: int) -> str:
        """What a picture of so many bytes ends with, so that the terminal says when it shows it."""
        return self._arrival.question(size)

    def ask_anew(self) -> None:
        """It may be another terminal now."""
        self._arrival.anew()

    def _answered(self) -> None:
        self._app.call_later(cast("Listener", self._app).arrived, self._arrival.answered())

    def _overhear(self, line: str) -> None:
        self._app.call_later(cast("Listener", self._app).overhear, line)

    def _draw_again(self) -> None:
        self._app.call_later(cast("Listener", self._app).draw_whole)

    def _run_input_thread(self) -> None:
        try:
            with keys_sifted(Sieve(self._answered, constants.ESCAPE_DELAY), self._arrival.open):
                self.run_input_thread()
        except OSError:  # EIO: there is no terminal any more, whether or not SIGHUP has told us
            self._arrival.close()
            self._app.call_later(self._app.exit, EXIT_HANGUP, EXIT_HANGUP)

    def start_application_mode(self) -> None:
        self._stray.begin()
        super().start_application_mode()  # type: ignore[no-untyped-call]  # Textual's is not typed

    def disable_input(self) -> None:
        self._end_pictures()
        super().disable_input()

    def stop_application_mode(self) -> None:
        self._stray.end()
        self._end_pictures()
        super().stop_application_mode()

    def _end_pictures(self) -> None:
        # What puts the terminal right must not stand in line behind pictures that nobody takes, and the shell must not
        # get their answers.
        if self._outlet.settle(LAST_WORDS):
            self._arrival.settle(LAST_ANSWER)
        self._arrival.close()

    def close(self) -> None:
        super().close()
        self._outlet.settle(LAST_WORDS)
