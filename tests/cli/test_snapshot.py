"""`pgheadroom snapshot` and `demo` as processes on real servers."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgheadroom.cli import main
from pgheadroom.demo.servers.bouncer import Bouncer
from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.wire.sample import from_wire
from servers import Roles, Sessions, fetch, usable

PROGRAM = [sys.executable, "-m", "pgheadroom"]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "XDG_"))}
    return kept | {"HOME": str(tmp_path), "TERM": "xterm"}


@pytest.fixture(autouse=True)
def own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads the user's configuration or variables."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in [name for name in os.environ if name.startswith("PGHEADROOM_") and name != "PGHEADROOM_PG_DIRS"]:
        monkeypatch.delenv(name)


def test_text_counts_what_the_server_counts(
    server: Cluster,
    role: Roles,
    sessions: Sessions,
    superuser: "psycopg.Connection[Any]",
    capsys: pytest.CaptureFixture[str],
) -> None:
    sessions(4, role("web"), application_name="checkout")
    role("watcher", member_of=["pg_monitor"])
    assert main(["snapshot", server.conninfo("watcher")]) == 0
    printed = capsys.readouterr().out
    others = "backend_type = 'client backend' AND application_name <> 'pgheadroom'"
    clients = fetch(superuser, f"SELECT count(*) FROM pg_stat_activity WHERE {others}")
    assert f"{clients + 1}/{usable(server.major)}" in printed
    assert "checkout" in printed


def test_json_is_what_the_design_promises(
    server: Cluster, role: Roles, sessions: Sessions, capsys: pytest.CaptureFixture[str]
) -> None:
    sessions(2, role("web"), application_name="checkout")
    assert main(["snapshot", "--format", "json", server.conninfo()]) == 0
    sample = json.loads(capsys.readouterr().out)
    assert {
        "schema", "taken_at", "server", "door", "capacity", "states", "hogs", "sessions", "locks", "pgbouncers",
        "health", "findings", "gaps",
    } <= set(sample)  # fmt: skip
    assert sample["server"]["version_num"] // 10_000 == server.major
    assert sample["capacity"]["usable"] == usable(server.major)
    assert [hog["total"] for hog in sample["hogs"] if hog["application"] == "checkout"] == [2]
    read = from_wire(sample)
    assert [one.user for one in read.sessions if one.application == "checkout"] == ["web", "web"]
    assert {"postgres", "template1"} <= read.databases.keys()
    assert read.roles["web"].limit is None
    assert "checkpointer" in {process.backend_type for process in read.processes}


def test_a_pgbouncer_is_sampled_too(one_server: Cluster, bouncer: Bouncer, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["snapshot", "--format", "json", "--pgbouncer", bouncer.console(), one_server.conninfo()]
    assert main(arguments) == 0
    sample = json.loads(capsys.readouterr().out)
    (seen,) = sample["pgbouncers"]
    (read,) = from_wire(sample).pgbouncers
    assert read.setting("pool_mode") in ("session", "transaction")
    assert read.databases
    assert read.gaps == ()
    assert seen["version"]


def test_a_pgbouncer_that_is_down_does_not_stop_it(one_server: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    console = "host=/no/such/folder dbname=pgbouncer password=hunter2"
    assert main(["snapshot", "--pgbouncer", console, one_server.conninfo()]) == 0
    printed = capsys.readouterr()
    assert "folder: nobody listens there" in printed.out
    assert "hunter2" not in printed.out + printed.err


def test_the_title_of_a_target_is_its_name(
    one_server: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pgheadroom").mkdir()
    (tmp_path / "pgheadroom" / "config.toml").write_text(
        f'[targets.production]\nconninfo = "{one_server.conninfo()}"\n'
    )
    assert main(["snapshot", "production"]) == 0
    assert "production" in capsys.readouterr().out


def test_nothing_but_data_on_stdout_and_no_screens_loaded(one_server: Cluster, env: dict[str, str]) -> None:
    program = (
        "import sys; from pgheadroom.cli import main; code = main(sys.argv[1:]);"
        "print([name for name in ('textual', 'rich', 'plotext') if name in sys.modules], code, file=sys.stderr)"
    )
    arguments = [sys.executable, "-c", program, "snapshot", "--format", "json", one_server.conninfo()]
    done = subprocess.run(arguments, env=env, capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout)
    assert done.stderr == "[] 0\n"


@pytest.mark.parametrize("locale", ["C", "POSIX"])
def test_text_is_printed_in_every_locale(
    one_server: Cluster, role: Roles, sessions: Sessions, env: dict[str, str], locale: str
) -> None:
    sessions(1, role("web"), application_name="заказы")
    more = {"LC_ALL": locale, "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [*PROGRAM, "snapshot", one_server.conninfo()], env=env | more, capture_output=True, timeout=60
    )
    assert done.returncode == 0
    assert done.stderr == b""
    assert done.stdout


def test_a_reader_that_leaves_is_no_matter(one_server: Cluster, env: dict[str, str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        arguments = [*PROGRAM, "snapshot", "--format", "json", one_server.conninfo()]
        done = subprocess.run(arguments, env=env, stdout=closed, stderr=subprocess.PIPE, timeout=60)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["snapshot", "--help", "-V"])
def test_a_full_disk_is_one_line(one_server: Cluster, env: dict[str, str], command: str, unbuffered: str) -> None:
    arguments = [command, one_server.conninfo()] if command == "snapshot" else [command]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*PROGRAM, *arguments],
            env=env | {"PYTHONUNBUFFERED": unbuffered},
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
        )
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1
    assert b"No space left on device" in done.stderr


@pytest.mark.parametrize(("user", "reason"), [("nobody-is-called-so", "nobody-is-called-so"), ("", "no-such-database")])
def test_a_refusal_is_one_line_and_3(one_server: Cluster, env: dict[str, str], user: str, reason: str) -> None:
    place = one_server.conninfo(user) if user else one_server.conninfo(dbname="no-such-database")
    done = subprocess.run([*PROGRAM, "snapshot", place], env=env, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.count("\n") == 1
    assert reason in done.stderr


def test_a_full_server_says_that_it_is_full(
    one_server: Cluster, role: Roles, sessions: Sessions, env: dict[str, str]
) -> None:
    role("web")
    role("late", member_of=["pg_monitor"])
    sessions.fill("web")
    # Over TCP, where the socket of this server, in its own folder, is not found as another door.
    arguments = [*PROGRAM, "snapshot", one_server.conninfo("late", tcp=True)]
    done = subprocess.run(arguments, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    assert "reserved" in done.stderr
    # Another door is taken, and said: a stronger role does not work unseen.
    done = subprocess.run([*arguments, "--door", "user=postgres"], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert f"in through postgres@127.0.0.1:{one_server.port}/postgres, because" in done.stderr
    assert "in through" not in done.stdout


def test_a_server_that_is_busy_elsewhere_is_said_in_time(env: dict[str, str]) -> None:
    """A listener that accepts and never answers."""
    import socket
    import time

    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"host=127.0.0.1 port={silent.getsockname()[1]} connect_timeout=2"
        began = time.monotonic()
        done = subprocess.run([*PROGRAM, "snapshot", place], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert time.monotonic() - began < 10


def test_metrics_are_written_whole_or_not_at_all(
    one_server: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "pgheadroom.prom"
    assert main(["snapshot", "--textfile", str(file), one_server.conninfo()]) == 0
    assert "pgheadroom_slots_used" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o644
    assert main(["snapshot", "--textfile", str(file), "-h", str(tmp_path)]) == 3
    assert main(["snapshot", "--textfile", str(tmp_path / "no" / "where"), one_server.conninfo()]) == 1
    assert [one.name for one in tmp_path.iterdir()] == [file.name]
    assert main(["snapshot", "--format", "openmetrics", one_server.conninfo()]) == 0
    assert capsys.readouterr().out.endswith("# EOF\n")
    assert main(["snapshot", "--format", "csv", "--table", "sessions", one_server.conninfo()]) == 0
    assert capsys.readouterr().out.startswith("pid,")
    assert main(["snapshot", "--format", "csv", one_server.conninfo()]) == 2
