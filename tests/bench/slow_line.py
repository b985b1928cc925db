"""What each key costs over a slow line: bytes, and seconds until the last of them has arrived.

    python tests/bench/slow_line.py [--sessions 190] [--round-trip 0.3] [--rate 20000] [--size 160x50]

The line is played: what a program writes is taken at once, as sshd does, and arrives at the terminal later. The screen
is paused while keys are pressed, so that nothing but a key is counted. pg_activity, whose keys do nothing while it is
paused, is measured unpaused on the same crowd. Run by `make bench`.
"""

import argparse
import os
import queue
import select
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from bench.compare import MONITOR, bench_of, programs  # noqa: E402
from terminal.emulator import KEYS, Terminal  # noqa: E402

PACKET = 1_400
QUIET = 0.4
"""Seconds without a byte after which a picture counts as complete: more than a round trip."""
LATEST = 5.0
"""Seconds within which a key brings something, where what is looked for can be seen before."""
TICK = 80
"""Bytes that the age of a paused screen takes at most: it goes on meanwhile, and is no part of a picture."""
HELD = 5.0
KEYS_A_SECOND = 30
WATCHED = 4.0

OURS = (
    ("sessions", "2", "▸ SESSIONS"),
    ("drill in", "Enter", "SESSION "),
    ("back", "Esc", "▸ SESSIONS"),
    ("locks", "3", "▸ LOCK WAITS"),
    ("pgbouncer", "4", "▸ POOLS"),
    ("trends", "5", "USED SLOTS"),
    ("triage", "6", "▸ FINDINGS"),
    ("overview", "1", "HOGS"),
    ("sessions", "2", "▸ SESSIONS"),
    ("help", "?", "SCREENS"),
    ("back", "Esc", "▸ SESSIONS"),
    ("question", "K", "Terminate 1"),
    ("back", "Esc", "▸ SESSIONS"),
)
THEIRS = (("waiting", "2", "WAITING"), ("running", "1", "RUNNING"), ("help", "h", "toggle query wrap"))


class SlowTerminal(Terminal):
    """A terminal at the other end of a long and slow line."""

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str], size: tuple[int, int], round_trip: float, rate: float
    ) -> None:
        super().__init__(command, env, *size)
        theirs = self.master
        near, far = socket.socketpair()
        self._readable.unregister(theirs)
        self.master = near.detach()
        self._readable.register(self.master, select.POLLIN)
        self._ends = far
        carry(lambda: os.read(theirs, 65_536), far.sendall, round_trip / 2, rate)
        carry(lambda: far.recv(65_536), lambda data: os.write(theirs, data), round_trip / 2, rate)


def carry(take: Callable[[], bytes], bring: Callable[[bytes], Any], delay: float, rate: float) -> None:
    """Bring what is taken `delay` seconds later, and not more than `rate` bytes a second."""
    under_way: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()

    def send() -> None:
        free = 0.0
        with suppress(OSError):
            while data := take():
                for start in range(0, len(data), PACKET):
                    packet = data[start : start + PACKET]
                    free = max(free, time.monotonic()) + len(packet) / rate
                    under_way.put((free + delay, packet))
        under_way.put((0.0, b""))

    def arrive() -> None:
        with suppress(OSError):
            while (one := under_way.get())[1]:
                time.sleep(max(0.0, one[0] - time.monotonic()))
                bring(one[1])

    for each in (send, arrive):
        threading.Thread(target=each, daemon=True).start()


class Measured:
    """One program on the line, and what was counted."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._sizes: list[int] = []

    def start(self, look: str) -> None:
        """Until sessions are told of, and the last row is there; the next refresh is on its way already."""
        terminal = self._terminal
        terminal.wait_for(look).wait_for("web").wait_until(lambda: bool(terminal.footer), "the last row")
        self._keep("start", len(terminal.output), terminal.age)

    def _keep(self, name: str, size: int, seconds: float) -> None:
        print(f"  {name:<38}{size:8} bytes{seconds:8.2f} s", flush=True)
        if name != "start":
            self._sizes.append(size)

    def until_quiet(self, name: str, look: str, began: float, counted: int, there: bool) -> None:
        terminal = self._terminal
        terminal.wait_for(look)
        last, size = (None if there else time.monotonic()), len(terminal.output) - counted
        while time.monotonic() - (last or began + LATEST) < QUIET:
            if len(terminal.read(0.02)) > TICK:
                last, size = time.monotonic(), len(terminal.output) - counted
        self._keep(name, size, (last or began) - began)

    def press(self, name: str, key: str, look: str) -> None:
        there = look in self._terminal.screen()
        counted, began = len(self._terminal.output), time.monotonic()
        self._terminal.write(KEYS.get(key, key).encode())
        self.until_quiet(name, look, began, counted, there)

    def each_second(self, name: str, seconds: float = WATCHED) -> None:
        counted = len(self._terminal.output)
        self._terminal.pump(seconds)
        print(f"  {name:<38}{(len(self._terminal.output) - counted) / seconds:8.0f} bytes a second", flush=True)

    def hold(self, key: str) -> None:
        """Press it as a keyboard does that repeats, and tell when the screen stands still after it is let go."""
        counted, due, end = len(self._terminal.output), time.monotonic(), time.monotonic() + HELD
        while time.monotonic() < end:
            if time.monotonic() >= due:
                self._terminal.write(key.encode())
                due += 1 / KEYS_A_SECOND
            self._terminal.read(0.005)
        counted_on, let_go = len(self._terminal.output), time.monotonic()
        last = let_go
        while time.monotonic() - last < QUIET:
            if len(self._terminal.read(0.01)) > TICK:
                last = time.monotonic()
        sent, after = len(self._terminal.output) - counted, len(self._terminal.output) - counted_on
        told = f"{sent} bytes; still {last - let_go:.2f} s after it is let go ({after} bytes)"
        print(f"  {key} held for {HELD:g} s: {told}", flush=True)

    def tell(self) -> None:
        most, median = max(self._sizes), statistics.median(self._sizes)
        print(f"  {'a key, at most':<38}{most:8} bytes; the median {median:.0f}", flush=True)


def measure_ours(terminal: Terminal) -> None:
    measured = Measured(terminal)
    measured.start("HOGS")
    terminal.pump(3.0)
    measured.each_second("overview, calm")
    terminal.press("2").wait_for("▸ SESSIONS").pump(3.0)
    measured.each_second("sessions, calm")
    terminal.press("1").wait_for("HOGS")
    terminal.press("p").wait_for("PAUSED").pump(2.0)
    for name, key, look in OURS:
        measured.press(name, key, look)
        if name in ("help", "question"):
            measured.each_second(f"{name} open on a paused screen")
    measured.hold("j")
    measured.tell()


def measure_theirs(terminal: Terminal) -> None:
    measured = Measured(terminal)
    measured.start("RUNNING")
    terminal.pump(3.0)
    measured.each_second("a refresh, calm")
    for name, key, look in THEIRS:
        measured.press(name, key, look)
    measured.tell()


def main() -> None:
    parser = argparse.ArgumentParser(description="what a key costs over a slow line")
    parser.add_argument("--sessions", type=int, default=190)
    parser.add_argument("--round-trip", type=float, default=0.3, help="seconds")
    parser.add_argument("--rate", type=float, default=20_000, help="bytes a second")
    parser.add_argument("--alone", action="store_true", help="without pg_activity")
    parser.add_argument("--size", action="append", help="columns x lines; may be repeated (160x50 and 80x24)")
    chosen = parser.parse_args()
    with bench_of(chosen.sessions) as (bench, cluster):
        bench.let_crowd("calm")
        theirs, ours, _ = programs(cluster.conninfo(user=MONITOR))
        both = ((ours, measure_ours), (theirs, measure_theirs))
        for size in chosen.size or ("160x50", "80x24"):
            columns, lines = map(int, size.split("x"))
            for program, measure in both[:1] if chosen.alone else both:
                print(f"\n{program.command[0].rpartition('/')[2]} at {size}, {chosen.sessions} sessions", flush=True)
                line = (columns, lines), chosen.round_trip, chosen.rate
                terminal = SlowTerminal(program.command, bench.env, *line)
                try:
                    measure(terminal)
                finally:
                    terminal.close()


if __name__ == "__main__":
    main()
