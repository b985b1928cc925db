"""Private memory of the server's backends, where they run on this machine. Linux only: it is read from /proc."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

_PROC = Path("/proc")
_KILOBYTES = re.compile(r"^(?:RssAnon|VmPTE):\s+(\d+) kB$", re.MULTILINE)
_MOST = 200
"""Processes that are looked at: a handful tells as much as thousands."""


def private_memory(pids: Iterable[int], own: int, *, proc: Path = _PROC) -> tuple[int, ...]:
    """Bytes of each backend: its anonymous pages and its page tables. What is mapped from shared memory is not its own.

    Empty where they are not this machine's.

    Args:
        own: The backend of our own connection, which is there for sure where its server is here.
    """
    if not _is_backend(proc / str(own)):
        return ()
    return tuple(_sizes(pids, proc))


def _sizes(pids: Iterable[int], proc: Path) -> Iterator[int]:
    for pid, _ in zip(pids, range(_MOST), strict=False):
        folder = proc / str(pid)
        try:
            told = _KILOBYTES.findall((folder / "status").read_text("ascii", "replace"))
        except OSError:
            continue  # it has ended meanwhile, or is not shown
        if told and _is_backend(folder):
            yield 1024 * sum(map(int, told))


def _is_backend(folder: Path) -> bool:
    try:
        return (folder / "cmdline").read_bytes().startswith(b"postgres:")
    except OSError:
        return False
