"""What a running program costs: processor time, memory, and what it writes to its terminal."""

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process until now, all its threads and the children it waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / _TICKS_A_SECOND


def own_seconds(pid: int) -> float:
    """As `cpu_seconds`, of a process with one thread, such as a backend, and exact where the kernel tells it: a refresh
    takes it less than a tick."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    except FileNotFoundError:
        return cpu_seconds(pid)


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


@dataclass(frozen=True, slots=True)
class Footprint:
    """Of one program in one run; all but the memory for one refresh.

    Attributes:
        cpu: Milliseconds of the program.
        server_cpu: Milliseconds of the backends that serve it.
        written: Kilobytes to the terminal.
        resident: Megabytes.
        refreshes: How many a second there were.
    """

    cpu: float
    server_cpu: float
    written: float
    resident: float
    refreshes: float
