"""What the finished program sends, played into real terminals: they show what the emulated one shows, and answer.

tmux and GNU screen are terminals that can be had without a window. For each TERM the program is recorded once, and its
recording is played to both.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyte
import pytest

from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.tui.arrival import QUESTION
from servers import Sessions
from terminal.emulator import Terminal
from terminal.multiplexers import Multiplexer, Screen, Tmux
from tui.terminal_cells import cells_of

SIZE, SMALLER = (110, 32), (84, 25)
# What is sent depends on it in colours and, on the Linux console, in characters.
TERMS = ["xterm-256color", "screen", "linux"]
TERMS += ["tmux-256color", "vt220"] if os.environ.get("PGHEADROOM_TEST_ALL") else []


@dataclass(frozen=True)
class Moment:
    """A picture, what was sent since the one before, and the size of the terminal."""

    sent: bytes
    size: tuple[int, int]
    lines: list[str]
    cells: list[list[tuple[str, str]]]


class Recorder:
    """Takes pictures of a terminal, and keeps what was sent in between."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._kept = 0
        self.moments: list[Moment] = []

    def keep(self, size: tuple[int, int] = SIZE) -> None:
        terminal = self._terminal
        sent = bytes(terminal.output[self._kept : terminal.shown])
        self._kept = terminal.shown
        self.moments.append(Moment(sent, size, terminal.lines, terminal.cells))


def record(terminal: Terminal) -> list[Moment]:
    """A few screens, the help, a question, the way back, and another size."""
    recorder = Recorder(terminal)
    recorder.keep()
    terminal.press("2").wait_for("SESSIONS").press("p").wait_for("PAUSED")
    recorder.keep()
    terminal.press("j", "?").wait_for("SCREENS")
    recorder.keep()
    terminal.press("Esc").wait_without("SCREENS").press("K").wait_for("Terminate 1")
    recorder.keep()
    terminal.press("Esc").wait_without("Terminate 1").press("Enter").wait_for("SESSION ")
    recorder.keep()
    terminal.resize(*SMALLER)
    terminal.press("1").wait_for("HOGS").wait_until(lambda: "pane" in terminal.footer, "the last row is drawn")
    recorder.keep(SMALLER)
    return recorder.moments


@pytest.fixture
def open_multiplexer() -> Iterator[Callable[..., Multiplexer]]:
    opened: list[Multiplexer] = []

    def begin(kind: type[Multiplexer]) -> Multiplexer:
        name = kind.__name__.lower()
        if not shutil.which(name):
            pytest.skip(f"{name} is not installed")
        opened.append(kind(Path(tempfile.mkdtemp(prefix="pgh-")), *SIZE))
        return opened[-1]

    yield begin
    for each in opened:
        each.close()


@pytest.fixture
def moments(one_server: Cluster, sessions: Sessions, monitor: Callable[..., Terminal], term: str) -> list[Moment]:
    for number, session in enumerate(sessions(3, application_name="shop")):
        session.execute(f"SELECT 'naïve 日本語 {number}'")
    terminal = monitor(one_server.conninfo(), columns=SIZE[0], lines=SIZE[1], TERM=term)
    return record(terminal.wait_for("shop"))


def shown_by(tmux: Tmux, size: tuple[int, int]) -> list[list[tuple[str, str]]]:
    """Its cells with their styles."""
    display = pyte.Screen(*size)
    pyte.Stream(display).feed(tmux.styled())
    return cells_of(display)


@pytest.mark.parametrize("term", TERMS)
def test_a_real_terminal_shows_what_the_emulated_one_shows_and_says_so(
    moments: list[Moment], open_multiplexer: Callable[..., Multiplexer], term: str
) -> None:
    tmux, screen = both = open_multiplexer(Tmux), open_multiplexer(Screen)
    assert isinstance(tmux, Tmux)
    for moment in moments:
        for multiplexer in both:
            multiplexer.resize(*moment.size)
            multiplexer.play(moment.sent)
        assert tmux.rows_once(moment.lines) == moment.lines
        assert screen.rows_once(moment.lines) == moment.lines
        assert shown_by(tmux, moment.size) == moment.cells
    asked = sum(moment.sent.count(QUESTION.encode()) for moment in moments)
    assert asked
    assert tmux.answers_once(asked) == screen.answers_once(asked) == b"\x1b[0n" * asked
