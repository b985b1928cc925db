"""What libraries write to the terminal while the screen is up: caught, and told as a sentence.

libpq complains of odd files on file descriptor 2, and knows nothing of a screen that is drawn there.
"""

import os
import threading
from collections.abc import Callable

STDERR = 2
_MOST_TOLD = 20
"""Different sentences; what writes more than these is no news."""
_PIECE = 4096


class StrayOutput:
    """A file descriptor that leads into a pipe for as long as the screen is up."""

    def __init__(self, told: Callable[[str], None], fileno: int = STDERR) -> None:
        """`told` is called from a thread, once for each line that was not told before."""
        self._told = told
        self._fileno = fileno
        self._kept: int | None = None
        self._known: set[str] = set()

    def begin(self) -> None:
        """From now on nothing that is written there reaches the terminal."""
        if self._kept is not None:
            return
        out, into = os.pipe()
        # Who writes more than anybody reads must not wait for us.
        os.set_blocking(into, False)
        self._kept = os.dup(self._fileno)
        os.dup2(into, self._fileno)
        os.close(into)
        threading.Thread(target=self._read, args=(out,), name="stray-output", daemon=True).start()

    def end(self) -> None:
        """It leads where it led before."""
        kept, self._kept = self._kept, None
        if kept is not None:
            os.dup2(kept, self._fileno)
            os.close(kept)

    def _read(self, out: int) -> None:
        rest = b""
        while piece := os.read(out, _PIECE):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                self._tell(line.decode("utf-8", "backslashreplace").strip())
            rest = rest[-_PIECE:]
        os.close(out)

    def _tell(self, line: str) -> None:
        if line and line not in self._known and len(self._known) < _MOST_TOLD:
            self._known.add(line)
            self._told(line)
