"""Leaving the program for a while, and terminals that leave it or take nothing any more."""

import signal
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgheadroom.demo.servers.cluster import Cluster
from servers import PATIENCE, Sessions, fetch, wait_until
from terminal.emulator import PROGRAM, Terminal
from terminal.escapes import modes_changed

OURS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgheadroom'"
QUESTION, READY = b"\x1b[5n", b"\x1b[0n"
LAST_ASKED = """
    SELECT extract(epoch FROM clock_timestamp() - max(query_start))::float FROM pg_stat_activity
    WHERE application_name = 'pgheadroom'
"""


# --- Ctrl-Z ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def shell(environment: dict[str, str]) -> Iterator[Terminal]:
    """An interactive shell with job control, in which the program is typed as a command."""
    terminal = Terminal(["/bin/sh", "-i"], environment | {"PS1": "prompt> ", "ENV": ""})
    terminal.wait_for("prompt>")
    yield terminal
    terminal.close()


def child_of(pid: int) -> int:
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


def is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def for_a_shell(terminal: Terminal) -> bool:
    """Whether the terminal echoes, edits lines and turns Ctrl-C into a signal, as a shell's user expects."""
    flags = termios.tcgetattr(terminal.master)[3]
    return bool(flags & termios.ECHO and flags & termios.ICANON and flags & termios.ISIG)


def headings(terminal: Terminal) -> list[str]:
    return [line[:12] for line in terminal.lines if line.startswith(("─ ", "▸ "))] + [terminal.footer]


@pytest.mark.parametrize("key", ["\x1a", "\x1b[122;5u"], ids=["plain", "kitty"])
def test_ctrl_z_and_back(
    one_server: Cluster, superuser: "psycopg.Connection[Any]", sessions: Sessions, shell: Terminal, key: str
) -> None:
    shell.write(f"{PROGRAM} '{one_server.conninfo()}'\n".encode())
    shell.wait_for("LOCK WAITS").wait_for("quit")
    program, before = child_of(shell.pid), headings(shell)
    shell.write(key.encode())
    shell.wait_until(lambda: is_stopped(program), "it has stopped").wait_for("Stopped")
    assert modes_changed(shell.output) == set()
    assert for_a_shell(shell)
    shell.wait_until(lambda: b"prompt>" in shell.output.rpartition(b"Stopped")[2], "the shell asks again")
    written = len(shell.output)
    shell.pump(1.5)
    assert len(shell.output) == written, "who is stopped draws nothing"
    sessions(1, application_name="meanwhile")
    shell.wipe()
    shell.write(b"fg\n")
    shell.wait_for("meanwhile").wait_until(lambda: headings(shell) == before, "the whole screen is drawn again")
    assert not for_a_shell(shell)
    shell.press("2").wait_for("▸ SESSIONS").press("q")
    shell.wait_until(lambda: not Path(f"/proc/{program}").exists(), "it has ended").pump(0.2)
    assert for_a_shell(shell)
    assert modes_changed(shell.output) == set()
    assert "0n" not in shell.screen(), "what the terminal answers is not typed into the shell"
    wait_until(lambda: fetch(superuser, OURS) == 0, "the slot is given back")


def test_the_answer_to_the_last_picture_is_not_typed_into_the_shell(one_server: Cluster, shell: Terminal) -> None:
    shell.write(f"{PROGRAM} '{one_server.conninfo()}'\n".encode())
    shell.wait_for("LOCK WAITS").wait_for("quit")
    program = child_of(shell.pid)
    shell.press("p").wait_for("PAUSED")
    shell.says_ready = False  # from now on at most a small picture waits for its answer
    asked = shell.output.count(QUESTION)
    shell.press("?").wait_for("Next pane").press("q", "q").pump(0.3)
    assert shell.output.count(QUESTION) > asked
    # The line is long: what it is about was drawn a while ago.
    shell.write(READY * (shell.output.count(QUESTION) - asked))
    shell.wait_until(lambda: not Path(f"/proc/{program}").exists(), "it has ended").write(b"echo an''swer\n")
    shell.wait_for("answer")
    assert "0n" not in shell.screen()


# --- terminals that go away ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ignored", [False, True], ids=["SIGHUP", "SIGHUP ignored"])
def test_a_terminal_that_goes_away(
    one_server: Cluster, superuser: "psycopg.Connection[Any]", environment: dict[str, str], ignored: bool
) -> None:
    command: list[str | Path] = [PROGRAM, one_server.conninfo()]
    if ignored:  # nohup, or a shell that does not tell its jobs
        command = ["/bin/sh", "-c", 'trap "" HUP; exec "$@"', "-", *command]
    terminal = Terminal(command, environment)
    try:
        terminal.wait_for("SLOTS")
        terminal.hang_up()
        assert terminal.process.wait(PATIENCE) == 129
    finally:
        terminal.close()
    wait_until(lambda: fetch(superuser, OURS) == 0, "the slot is given back")


def never_read(*terminals: Terminal) -> None:
    """Have them draw far more than a pseudo-terminal and a queue of frames hold, and read none of it."""
    for number in range(80):
        for terminal in terminals:
            terminal.write(b"21"[number % 2 :][:1])
        time.sleep(0.1)


def test_a_terminal_that_takes_nothing(
    one_server: Cluster, superuser: "psycopg.Connection[Any]", environment: dict[str, str]
) -> None:
    """A laptop is closed: the link stalls, and much later it is cut, or somebody wants the slot back."""
    command: list[str | Path] = [PROGRAM, "--interval", "200ms", one_server.conninfo()]
    opened = [Terminal(command, environment, 160, 50) for _ in range(3)]
    comes_back, is_cut, is_ended = opened
    try:
        for terminal in opened:
            terminal.wait_for("SLOTS")
        never_read(*opened)
        wait_until(lambda: fetch(superuser, LAST_ASKED) < 3, "sampling goes on")
        is_cut.hang_up()
        is_ended.send(signal.SIGTERM)
        assert (is_cut.process.wait(PATIENCE), is_ended.process.wait(PATIENCE)) == (129, 143)
        comes_back.wait_for("HOGS").press("2").wait_for("▸ SESSIONS").wait_for("pgheadroom").press("q")
        assert comes_back.wait() == 0
        assert modes_changed(comes_back.output) == set()
    finally:
        for terminal in opened:
            terminal.close()
    wait_until(lambda: fetch(superuser, OURS) == 0, "the slots are given back")
