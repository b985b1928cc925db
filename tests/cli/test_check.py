"""`pgheadroom check` on real servers: in trouble, full, of another language, and silent."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgheadroom.cli import main
from pgheadroom.demo.servers.bouncer import Bouncer
from pgheadroom.demo.servers.cluster import Cluster
from servers import Roles, Sessions, usable, wait_until


@pytest.fixture(autouse=True)
def own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads the user's configuration or variables."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("PGHEADROOM_CONFIG", "PGHEADROOM_DOOR", "PGHEADROOM_PGBOUNCER"):
        monkeypatch.delenv(name, raising=False)


Check = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Check:
    """Runs it: the exit code, and the lines of its standard output."""

    def run(*arguments: str) -> tuple[int, list[str]]:
        # Long, so that a busy machine is no silent server.
        code = main(["check", "--timeout", "60s", *arguments])
        return code, capsys.readouterr().out.splitlines()

    return run


def test_a_calm_server_is_ok_with_its_numbers(server: Cluster, check: Check) -> None:
    code, lines = check(server.conninfo())
    assert (code, lines[0].split(" - ")[0]) == (0, "OK")
    assert f"of {usable(server.major)} slots used" in lines[0]
    assert f";0;{usable(server.major)} fullest_limit=" in lines[0]


def test_each_status_has_its_exit_code(one_server: Cluster, role: Roles, sessions: Sessions, check: Check) -> None:
    name = role("we|ird\n", limit=4)
    sessions(3, name)
    server = one_server.conninfo()
    assert check(server, "--metric", "limit", "-w", "3", "-c", "4")[0] == 1
    code, lines = check(server, "--metric", "limit", "-w", "50%", "-c", "-1")
    assert code == 2
    assert "fullest limit 75% (role we/ird )" in lines[0]
    assert lines[0].count("|") == 1
    assert check(server, "--limit", "100%,101%", "--metric", "limit_usage_percent")[0] == 0
    role("nosy")
    code, lines = check(one_server.conninfo("nosy"), "--metric", "usage")
    assert (code, lines[0][:10]) == (3, "UNKNOWN - ")


def test_a_full_limit_is_critical_and_named_although_nothing_else_is_seen(
    one_server: Cluster, role: Roles, sessions: Sessions, check: Check
) -> None:
    sessions(2, role("app", limit=2))
    code, lines = check(one_server.conninfo("app", tcp=True))
    assert code == 2
    assert "no room at app@" in lines[0]
    assert "the role's CONNECTION LIMIT is reached (app)" in lines[0]
    # Another door opens: the first is full all the same.
    code, lines = check(one_server.conninfo("app", tcp=True), "--door", one_server.conninfo(), "--format", "json")
    told = json.loads("\n".join(lines))
    assert (code, told["exit"], told["status"]) == (2, 2, "CRITICAL")
    assert [(one["limit"], one["name"]) for one in told["refusals"]] == [("role", "app")]
    assert told["measures"][0]["label"] == "used_slots"


def test_a_server_without_a_slot_is_critical(server: Cluster, role: Roles, sessions: Sessions, check: Check) -> None:
    sessions.fill(role("web"))
    code, lines = check(server.conninfo("web", tcp=True))
    assert code == 2
    # As root the machine's own socket may let us in as postgres; then it is said as well.
    assert "slots for superusers are left" in lines[0] or "only reserved slots are left" in lines[0]


@pytest.fixture
def refusing(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of a server that answers every login with one error."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                client.settimeout(20)
                said = client.recv(4096)
                if said[4:8] == b"\x04\xd2\x16\x2f":  # SSLRequest
                    client.sendall(b"N")
                    client.recv(4096)
                fields = b"".join(key + text.encode() + b"\0" for key, text in request.param.items()) + b"\0"
                client.sendall(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(20)


_FATAL = {b"S": "FATAL", b"V": "FATAL", b"F": "proc.c", b"L": "1"}


@pytest.mark.parametrize(
    ("refusing", "status", "told"),
    [
        (_FATAL | {b"C": "53300", b"M": "もう接続できません|a=1;2", b"R": "InitProcess"}, 2, "no slot is left"),
        (_FATAL | {b"C": "53300", b"M": "zu viele Verbindungen von Rolle »web«", b"R": "InitializeSessionUserId"}, 2,
         "CONNECTION LIMIT is reached (web)"),
        (_FATAL | {b"C": "08P01", b"M": "no more connections allowed (max_client_conn)"}, 2, "the pooler is full"),
        (_FATAL | {b"C": "28P01", b"M": 'password authentication failed for user "web"', b"R": "auth_failed"}, 3,
         "password authentication failed"),
    ],
    indirect=["refusing"],
)  # fmt: skip
def test_no_room_in_any_language_and_at_any_door_is_critical_and_a_refused_login_unknown(
    refusing: int, status: int, told: str, check: Check
) -> None:
    code, lines = check(f"host=127.0.0.1 port={refusing} user=web dbname=shop sslmode=disable gssencmode=disable")
    assert code == status
    assert told in lines[0]
    assert not any("|" in line for line in lines)


def test_a_pool_that_waits_is_found(one_server: Cluster, bouncer: Bouncer, check: Check) -> None:
    client = bouncer.conninfo("postgres", "postgres")
    held = [psycopg.connect(client, prepare_threshold=None) for _ in range(3)]
    for one in held:
        one.execute("SELECT 1")
    waiting: list[Any] = []
    thread = threading.Thread(target=lambda: waiting.append(_ask(client)), daemon=True)
    thread.start()
    console = ["--pgbouncer", bouncer.console()]
    try:
        metrics = ["--metric", "pool_clients_waiting", "--metric", "pool_maxwait"]
        asked = (one_server.conninfo(), *console, *metrics, "--pool-maxwait", "1h,2h")
        seen: list[tuple[int, list[str]]] = []

        def waits() -> bool:
            seen.append(check(*asked))
            return seen[-1][0] == 1

        wait_until(waits, "a client waits for the pool", 60)
        assert "waiting for a pool 1 (pool postgres/postgres of" in seen[-1][1][0]
        assert "pool_clients_waiting=1;0;9;0" in seen[-1][1][0]
    finally:
        for one in held:
            one.close()
        thread.join(60)
    assert waiting == [1]


def _ask(client: str) -> Any:
    with psycopg.connect(client, prepare_threshold=None) as connection:
        row = connection.execute("SELECT 1").fetchone()
        assert row is not None
        return row[0]


def test_silence_is_unknown_or_what_the_user_wants(check: Check, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = ["-h", "127.0.0.1", "-p", str(silent.getsockname()[1]), "-U", "web"]
        code, lines = check(*place, "--timeout", "0.3s")
        assert (code, lines) == (3, ["UNKNOWN - no answer within 0.3 s"])
        assert check(*place, "--timeout", "0.3s", "--on-timeout", "critical")[0] == 2


def test_all_targets_are_checked_side_by_side_the_worst_first(
    one_server: Cluster, tmp_path: Path, check: Check
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(
        f'[targets.good]\nconninfo = "{one_server.conninfo()}"\n'
        f'[targets.down]\nconninfo = "host={tmp_path} user=web"\n'
        f'[targets.tight]\nconninfo = "{one_server.conninfo()}"\n[targets.tight.thresholds]\nusage = [0, 1]\n'
    )
    code, lines = check("--all", "--config", str(file))
    assert code == 2
    assert lines[0].startswith("CRITICAL - 3 targets: 1 CRITICAL, 1 UNKNOWN, 1 OK | good.used_slots=")
    assert [line.split(":")[0] for line in lines[1:]] == ["CRITICAL - tight", "UNKNOWN - down", "OK - good"]
    code, lines = check("--all", "--config", str(file), "--format", "json")
    assert [one["target"] for one in json.loads("\n".join(lines))["targets"]] == ["tight", "down", "good"]


def test_what_needs_the_time_before_is_known_after_watching(one_server: Cluster, check: Check) -> None:
    code, lines = check(one_server.conninfo(), "--watch", "0.4s", "-i", "0.2", "--metric", "until_full")
    assert (code, lines[1]) == (0, "OK: time until full -, warning from 10m, critical from 2m00s")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--metrik", "usage"],
        ["--metric", "speed"],
        ["--metric", "until_full"],
        ["--metric", "pool_maxwait"],
        ["--metric", "usage", "--metric", "limit", "-w", "5"],
        ["--usage", "90%,80%"],
        ["-w", "much"],
        ["--on-timeout", "ok"],
        ["--all"],
        ["-p", "none"],
        ["a", "b", "c"],
        ["--config", "/nonexistent"],
    ],
)
def test_wrong_use_is_unknown_in_one_line(arguments: list[str], check: Check) -> None:
    code, lines = check(*arguments)
    assert (code, len(lines)) == (3, 1)
    assert lines[0].startswith("UNKNOWN - ")


def test_a_mistake_of_ours_is_unknown_too(check: Check, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    def broken(_: object) -> int:
        raise RuntimeError("never seen | before")

    monkeypatch.setattr("pgheadroom.cli.check.check", broken)
    assert check("anything") == (3, ["UNKNOWN - unexpected RuntimeError"])
