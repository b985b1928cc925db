"""Output to a terminal that takes nothing for a while, or is gone; a pipe stands for it."""

import contextlib
import os
import queue
import threading
import time
from collections.abc import Iterator

import pytest

from pgheadroom.tui.driver import BACKLOG, Outlet
from pgheadroom.tui.stray import StrayOutput

FRAME = "x" * 9_999 + "\n"


class Pipe:
    """An outlet into a pipe, and the terminal's end of it."""

    def __init__(self) -> None:
        self.end, into = os.pipe()
        self.caught_up = threading.Semaphore(0)
        self.outlet = Outlet(into, self.caught_up.release)
        os.close(into)

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            data += os.read(self.end, size - len(data))
        return data

    def close(self) -> None:
        if self.end >= 0:
            os.close(self.end)
            self.end = -1


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def test_what_is_written_arrives_in_order(pipe: Pipe) -> None:
    for number in range(1000):
        pipe.outlet.write(f"{number}é\n")
    pipe.outlet.settle(5)
    whole = "".join(f"{number}é\n" for number in range(1000)).encode()
    assert pipe.read(len(whole)) == whole


def test_nobody_waits_for_a_stalled_terminal_and_it_gets_whole_frames_only(pipe: Pipe) -> None:
    began = time.monotonic()
    for _ in range(1000):
        pipe.outlet.write(FRAME)
    assert time.monotonic() - began < 5
    frames = b""
    while not pipe.caught_up.acquire(timeout=0.05):
        frames += pipe.read(len(FRAME))
    pipe.outlet.write("drawn whole")
    while not frames.endswith(b"drawn whole"):
        frames += os.read(pipe.end, 65536)
    frames = frames.removesuffix(b"drawn whole")
    assert frames.count(FRAME.encode()) * len(FRAME) == len(frames)
    assert BACKLOG < len(frames) < 2 * BACKLOG
    assert not pipe.caught_up.acquire(timeout=0.1), "it is told once"


def test_the_last_words_do_not_stand_in_line(pipe: Pipe) -> None:
    for _ in range(30):
        pipe.outlet.write(FRAME)
    pipe.outlet.settle(0.05)
    pipe.outlet.write("the end")
    pipe.read(65536)
    data = b""
    while not data.endswith(b"the end"):
        data += os.read(pipe.end, 65536)
    assert len(data) < 2 * len(FRAME) + 65536


def test_a_terminal_that_is_gone_is_no_error(pipe: Pipe) -> None:
    pipe.close()
    for _ in range(100):
        pipe.outlet.write(FRAME)
    began = time.monotonic()
    pipe.outlet.settle(30)
    assert time.monotonic() - began < 10
    assert pipe.outlet.write("more") == 4


def test_what_a_library_writes_is_told_once_and_reaches_the_terminal_only_afterwards() -> None:
    end, terminal = os.pipe()
    lines: queue.Queue[str] = queue.Queue()
    stray = StrayOutput(lines.put, terminal)
    stray.begin()
    for _ in range(3):
        os.write(terminal, b"WARNING: password file is odd\n")
    os.write(terminal, b"and \xff\nnot yet")
    assert [lines.get(timeout=5), lines.get(timeout=5)] == ["WARNING: password file is odd", "and \\xff"]
    stray.end()
    os.write(terminal, b"seen")
    os.close(terminal)
    assert os.read(end, 100) == b"seen"
    assert lines.empty()
    os.close(end)


def test_who_writes_more_than_anybody_reads_does_not_wait() -> None:
    end, terminal = os.pipe()
    reading = threading.Event()

    def told(line: str) -> None:
        reading.wait(10)

    stray = StrayOutput(told, terminal)
    stray.begin()
    os.write(terminal, b"the first\n")
    written = 0
    with contextlib.suppress(BlockingIOError):
        while written < 2**20:
            written += os.write(terminal, b"x" * 4096)
    assert written < 2**20, "the pipe is full, and says so"
    reading.set()
    stray.end()
    os.close(terminal)
    os.close(end)
