"""The program on a terminal: the monitor, its refusals, and the password."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from signal import Signals

import psycopg
import pytest

from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.demo.servers.playground import Playground
from servers import fetch, hang_up, wait_until
from terminal.emulator import PROGRAM as SCRIPT
from terminal.emulator import Terminal

SCRAM = "local all postgres trust\nlocal all all scram-sha-256\n"


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "XDG_"))}
    return kept | {"HOME": str(tmp_path), "TERM": "xterm-256color"}


@pytest.fixture
def terminal(env: dict[str, str]) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def run(*arguments: str, **more: str) -> Terminal:
        opened.append(Terminal([SCRIPT, *arguments], env | more, 100, 30))
        return opened[-1]

    yield run
    for each in opened:
        each.close()


@pytest.fixture(scope="module")
def guarded(ground: Playground, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A server that wants passwords; the role `dba` has the password `hunter2`."""
    from pgheadroom.demo.servers.cluster import Cluster
    from servers import installation_of, small_settings

    cluster = Cluster.create(ground, installation_of(16), "guarded", settings=small_settings(16), hba=SCRAM)
    cluster.start()
    with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
        superuser.execute("CREATE ROLE dba LOGIN PASSWORD 'hunter2'; GRANT pg_monitor TO dba")
    yield cluster
    cluster.stop("immediate")


def our_sessions(cluster: Cluster) -> int:
    with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
        count = fetch(superuser, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgheadroom'")
    hang_up(superuser)
    return int(count)


def test_the_monitor_shows_the_server_takes_one_slot_and_gives_it_back(
    one_server: Cluster, terminal: Callable[..., Terminal]
) -> None:
    shown = terminal(one_server.conninfo())
    shown.wait_for("/25")
    assert our_sessions(one_server) == 1
    shown.press("q")
    assert shown.wait(30) == 0
    assert b"\x1b[?1049l" in shown.output, "the screen that was there before is back"
    wait_until(lambda: our_sessions(one_server) == 0, "the slot is given back")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_it_and_leaves_the_terminal_usable(
    one_server: Cluster, terminal: Callable[..., Terminal], number: Signals, code: int
) -> None:
    shown = terminal(one_server.conninfo())
    shown.wait_for("/25")
    shown.send(number)
    assert shown.wait(30) == code
    assert b"\x1b[?1049l" in shown.output
    assert b"\x1b[?25h" in shown.output


def test_a_dumb_terminal_is_refused_in_one_line(one_server: Cluster, env: dict[str, str]) -> None:
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "pgheadroom", one_server.conninfo()],
        env=env | {"TERM": "dumb"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "pgheadroom snapshot" in done.stderr


def test_a_server_that_is_not_there_is_a_line_on_a_terminal_too(
    terminal: Callable[..., Terminal], tmp_path: Path
) -> None:
    shown = terminal(f"host={tmp_path}")
    assert shown.wait(30) == 3
    assert shown.output.count(b"\n") == 1
    assert b"\x1b[?1049h" not in shown.output, "no screen was opened"


@pytest.mark.parametrize("flags", [[], ["-W"]])
def test_the_password_is_asked_for_and_never_shown(
    guarded: Cluster, terminal: Callable[..., Terminal], flags: Sequence[str]
) -> None:
    shown = terminal("snapshot", *flags, guarded.conninfo("dba"))
    shown.wait_for("Password for user dba:")
    shown.press("hunter2\n")
    assert shown.wait(30) == 0
    assert b"SLOTS" in shown.output
    assert b"hunter2" not in shown.output


def test_a_wrong_password_is_one_line_and_3(guarded: Cluster, terminal: Callable[..., Terminal]) -> None:
    shown = terminal("snapshot", guarded.conninfo("dba"))
    shown.wait_for("Password for user dba:")
    shown.press("guess\n")
    assert shown.wait(30) == 3
    said = shown.output.decode().split("dba: ", 1)[1].strip()
    assert "password authentication failed" in said
    assert "\n" not in said
    assert "guess" not in said


def test_with_w_it_is_not_asked_for(guarded: Cluster, terminal: Callable[..., Terminal]) -> None:
    shown = terminal("snapshot", "-w", guarded.conninfo("dba"))
    assert shown.wait(30) == 3
    assert b"Password for" not in shown.output


def test_ctrl_c_at_the_prompt_ends_it_quietly(guarded: Cluster, terminal: Callable[..., Terminal]) -> None:
    shown = terminal("snapshot", guarded.conninfo("dba"))
    shown.wait_for("Password for user dba:")
    shown.press("\x03")
    assert shown.wait(30) == 130
    assert b"Traceback" not in shown.output


def test_the_monitor_asks_too_and_connects_again_with_it(guarded: Cluster, terminal: Callable[..., Terminal]) -> None:
    shown = terminal(guarded.conninfo("dba"))
    shown.wait_for("Password for user dba:")
    shown.press("hunter2\n")
    shown.wait_for("/25")
    with psycopg.connect(guarded.conninfo(), autocommit=True) as superuser:
        ours = "SELECT pid FROM pg_stat_activity WHERE application_name = 'pgheadroom'"
        before = fetch(superuser, ours)
        superuser.execute("SELECT pg_terminate_backend(%s)", (before,))
        wait_until(lambda: superuser.execute(ours).fetchone() not in (None, (before,)), "it is back")
    shown.press("q")
    assert shown.wait(30) == 0


@pytest.mark.parametrize("how", ["PGPASSWORD", "passfile", "conninfo", "uri"])
def test_a_password_that_is_given_is_used_and_not_shown(
    guarded: Cluster, terminal: Callable[..., Terminal], tmp_path: Path, how: str
) -> None:
    more: dict[str, str] = {}
    place = guarded.conninfo("dba")
    if how == "PGPASSWORD":
        more["PGPASSWORD"] = "hunter2"
    elif how == "passfile":
        (tmp_path / ".pgpass").write_text("*:*:*:dba:hunter2\n")
        (tmp_path / ".pgpass").chmod(0o600)
    elif how == "conninfo":
        place += " password=hunter2"
    else:
        folder = str(guarded.folder).replace("/", "%2F")
        place = f"postgresql://dba:hunter2@{folder}:{guarded.port}/postgres"
    shown = terminal(place, **more)
    shown.wait_for("/25")
    assert b"hunter2" not in shown.output
    shown.press("q")
    assert shown.wait(30) == 0
