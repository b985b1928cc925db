"""The finished program on each Python that its users have: installed as they install it, started, used, and left.

`tests/pythons.py` makes the environments, also one with the lowest versions that pyproject.toml allows, and one with
the newest.
"""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgheadroom.demo.servers.cluster import SUPERUSER, Cluster
from servers import Roles, Sessions, fetch, missing, wait_until
from terminal.emulator import Terminal
from terminal.escapes import modes_changed

ENVIRONMENTS = Path(__file__).parents[2] / ".pythons"
ALL = bool(os.environ.get("PGHEADROOM_TEST_ALL"))
EXPECTED = ("3.13", "lowest", "newest", *(("3.11", "3.14") if ALL else ()))
PYTHONS = sorted({*EXPECTED, *(home.name for home in ENVIRONMENTS.glob("3.*"))})
SCREENS = ("SLOTS", "▸ SESSIONS", "▸ LOCK WAITS", "PgBouncer", "USED SLOTS", "FINDINGS", "ADVICE")

ENDS = ("lowest", "newest")
"""On these everything is tried: whatever works on the oldest and the newest Python, with the lowest and the newest
versions of what it needs, works between them. Between them it is started, looked at and left."""

Run = Callable[..., Terminal]


@pytest.fixture(params=PYTHONS if ALL else ENDS, ids=lambda name: f"py{name}")
def program(request: pytest.FixtureRequest) -> Path:
    found: Path = ENVIRONMENTS / request.param / "bin" / "pgheadroom"
    if not found.exists():
        missing(f"there is no Python {request.param} with the program: make pythons")
    return found


@pytest.fixture
def run(program: Path, environment: dict[str, str]) -> Iterator[Run]:
    """Starts this Python's program on a terminal."""
    started: list[Terminal] = []

    def start(*arguments: str, columns: int = 120, lines: int = 40, **variables: str) -> Terminal:
        started.append(Terminal([program, *arguments], {**environment, **variables}, columns, lines))
        return started[-1]

    yield start
    for terminal in started:
        terminal.close()


@pytest.mark.parametrize("program", PYTHONS, indirect=True, ids=lambda name: f"py{name}")
def test_all_screens_help_a_drill_in_and_quit(one_server: Cluster, sessions: Sessions, run: Run) -> None:
    sessions(3, application_name="shop")
    terminal = run(one_server.conninfo()).wait_for("SLOTS").wait_for("shop")
    for number, title in enumerate(SCREENS, 1):
        terminal.press(str(number)).wait_for(title)
    terminal.press("?").wait_for("SCREENS").press("Esc").wait_without("SCREENS")
    terminal.press("2").wait_for("▸ SESSIONS").press("/", "shop").wait_for("/shop").press("Enter")
    terminal.press("g", "Enter").wait_for("TIMEOUTS AT LOGIN").press("Esc").wait_without("TIMEOUTS AT LOGIN")
    for columns, lines in ((80, 24), (60, 15), (160, 50)):
        terminal.resize(columns, lines)
        terminal.press("1").wait_for("SLOTS").press("2").wait_for("SESSIONS")
    terminal.press("q")
    assert terminal.wait() == 0
    assert modes_changed(terminal.output) == set()


@pytest.mark.parametrize(
    ("leave", "code"),
    [
        (lambda terminal: terminal.press("Ctrl-C"), 0),
        (lambda terminal: terminal.send(signal.SIGTERM), 143),
        (lambda terminal: terminal.send(signal.SIGHUP), 129),
    ],
    ids=["Ctrl-C", "SIGTERM", "SIGHUP"],
)
def test_it_leaves_the_terminal_as_it_was(one_server: Cluster, run: Run, leave: Callable[..., Any], code: int) -> None:
    terminal = run(one_server.conninfo()).wait_for("SLOTS")
    leave(terminal)
    assert terminal.wait() == code
    assert modes_changed(terminal.output) == set()


def test_a_query_cancelled_and_a_session_terminated(
    one_server: Cluster, superuser: "psycopg.Connection[Any]", role: Roles, sessions: Sessions, run: Run
) -> None:
    (victim,) = sessions(1, role("web"), application_name="sleeper")
    victim.pgconn.send_query(b"SELECT pg_sleep(60)")
    terminal = run(one_server.conninfo(), columns=160, lines=50).wait_for("SLOTS")
    terminal.press("2").wait_for("▸ SESSIONS").press("/", "sleeper").wait_for("/sleeper").press("Enter")
    terminal.wait_for("pg_sleep").press("g", "C").confirm("Cancel the query of 1 session?")
    state = "SELECT state FROM pg_stat_activity WHERE application_name = 'sleeper'"
    wait_until(lambda: fetch(superuser, state) == "idle", "the query is cancelled")
    terminal.wait_for_match("sleeper +.* idle").press("K").confirm("Terminate 1 session?")
    gone = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sleeper'"
    wait_until(lambda: fetch(superuser, gone) == 0, "the session has ended")
    terminal.press("q")
    assert terminal.wait() == 0


def test_the_waiting_room_and_in(one_server: Cluster, sessions: Sessions, run: Run) -> None:
    filling = sessions.fill(SUPERUSER)
    terminal = run(one_server.conninfo()).wait_for("too many clients already")
    filling[0].close()
    terminal.wait_for("SLOTS").press("q")
    assert terminal.wait() == 0


def test_snapshot_terminate_and_cancel_from_scripts(
    one_server: Cluster,
    superuser: "psycopg.Connection[Any]",
    role: Roles,
    sessions: Sessions,
    program: Path,
    environment: dict[str, str],
) -> None:
    sessions(2, role("web"), application_name="leaky")

    def output(*arguments: str) -> str:
        command: list[str | Path] = [program, *arguments, "-d", one_server.conninfo()]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "leaky" in output("snapshot")
    assert "nothing" not in output("terminate", "--application", "leaky", "--yes")
    gone = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'leaky'"
    wait_until(lambda: fetch(superuser, gone) == 0, "they have ended")
    output("cancel", "--application", "leaky")


def test_the_demo_with_its_guide(run: Run, program: Path) -> None:
    terminal = run("demo", "--guide", "--scenario", "idle-leak", columns=160, lines=50)
    terminal.wait_for("SLOTS", 60).wait_for("GUIDE", 20).press("q")
    terminal.wait(60)
    assert terminal.process.returncode == 0
    assert modes_changed(terminal.output) == set()
