"""Fixtures: the finished program on an emulated terminal, against a real server."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from terminal.emulator import PROGRAM, Terminal


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Of the program: nothing of ours, so that no test meets the user's files, colours or language."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
    }


@pytest.fixture
def start(environment: dict[str, str]) -> Iterator[Callable[..., Terminal]]:
    """Starts the program: `start(conninfo, "--read-only", columns=80, TERM="dumb")`."""
    started: list[Terminal] = []

    def run(*arguments: str, columns: int = 120, lines: int = 40, **variables: str) -> Terminal:
        started.append(Terminal([PROGRAM, *arguments], {**environment, **variables}, columns, lines))
        return started[-1]

    yield run
    for terminal in started:
        terminal.close()


@pytest.fixture
def monitor(start: Callable[..., Terminal]) -> Callable[..., Terminal]:
    """As `start`, and waits for the first sample."""

    def run(*arguments: str, **others: object) -> Terminal:
        terminal = start(*arguments, **others)
        terminal.wait_for("SLOTS")
        return terminal

    return run


@pytest.fixture
def on_sessions(monitor: Callable[..., Terminal]) -> Callable[..., Terminal]:
    """As `monitor`, on the Sessions screen, with a filter where one is given."""

    def run(*arguments: str, only: str = "", **others: object) -> Terminal:
        terminal = monitor(*arguments, **others)
        terminal.press("2").wait_for("▸ SESSIONS").wait_without("HOGS")
        if only:
            terminal.press("/", only).wait_for(f"SESSIONS  /{only}").press("Enter").wait_for("▸ SESSIONS")
        return terminal

    return run
