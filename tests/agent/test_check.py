"""`check` through the agent: what it says of what the agent has seen, and of an agent that is in trouble itself."""

import json
import socket
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pgheadroom.agent.client import place_of_agent
from pgheadroom.agent.serving import Pages, Server
from pgheadroom.agent.verdicts import told
from pgheadroom.agent.watched import Watched
from pgheadroom.agent.web_config import WebConfig
from pgheadroom.cli import main
from pgheadroom.live.source import LiveSource
from pgheadroom.model.refusal import Hindrance, Refusal, RefusedBy
from pgheadroom.model.snapshot import Role
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.model.update import Trouble, Update, Waiting
from samples import NOW, many, roles, snapshot

SECRET = "$2b$04$kZXDx01EwcdqHlPHsW/77OrpKmTdVJB3QnL09AUFPiReeD2QH81cu"
FULL = Refusal("web@db1", RefusedBy.SERVER, "", "53300", "no", NOW, Hindrance.NO_ROOM)


def watched(name: str, *updates: Update, held: bool = True) -> Watched:
    doors = SimpleNamespace(refusals=(), attempts=1, refused={})
    attempts = SimpleNamespace(attempts=SimpleNamespace(doors=doors))
    source = SimpleNamespace(connected=held, interval=1.0, reconnection=attempts)
    one = Watched(name, cast(LiveSource, source), Thresholds(), 5)
    for update in updates:
        one._take(update)
    return one


CALM = snapshot(many(20), roles=roles(Role("web", False, -1)))
NO_ROOM = Trouble("no room", NOW, 1, Waiting(NOW, 1, (FULL,), advice=("ask for more",)))
Check = Callable[..., tuple[int, list[str]]]
Serve = Callable[..., str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts an agent of these targets: where it listens."""
    running: list[Server] = []

    def start(*every: Watched, config: WebConfig | None = None, answer: Any = None) -> str:
        def check(only: Collection[str]) -> Any:
            return told(every, only) if answer is None else answer

        server = Server(("127.0.0.1", 0), Pages(lambda _: (b"", ""), lambda: True, check), config or WebConfig())
        server.start()
        running.append(server)
        return f"127.0.0.1:{server.server_address[1]}"

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    def run(*arguments: str) -> tuple[int, list[str]]:
        code = main(["check", "--timeout", "60s", *arguments])
        return code, capsys.readouterr().out.splitlines()

    return run


@pytest.mark.parametrize(
    ("update", "held", "code", "first"),
    [
        (CALM, True, 0, "OK - t: 20 of 97 slots used (21%) | used_slots=20;77;87;0;97 "),
        (snapshot(many(95)), True, 2, "CRITICAL - t: 95 of 97 slots used"),
        (NO_ROOM, False, 2, "CRITICAL - t: no room at web@db1: "),
        (Trouble("no answer for 3 s", NOW), True, 3, "UNKNOWN - t: the agent has no sample: no answer for 3 s"),
        (Trouble("login | refused\n", NOW, 1), False, 3, "UNKNOWN - t: the agent has no sample: login / refused"),
        (None, False, 3, "UNKNOWN - t: the agent has no sample: it has only begun to ask"),
    ],
)
def test_each_state_of_a_target_has_its_status(
    update: Update | None, held: bool, code: int, first: str, serve: Serve, check: Check
) -> None:
    at = serve(watched("t", *([] if update is None else [CALM, update]), held=held))
    found, lines = check("--agent", at)
    assert found == code
    assert lines[0].startswith(first)
    assert lines[-1].startswith(f"through the agent at http://{at}: ")
    assert all("|" not in line for line in lines[1:])
    if update is NO_ROOM:
        assert "ask for more" in lines
    silent = update is not None and "no answer" in getattr(update, "reason", "")
    assert check("--agent", at, "--on-timeout", "critical")[0] == (2 if silent else code)


def test_an_agent_whose_sample_is_old_knows_nothing_of_now(
    serve: Serve, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = serve(watched("t", CALM))
    monkeypatch.setattr("time.monotonic", lambda before=time.monotonic: before() + 40)
    code, lines = check("--agent", at)
    assert (code, lines[0]) == (3, "UNKNOWN - t: the agent's newest sample is 40 s old")


def test_one_of_several_targets_or_all_the_worst_first(serve: Serve, check: Check) -> None:
    at = serve(watched("good", CALM), watched("full", CALM, NO_ROOM))
    assert check("good", "--agent", at)[0] == 0
    code, lines = check("--all", "--agent", at)
    assert (code, [line.split(" - ")[0] for line in lines]) == (2, ["CRITICAL", "CRITICAL", "OK"])
    code, lines = check("--all", "--agent", at, "--format", "json")
    document = json.loads("\n".join(lines))
    assert [(one["target"], one["reason"]) for one in document["targets"]] == [("full", "no_room"), ("good", "")]
    code, lines = check("good", "--agent", at, "--format", "json", "--metric", "usage")
    document = json.loads("\n".join(lines))
    assert [one["metric"] for one in document["health"]] == ["connection_usage_percent"]
    assert document["age_seconds"] >= 0
    for words in ([], ["other"], ["good", "full"]):
        code, lines = check(*words, "--agent", at)
        assert (code, len(lines)) == (3, 1)
        assert "full, good" in lines[0]


@pytest.mark.parametrize(
    "flags", [["--watch", "3s"], ["-w", "80%"], ["--usage", "1,2"], ["-h", "db1"], ["--pgbouncer", "port=6432"]]
)
def test_what_is_the_agents_own_is_refused(flags: list[str], check: Check) -> None:
    code, lines = check("--agent", "127.0.0.1:1", *flags)
    assert (code, len(lines)) == (3, 1)
    assert lines[0].startswith(f"UNKNOWN - {flags[0] if flags[0][1] == '-' else '--'}")


def test_a_metric_that_the_agent_has_not_is_unknown(serve: Serve, check: Check) -> None:
    code, lines = check("--agent", serve(watched("t", CALM)), "--metric", "pool_maxwait")
    assert (code, lines[0]) == (3, "UNKNOWN - t: pool_maxwait_seconds: not known yet, or no PgBouncer is watched")


def test_who_asks_says_who_he_is_by_the_netrc_file(serve: Serve, check: Check, tmp_path: Path) -> None:
    at = serve(watched("t", CALM), config=WebConfig(users={"prometheus": SECRET.encode()}))
    assert check("--agent", at) == (
        3,
        [f"UNKNOWN - the agent at http://{at} answers 401: it wants a name and a password, from ~/.netrc"],
    )
    file = tmp_path / "netrc"
    file.write_text("machine 127.0.0.1 login prometheus password secret\n")
    assert check("--agent", at) == (3, [f"UNKNOWN - {file}: others may read it (chmod 600)"])
    file.chmod(0o600)
    assert check("--agent", at)[0] == 0
    file.write_text("secret")
    assert check("--agent", at) == (3, [f"UNKNOWN - {file}: it cannot be read, or is no netrc file"])


@pytest.mark.parametrize(
    "answer",
    [[], {}, {"targets": [1]}, {"targets": [{"target": "t"}]},
     {"targets": [{"target": "t", "summary": "s", "details": [], "status": "OK", "measures": [{"label": "a"}]}]},
     {"targets": [{"target": "t", "summary": 1, "details": [], "status": "OK", "measures": []}]}],
)  # fmt: skip
def test_what_is_no_agent_is_unknown(answer: Any, serve: Serve, check: Check) -> None:
    code, lines = check("--agent", serve(answer=answer))
    assert (code, len(lines)) == (3, 1)
    assert lines[0].startswith("UNKNOWN - what ")


def test_an_agent_that_is_silent_or_away_is_unknown_with_the_reason(check: Check) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        at = f"127.0.0.1:{silent.getsockname()[1]}"
        code, lines = check("--agent", at, "--timeout", "0.2s")
        assert (code, lines) == (3, [f"UNKNOWN - the agent at http://{at} gives no answer within 0.2 s"])
        assert check("--agent", at, "--timeout", "0.2s", "--on-timeout", "critical")[0] == 2
    code, lines = check("--agent", at)
    assert (code, lines) == (3, [f"UNKNOWN - the agent at http://{at} is not reached: Connection refused"])


def test_places_of_agents() -> None:
    assert str(place_of_agent("db1")) == "http://db1:9899"
    assert str(place_of_agent("https://[::1]:1/a/")) == "https://[::1]:1/a"
    for wrong in ("ftp://db1", "http://", "http://a:b@db1", "db1:99999", "http://db1?x"):
        with pytest.raises(ValueError, match=r"argument|HOST:PORT|[Pp]ort"):
            place_of_agent(wrong)
