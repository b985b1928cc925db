"""Whatever libpq does, keys live, and the program ends at once: names without an answer, logins without an end."""

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from signal import Signals
from typing import Any

import psycopg
import pytest

from listeners import SASL, beside, endless_work
from pgheadroom.demo.servers.cluster import Cluster
from sure import sure
from terminal.emulator import PROGRAM, Terminal
from terminal.escapes import modes_changed
from wire import wire_beside

END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgheadroom'"
SOON = 5.0
"""Seconds; it is one, on a machine that has nothing else to do. What hangs here does so for a minute, or for hours."""

DEAD_NAMES = """
import os, socket, time
answer = socket.getaddrinfo
def getaddrinfo(host, *others, **more):
    if os.path.exists(os.environ["NO_ANSWER"]) and not str(host)[0].isdigit():
        time.sleep(60)
    return answer(host, *others, **more)
socket.getaddrinfo = getaddrinfo
"""


@pytest.fixture
def no_answer(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A file: while it is there, the program gets no answer when it looks up a name. And how to tell it so."""
    (tmp_path / "sitecustomize.py").write_text(DEAD_NAMES)
    file = tmp_path / "no-answer"
    return file, {"PYTHONPATH": str(tmp_path), "NO_ANSWER": str(file)}


def end(terminal: Terminal, how: signal.Signals | str) -> int:
    began = time.monotonic()
    if isinstance(how, str):
        terminal.write(how.encode())
    else:
        terminal.send(how)
    code = terminal.wait()
    assert time.monotonic() - began < SOON
    assert modes_changed(terminal.output) == set()
    return code


ENDS = [("q", 0), ("\x03", 0), (signal.SIGTERM, 143)]


@pytest.mark.parametrize(("how", "code"), ENDS, ids=["q", "Ctrl-C", "SIGTERM"])
def test_names_without_an_answer(
    one_server: Cluster,
    superuser: "psycopg.Connection[Any]",
    monitor: Callable[..., Terminal],
    no_answer: tuple[Path, dict[str, str]],
    how: Signals | str,
    code: int,
) -> None:
    file, variables = no_answer
    conninfo = one_server.conninfo(tcp=True).replace("127.0.0.1", "localhost")
    terminal = monitor(conninfo, **variables)
    file.touch()
    superuser.execute(END)
    terminal.wait_for("STALE").press("2").wait_for("▸ SESSIONS")
    assert end(terminal, how) == code


@pytest.mark.parametrize(("how", "code"), ENDS, ids=["q", "Ctrl-C", "SIGTERM"])
def test_a_login_that_wants_endless_work(
    one_server: Cluster,
    superuser: "psycopg.Connection[Any]",
    monitor: Callable[..., Terminal],
    how: Signals | str,
    code: int,
) -> None:
    with beside(SASL, endless_work) as (thief, port), wire_beside(one_server.port) as wire:
        terminal = monitor(wire.conninfo(password="guess"))
        wire.leads_to(port)
        superuser.execute(END)
        terminal.wait_until(lambda: thief.passwords != [], "it is asked").wait_for("STALE")
        terminal.press("2").wait_for("▸ SESSIONS")
        assert end(terminal, how) == code


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_without_a_screen(
    environment: dict[str, str], no_answer: tuple[Path, dict[str, str]], number: Signals
) -> None:
    file, variables = no_answer
    file.touch()
    command: list[str | Path] = [PROGRAM, "snapshot", "host=db1.invalid"]
    running = subprocess.Popen(command, env={**environment, **variables}, stderr=subprocess.PIPE)
    time.sleep(2.0)  # nothing is heard of a name that is being looked up
    began = time.monotonic()
    running.send_signal(number)
    assert running.wait(20) == (130 if number == signal.SIGINT else -signal.SIGTERM)
    assert time.monotonic() - began < SOON
    sure(running.stderr).close()


def test_no_answer_in_time_is_said_in_time(environment: dict[str, str], no_answer: tuple[Path, dict[str, str]]) -> None:
    file, variables = no_answer
    file.touch()
    began = time.monotonic()
    command: list[str | Path] = [PROGRAM, "snapshot", "host=db1.invalid connect_timeout=2"]
    done = subprocess.run(command, env={**environment, **variables}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, "")
    assert "db1.invalid:5432: no answer in 6 s" in done.stderr
    assert time.monotonic() - began < 6 + 2 * SOON
