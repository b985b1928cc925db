"""The keeper: a child process that ends the demo's servers and removes its folder when we are gone.

It holds the reading end of a pipe. However our process ends (quietly, by an exception, by a signal, by `kill -9`), the
kernel closes the pipe, and the keeper does the same work each time. It runs as a plain script without site-packages,
so it starts in a few milliseconds and imports nothing of this package.

Each line on its standard input is a JSON object: `{"watch": pid, "signal": number}`, `{"forget": pid}` or
`{"folder": path}`.
"""

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# A postmaster gives its backends five seconds after SIGQUIT before it kills them itself.
PATIENCE_SECONDS = 7.0

_IPC_RMID = 0


@dataclass(frozen=True, slots=True)
class Watched:
    """A process to end. `pidfd` names it for good where the system has that; a pid alone may be reused."""

    pid: int
    signal: int
    pidfd: int | None

    def send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self.pidfd is None:
                os.kill(self.pid, number)
            elif sys.platform == "linux":
                signal.pidfd_send_signal(self.pidfd, number)

    def gone(self) -> bool:
        if self.pidfd is not None:
            # A pidfd is readable once the process has ended, also while nobody has reaped it.
            return bool(select.select([self.pidfd], [], [], 0)[0])
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        return False


def watch(pid: int, number: int) -> Watched | None:
    """The process `pid`, or None when it has ended already."""
    pidfd: int | None = None
    if sys.platform == "linux":
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            return None
        except OSError:
            pidfd = None  # a kernel before 5.3
    return Watched(pid, number, pidfd)


def end(watched: Iterable[Watched], patience: float = PATIENCE_SECONDS) -> None:
    """Ask each process to end, wait, and kill what is left."""
    left = list(watched)
    for process in left:
        process.send(process.signal)
        process.send(signal.SIGCONT)  # a stopped process would not hear it
    deadline = time.monotonic() + patience
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left = [process for process in left if not process.gone()]
    for process in left:
        process.send(signal.SIGKILL)


def keep(lines: Iterable[str]) -> None:
    """Obey `lines` until they end, then clean up."""
    watched: dict[int, Watched] = {}
    folders: list[str] = []
    for line in lines:
        order = json.loads(line)
        if "folder" in order:
            folders.append(order["folder"])
        elif "forget" in order:
            watched.pop(order["forget"], None)
        elif process := watch(order["watch"], order["signal"]):
            watched[process.pid] = process
    # The youngest first: applications before PgBouncer before PostgreSQL.
    for process in reversed(watched.values()):
        end([process])
    for folder in folders:
        with contextlib.suppress(OSError, ValueError):  # the folder goes in any case
            free_shared_memory(folder)
        remove(folder)


def free_shared_memory(folder: str) -> None:
    """Free the small System V segments of postmasters that had no time to do it.

    Such a postmaster has left its postmaster.pid, whose seventh line is the key and the number of its segment
    (PostgreSQL's src/include/utils/pidfile.h).
    """
    libc = ctypes.CDLL(None)
    for pidfile in Path(folder).glob("*/data/postmaster.pid"):
        lines = pidfile.read_text().splitlines()
        names = lines[6].split() if len(lines) > 6 else []
        # The key is asked again, since a number may have gone to somebody else meanwhile.
        if len(names) == 2 and libc.shmget(int(names[0]), 0, 0) == int(names[1]):
            libc.shmctl(int(names[1]), _IPC_RMID, None)


def remove(folder: str) -> None:
    """Remove `folder`, again while a dying process still writes into it."""
    for _ in range(50):
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.lexists(folder):
            return
        time.sleep(0.1)


if __name__ == "__main__":
    # Ctrl-C and a closed terminal reach the whole process group; the pipe is what counts here.
    for interruption in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(interruption, signal.SIG_IGN)
    keep(sys.stdin)
