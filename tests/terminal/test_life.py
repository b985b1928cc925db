"""The program from its start to its end: what it shows, what it refuses, and how it leaves the terminal."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from signal import Signals
from typing import Any

import psycopg
import pytest

from pgheadroom.demo.servers.cluster import Cluster
from servers import Sessions, fetch
from terminal.emulator import PROGRAM, Terminal
from terminal.escapes import colours, modes_changed

CLIENT_BACKENDS = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
SCREENS = ("HOGS", "SESSIONS", "LOCK WAITS", "POOLS")
USABLE = """
    SELECT sum(setting::int * CASE name WHEN 'max_connections' THEN 1 ELSE -1 END) FROM pg_settings
    WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')
"""


def test_the_first_screen_says_what_sql_says(
    one_server: Cluster, superuser: "psycopg.Connection[Any]", sessions: Sessions, monitor: Callable[..., Terminal]
) -> None:
    sessions(7, application_name="shop")
    terminal = monitor(one_server.conninfo())
    used, usable = fetch(superuser, CLIENT_BACKENDS), fetch(superuser, USABLE)
    terminal.wait_for(f"SLOTS {used}/{usable} ")
    terminal.wait_for_match(r"postgres +shop .* 7 +7 +0 +0")


def test_the_gauge_follows(
    one_server: Cluster, superuser: "psycopg.Connection[Any]", sessions: Sessions, monitor: Callable[..., Terminal]
) -> None:
    terminal = monitor(one_server.conninfo())
    opened = sessions(3, application_name="shop")
    terminal.wait_for("shop ")
    terminal.wait_for(f"SLOTS {fetch(superuser, CLIENT_BACKENDS)}/")
    for one in opened:
        one.close()
    terminal.wait_without("shop ")
    terminal.wait_for(f"SLOTS {fetch(superuser, CLIENT_BACKENDS)}/")


@pytest.mark.parametrize("key", ["q", "Ctrl-C"])
def test_it_leaves_the_terminal_as_it_was(one_server: Cluster, monitor: Callable[..., Terminal], key: str) -> None:
    terminal = monitor(one_server.conninfo()).press(key)
    assert terminal.wait() == 0
    assert modes_changed(terminal.output) == set()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_it_cleanly(
    one_server: Cluster, monitor: Callable[..., Terminal], number: Signals, code: int
) -> None:
    terminal = monitor(one_server.conninfo())
    terminal.send(number)
    assert terminal.wait() == code
    assert modes_changed(terminal.output) == set()


def test_the_slot_is_given_back(
    one_server: Cluster, superuser: "psycopg.Connection[Any]", monitor: Callable[..., Terminal]
) -> None:
    ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgheadroom'"
    terminal = monitor(one_server.conninfo())
    assert fetch(superuser, ours) == 1
    terminal.press("q").wait()
    deadline = time.monotonic() + 5
    while fetch(superuser, ours):
        assert time.monotonic() < deadline


def test_no_color(one_server: Cluster, monitor: Callable[..., Terminal], on_sessions: Callable[..., Terminal]) -> None:
    plain = on_sessions(one_server.conninfo(), NO_COLOR="1").press("q")
    assert plain.wait() == 0
    assert colours(plain.output) == set()
    coloured = monitor(one_server.conninfo()).press("q")
    assert coloured.wait() == 0
    assert colours(coloured.output)


@pytest.mark.parametrize(
    "variables", [{"LC_ALL": "POSIX"}, {"LANG": "C"}, {"TERM": "linux"}, {"PGHEADROOM_ASCII": "1"}]
)
def test_ascii(one_server: Cluster, monitor: Callable[..., Terminal], variables: Mapping[str, str]) -> None:
    terminal = monitor(one_server.conninfo(), **variables)
    for number, title in enumerate(SCREENS, 1):
        terminal.press(str(number)).wait_for_match(f"[▸>] {title}")
    terminal.press("?").wait_for("Next pane").press("\x1b").wait_without("Next pane")
    terminal.press("q")
    assert terminal.wait() == 0
    assert terminal.output.isascii(), sorted(set(terminal.output.decode()) - set(map(chr, range(128))))


def test_ascii_on_every_screen_and_in_every_size(one_server: Cluster, monitor: Callable[..., Terminal]) -> None:
    terminal = monitor(one_server.conninfo(), PGHEADROOM_ASCII="1")
    terminal.press("5").wait_for("USED SLOTS").wait_for_match(r"now +-5m").pump(1.0)
    assert "?" not in "".join(terminal.lines[:-1]), "a sign without a likeness in ASCII"
    terminal.press("t").wait_for("FINDINGS").press("?").wait_for("Next pane").press("Esc", "1").wait_for("HOGS")
    for columns, lines in ((60, 15), (20, 5)):
        terminal.resize(columns, lines)
        terminal.press("1").wait_for("SLOTS").pump(0.5)
    terminal.press("q")
    assert terminal.wait() == 0
    assert terminal.output.isascii(), sorted(set(terminal.output.decode()) - set(map(chr, range(128))))


@pytest.mark.parametrize("kind", ["linux", "screen", "tmux-256color", "unheard-of"])
def test_terminals_of_many_kinds(one_server: Cluster, start: Callable[..., Terminal], kind: str) -> None:
    terminal = start(one_server.conninfo(), columns=80, lines=24, TERM=kind)
    terminal.says_ready = kind != "unheard-of"
    terminal.wait_for("SLOTS")
    for number, title in enumerate(SCREENS, 1):
        terminal.press(str(number)).wait_for_match(f"[▸>] {title}").wait_for("quit")
    terminal.press("PageDown", "Down", "Up", "F1").wait_for("SCREENS").press("Esc").wait_without("SCREENS").press("q")
    assert terminal.wait() == 0
    assert modes_changed(terminal.output) == set()
    # The 16 colours that each of them has, and that the user chose.
    assert not {38, 48} & colours(terminal.output)


def test_a_dumb_terminal_is_refused(one_server: Cluster, start: Callable[..., Terminal]) -> None:
    terminal = start(one_server.conninfo(), TERM="dumb")
    assert terminal.wait() == 2
    (line,) = terminal.output.decode().splitlines()
    assert line.startswith("pgheadroom: ")
    assert "TERM=dumb" in line
    assert "pgheadroom snapshot" in line


def test_no_terminal_is_refused(one_server: Cluster, environment: dict[str, str]) -> None:
    command: list[str | Path] = [PROGRAM, one_server.conninfo()]
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10
    )
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert "pgheadroom snapshot" in line


def test_no_server_is_one_line(start: Callable[..., Terminal], tmp_path: Path) -> None:
    terminal = start(f"host={tmp_path} password=hunter2")
    assert terminal.wait() == 3
    (line,) = terminal.output.decode().splitlines()
    assert str(tmp_path) in line
    assert "hunter2" not in line


LOUD = """
import os, sys, threading, time
def complain():
    while True:
        time.sleep(0.3)
        os.write(2, b"WARNING: odd file\\n")
threading.Thread(target=complain, daemon=True).start()
from pgheadroom.cli import main
sys.exit(main())
"""


def test_what_a_library_writes_is_a_sentence_and_not_on_the_screen(
    one_server: Cluster, environment: dict[str, str]
) -> None:
    terminal = Terminal([sys.executable, "-c", LOUD, one_server.conninfo()], environment, 120, 40)
    try:
        terminal.wait_for("a library says: WARNING: odd file")
        terminal.press("2").wait_for("▸ SESSIONS").press("1").wait_for("HOGS")
        assert terminal.screen().count("odd file") == 1
    finally:
        terminal.close()
