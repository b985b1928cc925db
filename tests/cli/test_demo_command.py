"""`pgheadroom demo`: with and without a terminal, and that nothing is left."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from signal import Signals

import psycopg
import pytest

from servers import fetch, wait_until
from terminal.emulator import PROGRAM as SCRIPT
from terminal.emulator import Terminal

PROGRAM = [sys.executable, "-m", "pgheadroom", "demo"]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "XDG_"))}
    return kept | {"HOME": str(tmp_path), "TERM": "xterm-256color"}


def folder_in(text: str) -> Path:
    """The folder that the demo made, as its conninfo names it."""
    (place,) = {
        word.removeprefix("host=") for word in text.split() if word.startswith("host=/") and word.endswith("/pg")
    }
    return Path(place).parent


def test_without_a_terminal_it_prints_the_outage_and_ends(env: dict[str, str]) -> None:
    done = subprocess.run(PROGRAM, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=90)
    assert done.returncode == 0
    assert "billing-api" in done.stdout
    assert "of 35 usable slots" in done.stdout
    assert "\x1b" not in done.stdout
    assert all(line.startswith("pgheadroom: ") for line in done.stderr.splitlines())
    assert done.stderr.count("...") >= 3, "progress is told while it starts"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_without_the_monitor_it_says_where_to_connect_and_runs_until_told(
    env: dict[str, str], number: Signals, code: int
) -> None:
    demo = subprocess.Popen(
        [*PROGRAM, "--no-monitor", "--scenario", "calm"],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert demo.stdout is not None
        where = [demo.stdout.readline().split(maxsplit=1) for _ in range(2)]
        assert [name for name, _ in where] == ["postgresql", "superuser"]
        with psycopg.connect(where[0][1], autocommit=True) as connection:
            assert fetch(connection, "SELECT current_user::text") == "pgheadroom"
        folder = folder_in(where[0][1])
        assert folder.exists()
        demo.send_signal(number)
        demo.communicate(timeout=30)
        assert demo.returncode == code
        wait_until(lambda: not folder.exists(), "its folder is removed")
    finally:
        demo.kill()
        demo.communicate()


def test_under_nohup_it_goes_on_when_the_terminal_is_closed(env: dict[str, str]) -> None:
    ignoring = ["/bin/sh", "-c", 'trap "" HUP; exec "$@"', "-", *PROGRAM, "--no-monitor", "--scenario", "calm"]
    demo = subprocess.Popen(ignoring, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert demo.stdout is not None
        conninfo = demo.stdout.readline().split(maxsplit=1)[1]
        demo.send_signal(signal.SIGHUP)
        psycopg.connect(conninfo).close()
        demo.send_signal(signal.SIGTERM)
        demo.communicate(timeout=30)
        assert demo.returncode == 143, "it is SIGTERM that ended it"
    finally:
        demo.kill()
        demo.communicate()


def test_on_a_terminal_it_is_the_monitor_on_the_outage(env: dict[str, str]) -> None:
    shown = Terminal([SCRIPT, "demo", "--scenario", "lock-pileup"], env, 140, 40)
    try:
        shown.wait_for("/35", 60)
        shown.wait_for("order-taker")
        shown.press("q")
        assert shown.wait(30) == 0
    finally:
        shown.close()


def test_a_signal_to_the_monitor_of_the_demo_still_clears_up(env: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory(prefix="d", dir="/tmp") as own:  # short: a socket's path has 107 characters
        Path(own).chmod(0o755)
        shown = Terminal([SCRIPT, "demo", "--scenario", "calm"], {**env, "TMPDIR": own})
        try:
            shown.wait_for("/35", 60)
            assert list(Path(own).iterdir())
            shown.send(signal.SIGTERM)
            assert shown.wait(30) == 143
            wait_until(lambda: not list(Path(own).iterdir()), "its folder is removed")
        finally:
            shown.close()


def test_an_unknown_scenario_names_those_there_are(env: dict[str, str]) -> None:
    done = subprocess.run([*PROGRAM, "--scenario", "flood"], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "idle-leak" in done.stderr


def test_the_scenarios_are_listed(env: dict[str, str]) -> None:
    done = subprocess.run([*PROGRAM, "--scenario", "help"], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()][:2] == ["calm", "idle-leak"]
