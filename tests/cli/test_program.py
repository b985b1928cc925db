"""The program as a process: what it prints where, how it ends, and what it does not load."""

import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from pgheadroom import __version__

PROGRAM = [sys.executable, "-m", "pgheadroom"]


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment of its own, so that no test meets the user's files."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "XDG_"))}
    return kept | {"HOME": str(tmp_path), "TERM": "xterm"}


def run(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments], env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60
    )


def one_line(text: str) -> str:
    (line,) = text.splitlines()
    assert line.startswith("pgheadroom: ")
    return line


@pytest.mark.parametrize("flag", ["-?", "--help"])
def test_help_is_data(home: dict[str, str], flag: str) -> None:
    done = run(flag, env=home)
    assert (done.returncode, done.stderr) == (0, "")
    assert "pgheadroom snapshot" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--frobnicate"], "--frobnicate"),
        (["snapshot", "--format", "xml"], "xml"),
        (["snapshot", "nonsense=1"], "nonsense"),
        (["snapshot", "--config", "/nonexistent"], "no such file"),
        (["demo", "--scenario", "flood"], "idle-leak"),
        (["terminate"], "filter"),
        (["cancel", "--yes"], "filter"),
        ([], "pgheadroom snapshot"),
        (["shop"], "needs a terminal"),
    ],
)
def test_wrong_use_is_one_line_and_2(home: dict[str, str], arguments: Sequence[str], words: str) -> None:
    done = run(*arguments, env=home)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in one_line(done.stderr)


@pytest.mark.parametrize("command", ["snapshot", "terminate"])
def test_no_server_is_one_line_and_3(home: dict[str, str], command: str, tmp_path: Path) -> None:
    filters = ["--state", "idle"] if command == "terminate" else []
    done = run(command, *filters, f"host={tmp_path} password=hunter2", env=home)
    assert (done.returncode, done.stdout) == (3, "")
    assert str(tmp_path) in one_line(done.stderr)
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["shop", "web", "postgresql://web:hunter2@db1/shop"],
        ["shop", "web", "postgresql://web:x/hunter2@db1/shop"],
        ["snapshot", "postgresql://web:hunter2/x@db1/shop"],
        ["snapshot", "postgresql://web:x?@127.0.0.1/hunter2@db1/shop"],
        ["snapshot", "Host=db1;Username=web;Password=hunter2"],
        ["snapshot", "--password=hunter2"],
        ["snapshot", "-phunter2"],
        ["snapshot", "--door", "postgresql://web:hunter2/x@db1/shop"],
        ["snapshot", "--pgbouncer", "host=b;password=hunter2"],
    ],
)
def test_a_password_in_a_wrong_place_is_not_repeated(home: dict[str, str], arguments: Sequence[str]) -> None:
    done = run(*arguments, env=home)
    assert done.returncode == 2
    assert "hunter2" not in one_line(done.stderr)


@pytest.mark.parametrize(
    "argument", [b"host=db1 user=caf\xe9", b"caf\xe9", b"--door=user=caf\xe9", b"--username=caf\xe9"]
)
def test_bytes_that_are_no_text_are_one_line_and_2(home: dict[str, str], argument: bytes) -> None:
    done = run("snapshot", os.fsdecode(argument), env=home)
    assert (done.returncode, done.stdout) == (2, "")
    assert "connection string: it is not UTF-8" in one_line(done.stderr)


MISTAKES = {
    "interval = 100": ("line 1: interval: ", "allowed: 0.2 to 60 seconds"),
    "\nread_onli = true": ("line 2: read_onli: ", "did you mean read_only?"),
    "[targets.a\n": ("line 1: not TOML: ", ""),
    "[targets.a]\nconninfo = 'sslmod=off'": ("line 2: targets.a.conninfo: ", 'invalid connection option "sslmod"'),
}


@pytest.mark.parametrize("command", [["snapshot"], ["terminate", "--state", "idle"]])
@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_in_the_file_is_one_line_and_2(
    home: dict[str, str], tmp_path: Path, text: str, command: Sequence[str]
) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text)
    done = run(*command, "a", "--config", str(path), env=home)
    assert (done.returncode, done.stdout) == (2, "")
    place, allowed = MISTAKES[text]
    assert one_line(done.stderr).startswith(f"pgheadroom: {path}, {place}")
    assert allowed in done.stderr


def test_a_target_whose_name_was_mistyped(home: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("[targets.production]\nconninfo = 'host=/nonexistent'\n")
    env = home | {"PGHOST": str(tmp_path), "PGHEADROOM_CONFIG": str(path)}
    done = run("snapshot", "prodution", env=env)
    assert done.returncode == 3
    assert one_line(done.stderr).endswith("(did you mean the target production?)")
    assert "did you mean" not in run("snapshot", "production", env=env).stderr
    assert "did you mean" not in run("snapshot", "shop", env=env).stderr


HEAVY = ("textual", "rich", "plotext")
LOADED = """
import sys
from pgheadroom.cli import main
code = main(sys.argv[1:])
sys.stdout.flush()
print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def loaded_by(*arguments: str, env: dict[str, str]) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *arguments], env=env, capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stderr.splitlines()[-1].split())


def test_help_loads_neither_screens_nor_the_driver(home: dict[str, str]) -> None:
    loaded = loaded_by("--help", env=home)
    assert "argparse" in loaded
    assert not loaded & {*HEAVY, "psycopg", "asyncio"}


def test_a_failing_monitor_loads_no_screens(home: dict[str, str]) -> None:
    assert not loaded_by("shop", env=home) & set(HEAVY)


BUG = """
import sys
from pgheadroom import cli
from pgheadroom.cli import commands, diagnostics
def boom(parsed):
    diagnostics.keep_secret("hunter2")
    raise ValueError("it was hunter2\\nand password=hunter3")
commands.Command.load = lambda row: boom
sys.exit(cli.main(["snapshot"]))
"""


@pytest.mark.parametrize("debug", [False, True])
def test_a_bug_is_said_in_a_block_with_what_it_ran_on_and_traced_only_on_request(
    home: dict[str, str], debug: bool
) -> None:
    env = home | ({"PGHEADROOM_DEBUG": "1"} if debug else {})
    done = subprocess.run([sys.executable, "-c", BUG], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 70
    first, *others = done.stderr.splitlines()
    assert first == "pgheadroom: unexpected ValueError: it was *** and password=***"
    assert f"Python {platform.python_version()}" in others[0]
    assert re.search(r"Textual \d.* psycopg \d.* libpq \d", others[1])
    assert "TERM=" in others[2]
    assert ("Traceback" in done.stderr) is debug
    assert "hunter" not in done.stderr


def test_the_traceback_of_a_bug_is_kept_without_secrets_for_its_owner_only(home: dict[str, str]) -> None:
    done = subprocess.run([sys.executable, "-c", BUG], env=home, capture_output=True, text=True, timeout=60)
    log = Path(home["HOME"]) / ".local" / "state" / "pgheadroom" / "fault.log"
    assert str(log) in done.stderr
    assert len(done.stderr.splitlines()) == 5
    assert "Traceback" in log.read_text()
    assert f"Python {platform.python_version()}" in log.read_text()
    assert "hunter" not in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_log_that_would_follow_a_link_is_not_written(home: dict[str, str]) -> None:
    folder = Path(home["HOME"]) / ".local" / "state" / "pgheadroom"
    folder.mkdir(parents=True)
    (folder / "fault.log").symlink_to(folder / "elsewhere")
    done = subprocess.run([sys.executable, "-c", BUG], env=home, capture_output=True, text=True, timeout=60)
    assert "PGHEADROOM_DEBUG=1" in done.stderr
    assert not (folder / "elsewhere").exists()


def test_the_version_says_what_it_runs_on(home: dict[str, str]) -> None:
    done = run("--version", env=home)
    assert (done.returncode, done.stderr) == (0, "")
    assert run("-V", env=home).stdout == done.stdout
    first, second, third = done.stdout.splitlines()
    assert first.startswith(f"pgheadroom {__version__}, Python {platform.python_version()} ")
    assert re.search(r"Textual \d+\.\d.* psycopg \d+\.\d.* libpq \d+\.\d+ \(", second)
    assert "TERM=" in third


def test_a_closed_pipe_is_quiet(home: dict[str, str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        done = subprocess.run(
            [*PROGRAM, "demo", "--scenario", "help"], env=home, stdout=closed, stderr=subprocess.PIPE, timeout=60
        )
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("--help >&-", 1, "pgheadroom: standard output: it is closed\n"),
        ("demo --scenario help >&-", 1, "pgheadroom: standard output: it is closed\n"),
        ("demo --scenario help 2>&-", 0, ""),
        ("--frobnicate 2>&-", 2, ""),
        ("--frobnicate 2>/dev/full", 2, ""),
        ("snapshot host=/nonexistent >&- 2>&-", 3, ""),
        ("snapshot host=/nonexistent <&- 2>/dev/full", 3, ""),
    ],
)
def test_closed_streams_change_no_exit_code(home: dict[str, str], line: str, code: int, said: str) -> None:
    command = f'"{sys.executable}" -m pgheadroom {line}'
    done = subprocess.run(["/bin/sh", "-c", command], env=home, stderr=subprocess.PIPE, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (code, said)
