"""`pgheadroom terminate` and `cancel` on real servers: who is hit, who is not, what is said and written down."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgheadroom.cli import main
from pgheadroom.demo.servers.bouncer import Bouncer
from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.errors import NoConnection
from pgheadroom.live.source import LiveSource
from pgheadroom.model.action import Result
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.rules.acting.outcome import WATCHED_SECONDS
from servers import Roles, Sessions, fetch, wait_until

SLOW = "SELECT pg_sleep(60)"


pytestmark = pytest.mark.usefixtures("own_files", "a_short_watch")


@pytest.fixture
def operator(role: Roles, which_server: Cluster) -> str:
    """A conninfo of a role as the README makes it."""
    role("operator", member_of=["pg_monitor", "pg_signal_backend"])
    return which_server.conninfo("operator")


def alive(connections: "Sequence[psycopg.Connection[Any]]") -> list[bool]:
    return [_answers(connection) for connection in connections]


def _answers(connection: "psycopg.Connection") -> bool:
    try:
        connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def test_without_yes_nothing_is_signalled(
    server: Cluster,
    role: Roles,
    sessions: Sessions,
    operator: str,
    audited: Callable[[], list[dict[str, Any]]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    victims = sessions(3, role("web"), application_name="leak")
    assert main(["terminate", "--application", "leak", operator]) == 0
    printed = capsys.readouterr()
    assert "3 sessions: frees 3 slots" in printed.out
    assert all(str(victim.info.backend_pid) in printed.out for victim in victims)
    assert "add --yes" in printed.err
    assert alive(victims) == [True] * 3
    assert audited() == []


def test_dry_run_wins_over_yes(
    role: Roles, sessions: Sessions, operator: str, audited: Callable[[], list[dict[str, Any]]]
) -> None:
    victims = sessions(1, role("web"), application_name="leak")
    assert main(["terminate", "--application", "leak", "--yes", "--dry-run", operator]) == 0
    assert alive(victims) == [True]
    assert audited() == []


def test_with_yes_exactly_those_are_ended_and_it_is_written_down(
    server: Cluster,
    role: Roles,
    sessions: Sessions,
    operator: str,
    audited: Callable[[], list[dict[str, Any]]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    victims = sessions(3, role("web"), application_name="leak")
    others = sessions(2, "web", application_name="other")
    pids = {victim.info.backend_pid for victim in victims}
    assert main(["terminate", "--application", "leak", "--yes", operator]) == 0
    assert "3 freed" in capsys.readouterr().out
    assert alive(victims) == [False] * 3
    assert alive(others) == [True] * 2
    before, after = audited()
    assert {target["pid"] for target in before["targets"]} == pids
    assert {result["pid"]: result["outcome"] for result in after["results"]} == dict.fromkeys(
        pids, "signalled and gone"
    )
    assert before["chosen_by"] == "app=leak"
    assert before["door_user"] == "operator"


def test_the_same_names_in_other_letters_are_other_sessions(
    role: Roles, sessions: Sessions, superuser: "psycopg.Connection[Any]", operator: str
) -> None:
    for name in ("app", "APP", "aPP"):
        role(name)
    superuser.execute('CREATE DATABASE "Shop"')
    others = [*sessions(1, "APP"), *sessions(1, "aPP"), *sessions(1, "app", application_name="Billing")]
    others += sessions(1, "app", dbname="Shop", application_name="billing")
    mine = sessions(1, "app", application_name="billing")
    assert (
        main(["terminate", "--user", "app", "--database", "postgres", "--application", "billing*", "--yes", operator])
        == 0
    )
    assert (alive(mine), alive(others)) == ([False], [True] * 4)
    assert main(["terminate", "--user", "app", "--yes", operator]) == 0
    assert alive(others) == [True, True, False, False]
    superuser.execute('DROP DATABASE "Shop"')


def test_json_tells_the_same(
    role: Roles, sessions: Sessions, operator: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (victim,) = sessions(1, role("web"), application_name="leak")
    pid = victim.info.backend_pid
    assert main(["terminate", "--user", "web", "--format", "json", operator]) == 0
    preview = json.loads(capsys.readouterr().out)
    assert (preview["count"], preview["slots_freed"], preview["signalled"]) == (1, 1, False)
    assert preview["targets"][0]["pid"] == pid
    assert main(["terminate", "--user", "web", "--format", "json", "--yes", operator]) == 0
    done = json.loads(capsys.readouterr().out)
    assert done["signalled"] is True
    assert [(result["pid"], result["outcome"]) for result in done["results"]] == [(pid, "signalled and gone")]
    assert done["targets"][0]["backend_start"] == done["results"][0]["backend_start"]


def test_a_filter_that_matches_ourselves_and_superusers_spares_them(
    server: Cluster, role: Roles, sessions: Sessions, operator: str, capsys: pytest.CaptureFixture[str]
) -> None:
    victims = sessions(1, role("web"))
    superusers = sessions(1)
    assert main(["terminate", "--database", "postgres", "--yes", operator]) == 0
    printed = capsys.readouterr().out
    assert "it is our own session" in printed
    assert "it is a superuser's" in printed
    assert alive(victims) == [False]
    assert alive(superusers) == [True]


def test_a_superuser_is_ended_only_by_name_and_by_a_superuser(
    which_server: Cluster, role: Roles, sessions: Sessions, operator: str
) -> None:
    role("chief", "SUPERUSER")
    victims = sessions(1, "chief")
    boss = which_server.conninfo()
    assert main(["terminate", "--include-superusers", "--state", "idle", "--yes", boss]) == 2
    assert main(["terminate", "--user", "chief", "--yes", boss]) == 0
    assert alive(victims) == [True]
    assert main(["terminate", "--user", "chief", "--include-superusers", "--yes", operator]) == 1
    assert alive(victims) == [True]
    assert main(["terminate", "--user", "chief", "--include-superusers", "--yes", boss]) == 0
    assert alive(victims) == [False]


def test_protected_roles_of_the_configuration_are_spared(
    tmp_path: Path, role: Roles, sessions: Sessions, operator: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config" / "pgheadroom" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'[targets.here]\nconninfo = "{operator}"\nprotected_roles = ["payments"]\n')
    kept, ended = sessions(1, role("payments")), sessions(1, role("web"))
    assert main(["terminate", "--filter", "user:payments,web", "--yes", "here"]) == 0
    assert "protected by the configuration" in capsys.readouterr().out
    assert (alive(kept), alive(ended)) == ([True], [False])


def test_the_limit_takes_the_oldest_first(
    role: Roles, sessions: Sessions, operator: str, capsys: pytest.CaptureFixture[str]
) -> None:
    role("web")
    oldest = sessions(1, "web", application_name="leak")
    oldest[0].execute("SELECT 1")
    younger = sessions(3, "web", application_name="leak")
    for victim in younger:
        victim.execute("SELECT 1")
    assert main(["terminate", "--application", "leak", "--limit", "1", "--yes", operator]) == 0
    assert "3 sessions more beyond --limit" in capsys.readouterr().out
    assert (alive(oldest), alive(younger)) == ([False], [True] * 3)


def test_a_duration_spares_the_young(
    role: Roles, sessions: Sessions, operator: str, capsys: pytest.CaptureFixture[str]
) -> None:
    victims = sessions(1, role("web"))
    victims[0].execute("SELECT 1")
    assert main(["terminate", "--idle-longer", "1h", "--yes", operator]) == 0
    assert "no session to signal" in capsys.readouterr().out
    assert alive(victims) == [True]


def test_cancel_ends_the_query_and_not_the_session(
    server: Cluster,
    role: Roles,
    sessions: Sessions,
    superuser: "psycopg.Connection[Any]",
    operator: str,
    audited: Callable[[], list[dict[str, Any]]],
) -> None:
    (victim,) = sessions(1, role("web"), application_name="slow")
    ended: list[str] = []

    def run() -> None:
        try:
            victim.execute(SLOW)
        except psycopg.errors.QueryCanceled as error:
            ended.append(error.sqlstate or "")

    running = threading.Thread(target=run)
    running.start()
    active = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'slow' AND state = 'active'"
    wait_until(lambda: fetch(superuser, active) == 1, "the query runs")
    assert main(["cancel", "--application", "slow", "--yes", operator]) == 0
    running.join(10)
    assert ended == ["57014"]
    assert alive([victim]) == [True]
    assert audited()[-1]["results"][0]["outcome"] == "its query was stopped"


def test_cancel_leaves_idle_sessions_out(
    role: Roles, sessions: Sessions, operator: str, capsys: pytest.CaptureFixture[str]
) -> None:
    victims = sessions(1, role("web"), application_name="leak")
    assert main(["cancel", "--application", "leak", "--yes", operator]) == 0
    assert "it runs no query to cancel" in capsys.readouterr().out
    assert alive(victims) == [True]


def comes_back(which_server: Cluster, opened: "list[psycopg.Connection[Any]]", after: float) -> threading.Thread:
    """An application that connects again some seconds after it has lost its session."""

    def run() -> None:
        with suppress(psycopg.OperationalError):
            opened[0].execute(SLOW)
        time.sleep(after)
        opened.append(psycopg.connect(which_server.conninfo("web"), application_name="pool", autocommit=True))

    running = threading.Thread(target=run)
    running.start()
    return running


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_slot_that_is_taken_again_within_the_watch_is_told(
    whole_watch: None,
    form: str,
    which_server: Cluster,
    role: Roles,
    sessions: Sessions,
    superuser: "psycopg.Connection[Any]",
    operator: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As on the screen: not after one look, at which everybody is gone and nobody back yet."""
    opened = sessions(1, role("web"), application_name="pool")
    running = comes_back(which_server, opened, 2.0)
    active = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pool' AND state = 'active'"
    wait_until(lambda: fetch(superuser, active) == 1, "the query runs")
    assert main(["terminate", "--application", "pool", "--format", form, "--yes", operator]) == 0
    running.join(10)
    opened[1].close()
    printed = capsys.readouterr().out
    if form == "text":
        assert "terminate: 1 freed, 1 retaken by pool in " in printed
        return
    slots = json.loads(printed)["slots"]
    assert (slots["freed"], slots["retaken"], slots["watched_to_the_end"]) == (1, 1, True)


def test_a_link_that_is_lost_while_it_watches_leaves_what_was_seen_until_then(
    whole_watch: None,
    role: Roles,
    sessions: Sessions,
    operator: str,
    audited: Callable[[], list[dict[str, Any]]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (victim,) = sessions(1, role("web"), application_name="leak")
    looked, looks = LiveSource.sample_once, []

    async def three_times(self: LiveSource, *arguments: Any) -> Snapshot:
        looks.append(1)
        if len(looks) > 3:
            raise NoConnection("the connection is lost")
        return await looked(self, *arguments)

    monkeypatch.setattr(LiveSource, "sample_once", three_times)
    assert main(["terminate", "--application", "leak", "--yes", operator]) == 0
    printed = capsys.readouterr()
    assert "1 freed, none retaken yet" in printed.out
    assert "what became of them since is not known: the connection is lost" in printed.err
    assert [result["outcome"] for result in audited()[-1]["results"]] == ["signalled and gone"]
    assert alive([victim]) == [False]


def test_a_link_that_is_lost_before_the_first_look_is_no_session_that_is_still_there(
    role: Roles,
    sessions: Sessions,
    operator: str,
    audited: Callable[[], list[dict[str, Any]]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sessions(1, role("web"), application_name="leak")
    looked, looks = LiveSource.sample_once, []

    async def once(self: LiveSource, *arguments: Any) -> Snapshot:
        looks.append(1)
        if len(looks) > 1:
            raise NoConnection("the connection is lost")
        return await looked(self, *arguments)

    monkeypatch.setattr(LiveSource, "sample_once", once)
    assert main(["terminate", "--application", "leak", "--yes", operator]) == 1
    printed = capsys.readouterr().out
    assert "terminate: 1 signalled" in printed
    assert "still there" not in printed
    assert [result["outcome"] for result in audited()[-1]["results"]] == ["signalled"]


@pytest.fixture
def before_the_signal(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Has something happen between the look and the signal."""

    def arrange(happens: Callable[[], object]) -> None:
        signalled = LiveSource.signal

        async def late(self: LiveSource, *arguments: Any, **others: Any) -> list[Result]:
            happens()
            return await signalled(self, *arguments, **others)

        monkeypatch.setattr(LiveSource, "signal", late)

    return arrange


@pytest.mark.parametrize(
    ("flags", "happens", "told"),
    [
        (["--application", "leak"], "SET application_name = 'Leak'", "its application has another name now"),
        (["--state", "idle"], "BEGIN; CREATE TEMP TABLE t (i int)", "it is in another state now"),
        (["--filter", "state:idle age>0s query:first"], "SELECT 2", "it runs another query now"),
    ],
)
def test_whoever_does_not_match_any_more_is_left_alone(
    server: Cluster,
    role: Roles,
    sessions: Sessions,
    operator: str,
    audited: Callable[[], list[dict[str, Any]]],
    capsys: pytest.CaptureFixture[str],
    before_the_signal: Callable[[Callable[[], object]], None],
    flags: Sequence[str],
    happens: str,
    told: str,
) -> None:
    (victim,) = sessions(1, role("web"), application_name="leak")
    victim.execute("SELECT 1 AS first")
    before_the_signal(lambda: victim.execute(happens))
    assert main(["terminate", *flags, "--user", "web", "--yes", operator]) == 1
    assert f"changed before; {told}" in capsys.readouterr().out
    assert audited()[-1]["results"][0]["outcome"] == "changed before"
    assert alive([victim]) == [True]


def test_a_pools_ping_in_between_changes_nothing(
    role: Roles, sessions: Sessions, operator: str, before_the_signal: Callable[[Callable[[], object]], None]
) -> None:
    (victim,) = sessions(1, role("web"), application_name="leak")
    before_the_signal(lambda: victim.execute("SELECT 1"))
    assert main(["terminate", "--application", "leak", "--state", "idle", "--yes", operator]) == 0
    assert alive([victim]) == [False]


def test_the_sessions_of_a_dropped_role_are_shown_and_ended(
    server: Cluster,
    role: Roles,
    sessions: Sessions,
    superuser: "psycopg.Connection[Any]",
    operator: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    victims = sessions(2, role("token"), application_name="vault")
    role.made.remove("token")
    superuser.execute("DROP ROLE token")
    assert main(["snapshot", operator]) == 0
    assert "2 sessions of a role that was dropped" in capsys.readouterr().out
    assert main(["terminate", "--application", "vault", operator]) == 0
    assert "2 sessions: frees 2 slots" in capsys.readouterr().out
    assert main(["terminate", "--application", "vault", "--yes", operator]) == 0
    assert "2 freed" in capsys.readouterr().out
    assert alive(victims) == [False] * 2


def test_a_role_that_was_given_a_protected_name_a_moment_ago_is_spared(
    tmp_path: Path,
    role: Roles,
    sessions: Sessions,
    superuser: "psycopg.Connection[Any]",
    operator: str,
    before_the_signal: Callable[[Callable[[], object]], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = tmp_path / "config" / "pgheadroom" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'[targets.here]\nconninfo = "{operator}"\nprotected_roles = ["payments"]\n')
    (victim,) = sessions(1, role("web"), application_name="shop")
    before_the_signal(lambda: superuser.execute("ALTER ROLE web RENAME TO payments"))
    role.made.append("payments")
    assert main(["terminate", "--application", "shop", "--yes", "here"]) == 1
    role.made.remove("web")
    assert "its role is protected by the configuration" in capsys.readouterr().out
    assert alive([victim]) == [True]


def test_what_cannot_be_known_did_not_happen_and_is_not_exit_0(
    role: Roles, sessions: Sessions, operator: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (victim,) = sessions(1, role("web"), application_name="leak")
    looked = LiveSource.sample_once

    async def without_roles(self: LiveSource, *arguments: Any) -> Snapshot:
        return replace(await looked(self, *arguments), roles={})

    monkeypatch.setattr(LiveSource, "sample_once", without_roles)
    assert main(["terminate", "--application", "leak", "--yes", operator]) == 1
    assert "whether its role is a superuser is not known" in capsys.readouterr().out
    assert alive([victim]) == [True]


def test_a_role_without_the_grant_is_told_which_and_the_exit_is_1(
    server: Cluster,
    role: Roles,
    sessions: Sessions,
    audited: Callable[[], list[dict[str, Any]]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    victims = sessions(1, role("web"))
    role("watcher", member_of=["pg_monitor"])
    assert main(["terminate", "--user", "web", "--yes", server.conninfo("watcher")]) == 1
    printed = capsys.readouterr()
    assert "GRANT pg_signal_backend" in printed.out
    assert "Traceback" not in printed.err
    assert alive(victims) == [True]
    assert audited()[-1]["results"][0]["outcome"] == "refused"


def test_a_role_that_sees_nobody_says_so(
    server: Cluster, role: Roles, sessions: Sessions, capsys: pytest.CaptureFixture[str]
) -> None:
    victims = sessions(1, role("web"))
    role("stranger")
    assert main(["terminate", "--user", "web", "--yes", server.conninfo("stranger")]) == 1
    assert "GRANT" in capsys.readouterr().err
    assert alive(victims) == [True]


def test_a_member_of_the_targets_role_may_end_its_sessions(server: Cluster, role: Roles, sessions: Sessions) -> None:
    victims = sessions(1, role("web"))
    role("owner", member_of=["web"])
    assert main(["terminate", "--user", "web", "--yes", server.conninfo("owner")]) == 0
    assert alive(victims) == [False]


def test_read_only_forbids_and_is_written_down(
    role: Roles,
    sessions: Sessions,
    operator: str,
    audited: Callable[[], list[dict[str, Any]]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    victims = sessions(1, role("web"))
    assert main(["terminate", "--user", "web", "--yes", "--read-only", operator]) == 2
    assert "read-only" in capsys.readouterr().err
    assert alive(victims) == [True]
    (line,) = audited()
    assert (line["event"], line["reason"], line["chosen_by"]) == ("refused", "read-only", "user=web")
    assert main(["terminate", "--user", "web", "--read-only", operator]) == 0


def test_without_an_audit_file_nothing_is_signalled_unless_that_is_wanted(
    tmp_path: Path, role: Roles, sessions: Sessions, operator: str, capsys: pytest.CaptureFixture[str]
) -> None:
    victims = sessions(1, role("web"))
    (tmp_path / "state").write_text("in the way")
    assert main(["terminate", "--user", "web", "--yes", operator]) == 1
    assert "nothing was signalled" in capsys.readouterr().err
    assert alive(victims) == [True]
    assert main(["terminate", "--user", "web", "--yes", "--no-audit", operator]) == 0
    assert "not recorded" in capsys.readouterr().err
    assert alive(victims) == [False]


def test_a_hostile_name_does_not_reach_the_terminal(
    role: Roles, sessions: Sessions, operator: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sessions(1, role("web"), application_name="\x1b]0;PWNED\x07[/red]")
    assert main(["terminate", "--user", "web", operator]) == 0
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "\x07" not in printed


def test_as_a_process_it_loads_no_screens(one_server: Cluster, role: Roles, sessions: Sessions) -> None:
    role("operator", member_of=["pg_monitor", "pg_signal_backend"])
    sessions(1, role("web"))
    loaded = (
        "import sys; from pgheadroom.cli import main; code = main(sys.argv[1:]);"
        "print([name for name in ('textual', 'rich', 'plotext') if name in sys.modules], code, file=sys.stderr)"
    )
    arguments = ["terminate", "--user", "web", "--yes", one_server.conninfo("operator")]
    done = subprocess.run([sys.executable, "-c", loaded, *arguments], capture_output=True, text=True, timeout=60)
    assert done.stderr.splitlines()[-1] == "[] 0"


def test_a_session_that_does_not_end_is_said_to_be_still_there_and_the_exit_is_1(
    whole_watch: None,
    role: Roles,
    sessions: Sessions,
    operator: str,
    audited: Callable[[], list[dict[str, Any]]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    (stuck,) = sessions(1, role("web"), application_name="stuck")
    pid = stuck.info.backend_pid
    os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert main(["terminate", "--application", "stuck", "--yes", operator]) == 1
        assert time.monotonic() - began >= WATCHED_SECONDS
    finally:
        os.kill(pid, signal.SIGCONT)
    printed = capsys.readouterr().out
    assert "1 still there" in printed
    assert f"pid {pid} web@postgres: signalled and still there" in printed
    assert audited()[-1]["results"][0]["outcome"] == "signalled and still there"


def test_a_poolers_server_connections_are_spared_unless_asked_for(
    one_server: Cluster,
    new_bouncer: Callable[..., Bouncer],
    role: Roles,
    operator: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    role("web")
    upstream = f"host={one_server.folder} port={one_server.port} dbname=postgres"
    users = {"web": "", "admin": ""}
    bouncer = new_bouncer({"postgres": upstream}, users=users, hba="local all all trust\n")
    console = bouncer.console()
    with psycopg.connect(bouncer.conninfo("web", "postgres"), autocommit=True, prepare_threshold=None) as client:
        client.execute("SELECT 1")
        arguments = ["terminate", "--user", "web", "--yes", "--pgbouncer", console, operator]
        assert main(arguments) == 0
        printed = capsys.readouterr().out
        assert "it is a pooler's server connection" in printed
        assert "no session to signal" in printed
        assert main([*arguments, "--include-poolers"]) == 0
        printed = capsys.readouterr().out
        assert "1 freed" in printed
        assert "whichever client uses the connection" in printed


def test_ending_our_own_link_while_we_act_leaves_no_doubt_in_the_audit_file(
    one_server: Cluster,
    role: Roles,
    sessions: Sessions,
    operator: str,
    audited: Callable[[], list[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The server goes down between the look and the signal: the file says that the outcome is not known."""
    sessions(1, role("web"))

    async def lost(*_: object, **__: object) -> None:
        raise NoConnection("the connection is lost")

    monkeypatch.setattr("pgheadroom.live.source.LiveSource.signal", lost)
    assert main(["terminate", "--user", "web", "--yes", operator]) == 3
    assert "the connection is lost" in capsys.readouterr().err
    before, after = audited()
    assert before["action"] == after["action"]
    assert [result["outcome"] for result in after["results"]] == ["unknown"]


def test_ctrl_c_while_it_waits_still_tells_the_audit_file_what_was_known(
    role: Roles,
    sessions: Sessions,
    operator: str,
    audited: Callable[[], list[dict[str, Any]]],
    superuser: "psycopg.Connection[Any]",
) -> None:
    (stuck,) = sessions(1, role("web"), application_name="stuck")
    pid = stuck.info.backend_pid
    os.kill(pid, signal.SIGSTOP)
    try:
        arguments = [sys.executable, "-m", "pgheadroom", "terminate", "--application", "stuck", "--yes", operator]
        acting = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_until(lambda: len(audited()) == 1, "it is intended")
        time.sleep(0.5)
        acting.send_signal(signal.SIGINT)
        _, said = acting.communicate(timeout=10)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert acting.returncode == 130
    assert "Traceback" not in said
    # Whether it had its first look depends on how busy the machine is.
    (result,) = audited()[-1]["results"]
    assert result["outcome"] in {"signalled", "signalled and still there"}
