"""No password in anything that is written, whatever happens: the program runs with known ones, and all is searched."""

import base64
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgheadroom.demo.servers.bouncer import Bouncer
from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.demo.servers.playground import Playground
from servers import hang_up, installation_of, runs, small_settings, wait_until
from terminal.emulator import PROGRAM, Terminal

HBA = "local all postgres trust\nlocal all all scram-sha-256\nhost all all all scram-sha-256\n"
SECRETS = {name: f"Wx7-{name}-Qz9" for name in ("dba", "rescue", "admin", "wrong")}
_CLIPBOARD = re.compile(rb"\x1b\]52;c;([A-Za-z0-9+/=]*)")


@pytest.fixture(scope="module")
def guarded(ground: Playground) -> Iterator[Cluster]:
    """A server that wants passwords: `dba` and `rescue` have one, `app` takes slots without."""
    from pgheadroom.demo.servers.cluster import Cluster

    hba = f"local all app trust\n{HBA}"
    cluster = Cluster.create(ground, installation_of(18), "secretive", settings=small_settings(18), hba=hba)
    cluster.start()
    with closing(psycopg.connect(cluster.conninfo(), autocommit=True)) as superuser:
        for role in ("dba", "rescue"):
            superuser.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{SECRETS[role]}'".encode())
            superuser.execute(f"GRANT pg_monitor, pg_signal_backend TO {role}".encode())
        superuser.execute("CREATE ROLE app LOGIN")
    yield cluster
    cluster.stop("immediate")


@pytest.fixture
def pooler(guarded: Cluster, new_bouncer: Callable[..., Bouncer]) -> Bouncer:
    """A PgBouncer whose admin has a password."""
    upstream = f"host={guarded.folder} port={guarded.port} dbname=postgres user=app"
    settings = {"auth_type": "scram-sha-256"}
    return new_bouncer({"postgres": upstream}, settings=settings, users={"admin": SECRETS["admin"]})


@pytest.fixture
def crowd(guarded: Cluster) -> "Iterator[Callable[[int], list[psycopg.Connection[Any]]]]":
    """Opens sessions of the application."""
    opened: list[psycopg.Connection] = []

    def grow(count: int) -> list[psycopg.Connection]:
        for _ in range(count):
            opened.append(psycopg.connect(guarded.conninfo("app", application_name="crowd"), autocommit=True))
        return opened

    yield grow
    hang_up(*opened)


@pytest.fixture
def configured(guarded: Cluster, pooler: Bouncer, environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """A target with every kind of password, in a file; and folders of its own for all that might be written."""
    folder = tmp_path / "config" / "pgheadroom"
    folder.mkdir(parents=True)
    (tmp_path / "tmp").mkdir()
    place = f"host=127.0.0.1 port={guarded.port} dbname=postgres"
    (folder / "config.toml").write_text(
        "[targets.production]\n"
        f'conninfo = "{place} user=dba password={SECRETS["dba"]}"\n'
        f'doors = ["{place} user=rescue password={SECRETS["rescue"]}", "user=rescue password={SECRETS["wrong"]}"]\n'
        f'pgbouncer = ["{pooler.console(tcp=True)} password={SECRETS["admin"]}"]\n'
    )
    (folder / "config.toml").chmod(0o600)
    return environment | {"XDG_CONFIG_HOME": str(tmp_path / "config"), "TMPDIR": str(tmp_path / "tmp")}


def found_in(data: bytes) -> set[str]:
    """Which passwords are in the data, also copied to a clipboard."""
    copied = b"".join(base64.b64decode(text) for text in _CLIPBOARD.findall(data))
    return {name for name, secret in SECRETS.items() if secret.encode() in data + copied}


def written_below(folder: Path) -> dict[str, set[str]]:
    """The passwords in every file but the configuration, by the file's name."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "config.toml"]
    return {str(path): found for path in files if (found := found_in(path.read_bytes()))}


def processes_of(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in processes_of(int(child)))]


def seen_by_others(pid: int) -> set[str]:
    """What `ps` shows of a process and those it started."""
    return set().union(*(found_in(Path(f"/proc/{each}/cmdline").read_bytes()) for each in processes_of(pid)))


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(f"password={SECRETS['dba']}")
    copied = b"\x1b]52;c;" + base64.b64encode(SECRETS["admin"].encode()) + b"\x07"
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", SECRETS["wrong"]]) as process:
        wait_until(lambda: seen_by_others(process.pid) == {"wrong"}, "it is in the list of processes")
        process.kill()
    assert found_in(copied) == {"admin"}
    assert written_below(tmp_path) == {str(tmp_path / "log"): {"dba"}}


# --- on the screen ---------------------------------------------------------------------------------------------------


def test_everywhere_on_the_screen(
    guarded: Cluster,
    configured: dict[str, str],
    crowd: "Callable[[int], list[psycopg.Connection[Any]]]",
    tmp_path: Path,
) -> None:
    (victim, *_) = crowd(3)
    terminal = Terminal([PROGRAM, "production"], configured, 140, 45)
    try:
        terminal.wait_for("SLOTS").wait_for("crowd")
        assert seen_by_others(terminal.pid) == set()
        for key, title in (
            ("3", "LOCK WAITS"),
            ("4", "POOLS"),
            ("5", "USED SLOTS"),
            ("6", "TRIAGE"),
            ("?", "Next pane"),
        ):
            terminal.press(key).wait_for_match(f"(?i){title}")
        terminal.press("Esc", ":").pump(0.5).press("Esc", "4")
        for _ in range(8):
            terminal.press("Tab").pump(0.2)
        terminal.press("2").wait_for("▸ SESSIONS").press("/", f"pid:{victim.info.backend_pid}", "Enter").pump(0.3)
        terminal.press("Enter").wait_for("TIMEOUTS AT LOGIN")
        terminal.press("y").wait_for("a psql command").press("y", "p").wait_for("clipboard").press("Esc", "Esc")
        terminal.wait_for("▸ SESSIONS").press("K").confirm("Terminate 1 session?")
        wait_until(lambda: not runs(victim.info.backend_pid), "the session has ended")
        terminal.wait_for_match("(?i)freed|gone")
        guarded.stop("immediate")
        terminal.wait_for("STALE").press("1").wait_for("HOGS").press("w").pump(0.3)
        guarded.start()
        terminal.wait_without("STALE", seconds=20)
        terminal.send(signal.SIGTERM)
        assert terminal.wait() == 143
    finally:
        terminal.close()
    assert found_in(bytes(terminal.output)) == set()
    assert b"\x1b]52;c;" in terminal.output
    assert json.loads((tmp_path / "state" / "pgheadroom" / "actions.jsonl").read_text().splitlines()[0])
    assert written_below(tmp_path) == {}


def test_in_the_waiting_room(
    guarded: Cluster,
    configured: dict[str, str],
    crowd: "Callable[[int], list[psycopg.Connection[Any]]]",
    tmp_path: Path,
) -> None:
    with pytest.raises(psycopg.OperationalError, match=r"reserved|too many"):
        crowd(40)
    terminal = Terminal([PROGRAM, "production"], configured, 140, 45)
    try:
        terminal.wait_for("rescue").wait_for("password authentication failed").pump(1.0)
        assert seen_by_others(terminal.pid) == set()
        terminal.press("?").wait_for("Capital letters act").press("Esc").wait_for("What helps").press("q")
        assert terminal.wait() == 0
    finally:
        terminal.close()
    assert found_in(bytes(terminal.output)) == set()
    assert written_below(tmp_path) == {}


@pytest.mark.parametrize("typed", ["dba", "wrong"])
def test_at_the_prompt(guarded: Cluster, environment: dict[str, str], tmp_path: Path, typed: str) -> None:
    terminal = Terminal([PROGRAM, guarded.conninfo("dba")], environment | {"PGHEADROOM_DEBUG": "1"})
    try:
        terminal.wait_for("Password for user dba:").press(SECRETS[typed] + "\n")
        if typed == "dba":
            terminal.wait_for("SLOTS").press("q")
        assert terminal.wait(20) == (0 if typed == "dba" else 3)
    finally:
        terminal.close()
    assert found_in(bytes(terminal.output)) == set()
    assert written_below(tmp_path) == {}


# --- without a screen ------------------------------------------------------------------------------------------------


def run(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    done = subprocess.run(
        [PROGRAM, *arguments], env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=60
    )
    assert found_in(done.stdout + done.stderr) == set(), done
    return done


def test_without_a_screen(
    guarded: Cluster,
    configured: dict[str, str],
    crowd: "Callable[[int], list[psycopg.Connection[Any]]]",
    tmp_path: Path,
) -> None:
    crowd(2)
    env = configured | {"PGHEADROOM_DEBUG": "1"}
    over_tcp = guarded.conninfo("dba", tcp=True)
    everybody = ("--application", "crowd")
    for code, *arguments in (
        (0, "--help"),
        (0, "snapshot", "production"),
        (0, "snapshot", "--format", "json", "production"),
        (0, "terminate", *everybody, "production"),
        (0, "cancel", *everybody, "--format", "json", "--yes", "production"),
        (0, "terminate", *everybody, "--format", "json", "--yes", "production"),
        (0, "snapshot", f"{over_tcp} password={SECRETS['dba']}"),
        (3, "snapshot", f"{over_tcp} password={SECRETS['wrong']}"),
        (
            3,
            "snapshot",
            f"{over_tcp} password={SECRETS['wrong']}",
            "--door",
            f"user=rescue password={SECRETS['wrong']}",
        ),
        (3, "terminate", *everybody, f"postgresql://dba:{SECRETS['wrong']}@127.0.0.1:{guarded.port}/postgres"),
        (2, "snapshot", f"{over_tcp} password={SECRETS['wrong']} nonsense=1"),
    ):
        assert run(env, *arguments).returncode == code, arguments
    assert run(env | {"PGPASSWORD": SECRETS["dba"]}, "snapshot", over_tcp).returncode == 0
    assert run(env | {"PGPASSWORD": SECRETS["wrong"]}, "snapshot", over_tcp).returncode == 3
    doors = {"PGHEADROOM_DOOR": f"user=rescue password={SECRETS['rescue']}"}
    assert run(env | doors, "snapshot", "-w", guarded.conninfo("dba", tcp=True)).returncode == 0
    assert (tmp_path / "state" / "pgheadroom" / "actions.jsonl").exists()
    assert written_below(tmp_path) == {}


# --- when we have made a mistake -------------------------------------------------------------------------------------

FAULTS = {
    "key": "app.Monitor.action_pause = boom",
    "drawing": "overview.Overview.show = boom",
    "worker": "app.Incoming.take = boom",
    "opening": "source.LiveSource.open = boom",
}
FAULTY = """
import sys
from pgheadroom.live import source
from pgheadroom.cli import main
from pgheadroom.tui import app
from pgheadroom.tui.screens import overview
def boom(self, *others):
    conninfo = "user=dba password={secret}"
    raise ValueError(f"{secret} in {{conninfo}}")
{fault}
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("debug", ["0", "1"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_ours(guarded: Cluster, configured: dict[str, str], tmp_path: Path, fault: str, debug: str) -> None:
    script = tmp_path / "config" / "faulty.py"
    script.write_text(FAULTY.format(fault=FAULTS[fault], secret=SECRETS["dba"]))
    terminal = Terminal([sys.executable, script, "production"], configured | {"PGHEADROOM_DEBUG": debug})
    try:
        if fault == "key":
            terminal.wait_for("SLOTS").press("p")
        assert terminal.wait() == 70
    finally:
        terminal.close()
    script.unlink()
    assert found_in(bytes(terminal.output)) == set()
    assert (b"Traceback" in terminal.output) is (debug == "1")
    assert b"unexpected ValueError: *** in user=dba password=***" in terminal.output.replace(b"\r\n", b"")
    assert written_below(tmp_path) == {}
