"""`pgheadroom hold` on real servers: who is held, what is written down before, and what is let go again."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from pgheadroom.audit import Audit
from pgheadroom.cli import main
from pgheadroom.demo.servers.cluster import SUPERUSER, Cluster
from pgheadroom.live.source import LiveSource
from pgheadroom.model.hold import Change, ChangeResult
from servers import MAJORS, Roles, Sessions, fetch, wait_until

STATE = """SELECT json_agg(x)::text FROM (
    SELECT rolname, rolconnlimit, rolcanlogin, rolsuper, rolcreaterole, rolvaliduntil FROM pg_roles
     WHERE rolname !~ '^pg_' ORDER BY 1) x
    UNION ALL SELECT json_agg(x)::text FROM (SELECT datname, datconnlimit FROM pg_database ORDER BY 1) x
    UNION ALL SELECT json_agg(x)::text FROM (SELECT * FROM pg_db_role_setting ORDER BY 1, 2) x"""

OF_EACH_KIND = MAJORS if os.environ.get("PGHEADROOM_TEST_ALL") else sorted({MAJORS[0], MAJORS[-1]})
"""Versions before and after ADMIN OPTION became a right of its own."""

Audited = Callable[[], list[dict[str, Any]]]

pytestmark = pytest.mark.usefixtures("own_files", "a_short_watch")


@pytest.fixture
def operator(role: Roles, which_server: Cluster, superuser: "psycopg.Connection[Any]") -> str:
    """A conninfo of who may change `web`, `reports` and an odd name, and is no superuser."""
    operator = role("operator", "CREATEROLE", member_of=["pg_monitor", "pg_signal_backend"])
    for name in ("web", "reports", ODD):
        role(name)
        if which_server.major >= 16:
            held = sql.Identifier(name)
            superuser.execute(sql.SQL("GRANT {} TO operator WITH ADMIN TRUE, INHERIT FALSE, SET FALSE").format(held))
    return which_server.conninfo(operator)


TIMEOUT = ["--idle-in-transaction-timeout", "90s"]
ODD = "we\"b'; x é"


def state(superuser: "psycopg.Connection[Any]") -> list[Any]:
    return superuser.execute(STATE).fetchall()


def limit(superuser: "psycopg.Connection[Any]", name: str = "web") -> tuple[int, bool]:
    row = superuser.execute("SELECT rolconnlimit, rolcanlogin FROM pg_roles WHERE rolname = %s", (name,)).fetchone()
    assert row is not None
    return row[0], row[1]


@pytest.mark.parametrize("server", OF_EACH_KIND, indirect=True)
def test_the_cure_that_holds(
    server: Cluster,
    sessions: Sessions,
    operator: str,
    superuser: "psycopg.Connection[Any]",
    audited: Audited,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The held role's clients are refused, not hung, and another role gets in each time; then all is as it was."""
    before = state(superuser)
    crowd = sessions(8, "web")
    assert main(["hold", "--user", "web", "--limit", "3", "--end", operator]) == 0
    told = capsys.readouterr()
    assert "ALTER ROLE web CONNECTION LIMIT 3;" in told.out
    assert "the limit alone ends nobody: the 8 would stay" in told.out
    assert "add --yes" in told.err
    assert state(superuser) == before
    assert audited() == []

    assert main(["hold", "--user", "web", "--limit", "3", "--end", "--yes", operator]) == 0
    told = capsys.readouterr()
    assert "hold role web (limit 3): done" in told.out
    assert "5 freed, none retaken" in told.out
    assert limit(superuser) == (3, True)
    assert sum(_answers(one) for one in crowd) == 3
    for _ in range(25):
        with pytest.raises(psycopg.OperationalError, match="too many connections for role"):
            psycopg.connect(server.conninfo("web"))
        psycopg.connect(server.conninfo("reports")).close()

    intended = audited()[0]
    assert intended["hold"]["before"] == {"limit": -1}
    assert [line["event"] for line in audited()] == ["intended", "result"] * 2
    assert main(["hold", "--list", operator]) == 0
    assert "role web: limit 3, before no limit; since" in capsys.readouterr().out
    assert main(["snapshot", operator]) == 0
    assert "HELD        role web: limit 3, before no limit; since" in capsys.readouterr().out
    assert main(["snapshot", "--format", "json", operator]) == 0
    (held,) = json.loads(capsys.readouterr().out)["held"]
    assert (held["name"], held["after"], held["before"]) == ("web", {"limit": 3}, {"limit": -1})
    assert main(["check", operator]) == 0  # a role that is held is not at its limit as a trouble
    assert re.search("^held: role web: limit 3, before no limit; since", capsys.readouterr().out, re.M)
    assert main(["hold", "--release", "web", operator]) == 0
    assert limit(superuser) == (3, True)
    assert main(["hold", "--release", "web", "--yes", operator]) == 0
    assert state(superuser) == before
    capsys.readouterr()
    assert main(["hold", "--list", operator]) == 0
    assert capsys.readouterr().out.strip() == "nothing is held"


def _answers(connection: "psycopg.Connection[Any]") -> bool:
    try:
        connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


@pytest.mark.usefixtures("operator")
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from([("--user", "web"), ("--user", ODD), ("--database", "postgres")]),
            st.sampled_from([["--limit", "0"], ["--limit", "7"], ["--nologin"], TIMEOUT, ["--release"]]),
        ),
        max_size=5,
    )
)
def test_any_sequence_of_hold_and_let_go_leaves_what_was_before(
    one_server: Cluster, superuser: "psycopg.Connection[Any]", steps: list[tuple[tuple[str, str], list[str]]]
) -> None:
    superuser.execute("ALTER ROLE web SET idle_in_transaction_session_timeout = '5min'")
    before = state(superuser)
    owner = one_server.conninfo()
    for (flag, name), how in steps:
        if how == ["--release"]:
            main(["hold", "--release", name, "--yes", owner])
        elif flag == "--user" or how[0] == "--limit":
            there = state(superuser)
            made = main(["hold", flag, name, *how, "--yes", owner]) == 0
            assert made is (state(superuser) != there)  # refused only where it has that already
            assert ("NOLOGIN" if how == ["--nologin"] else how[-1]) in value(superuser, flag, name)
    assert main(["hold", "--all", "--yes", owner]) == 0
    assert state(superuser) == before


def value(superuser: "psycopg.Connection[Any]", flag: str, name: str) -> set[str]:
    """What holds it back."""
    if flag == "--user":
        bound, login = limit(superuser, name)
        of_role = "SELECT setconfig FROM pg_db_role_setting WHERE setrole = to_regrole(quote_ident(%s))"
        rows = superuser.execute(of_role, (name,)).fetchall()
        settings = dict(one.split("=") for (entries,) in rows for one in entries)
        return {str(bound), "LOGIN" if login else "NOLOGIN", settings.get("idle_in_transaction_session_timeout", "")}
    return {str(fetch(superuser, "SELECT datconnlimit FROM pg_database WHERE datname = %s", name))}


@pytest.mark.parametrize("server", OF_EACH_KIND, indirect=True)
def test_who_leaves_transactions_open_gets_a_timeout_and_then_what_it_had(
    server: Cluster, operator: str, superuser: "psycopg.Connection[Any]", capsys: pytest.CaptureFixture[str]
) -> None:
    superuser.execute("ALTER ROLE web SET work_mem = '2MB'")
    superuser.execute("ALTER ROLE web SET idle_in_transaction_session_timeout = 300000")
    before = state(superuser)
    here = psycopg.connect(server.conninfo("web"))
    assert main(["hold", "--user", "web", *TIMEOUT, operator]) == 0
    assert "ALTER ROLE web SET idle_in_transaction_session_timeout = '90s';" in capsys.readouterr().out
    assert state(superuser) == before
    assert main(["hold", "--user", "web", *TIMEOUT, "--yes", operator]) == 0
    assert "hold role web (idle in transaction for 90s at most): done" in capsys.readouterr().out
    shown = "SHOW idle_in_transaction_session_timeout"
    with psycopg.connect(server.conninfo("web")) as new:
        assert [fetch(one, shown) for one in (here, new)] == ["5min", "90s"]
    here.close()
    assert main(["hold", "--list", operator]) == 0
    assert "90s at most, before idle in transaction for 300000 at most" in capsys.readouterr().out
    superuser.execute("ALTER ROLE web SET idle_in_transaction_session_timeout = '7s'")
    assert main(["hold", "--release", "web", "--yes", operator]) == 1  # somebody else's value
    superuser.execute("ALTER ROLE web SET idle_in_transaction_session_timeout = '90s'")
    assert main(["hold", "--release", "web", "--yes", operator]) == 0
    assert state(superuser) == before
    assert main(["hold", "--release", "web", TIMEOUT[0], "none", "--yes", operator]) == 0
    assert fetch(superuser, "SELECT setconfig FROM pg_db_role_setting") == ["work_mem=2MB"]


def test_what_somebody_else_has_set_meanwhile_is_not_overwritten(
    operator: str, superuser: "psycopg.Connection[Any]", capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["hold", "--user", "web", "--limit", "3", "--nologin", "--yes", operator]) == 0
    assert limit(superuser) == (3, False)
    superuser.execute("ALTER ROLE web CONNECTION LIMIT 9")
    capsys.readouterr()
    assert main(["hold", "--list", "--format", "json", operator]) == 0
    (held,) = json.loads(capsys.readouterr().out)["held"]
    assert (held["state"], held["now"]) == ("changed by somebody else", {"limit": 9, "login": False})
    assert main(["hold", "--all", "--yes", operator]) == 1
    told = capsys.readouterr().out
    assert "somebody else has set" in told
    assert "changed before: somebody else has changed it since" in told
    assert limit(superuser) == (9, False)
    assert main(["hold", "--release", "web", "--limit", "-1", "--login", "--yes", operator]) == 0
    assert limit(superuser) == (-1, True)
    assert main(["hold", "--list", operator]) == 0
    assert "nothing is held" in capsys.readouterr().out


@pytest.mark.parametrize("server", OF_EACH_KIND, indirect=True)
@pytest.mark.usefixtures("operator")
def test_who_is_never_held(
    server: Cluster,
    role: Roles,
    superuser: "psycopg.Connection[Any]",
    audited: Audited,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    operator = server.conninfo("operator")
    config = tmp_path / "config" / "pgheadroom" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('protected_roles = ["reports"]\n')
    config.chmod(0o600)
    role("plain", member_of=["pg_monitor"])
    before = state(superuser)
    for who, name, because in (
        (operator, "operator", "is the role that we are connected as"),
        (operator, "reports", "protected_roles"),
        (operator, SUPERUSER, "is a superuser"),
        (server.conninfo("plain"), "web", "To hand over: ALTER ROLE web CONNECTION LIMIT 1;"),
        (operator, "nobody", "there is no role nobody"),
    ):
        assert main(["hold", "--user", name, "--limit", "1", "--yes", who]) == 1
        assert because in capsys.readouterr().err
    assert main(["hold", "--user", "web", "--limit", "1", "--yes", "--read-only", operator]) == 2
    assert "read-only: nothing was changed" in capsys.readouterr().err
    assert state(superuser) == before
    assert {line["event"] for line in audited()} == {"refused"}


def test_without_a_record_nothing_is_held_unless_asked(
    operator: str, superuser: "psycopg.Connection[Any]", tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state" / "pgheadroom" / "actions.jsonl").mkdir(parents=True)
    assert main(["hold", "--user", "web", "--limit", "3", "--yes", operator]) == 1
    assert "cannot be written" in capsys.readouterr().err
    assert limit(superuser) == (-1, True)
    assert main(["hold", "--user", "web", "--limit", "3", "--yes", "--no-audit", operator]) == 0
    assert "this undoes it: ALTER ROLE web CONNECTION LIMIT -1;" in capsys.readouterr().err
    assert limit(superuser) == (3, True)


@pytest.mark.parametrize("sent", [True, False])
def test_a_change_whose_answer_is_lost_is_read_back_and_not_sent_again(
    operator: str,
    superuser: "psycopg.Connection[Any]",
    audited: Audited,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    sent: bool,
) -> None:
    """As when our session is ended behind the commit, or before it."""
    real, asked = LiveSource.change, []

    async def ended(source: LiveSource, change: Change, patience: float = 15.0) -> ChangeResult:
        asked.append(change)
        if sent:
            await real(source, change, patience)
        superuser.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'operator'")
        return await real(source, change, patience)

    monkeypatch.setattr(LiveSource, "change", ended)
    assert main(["hold", "--user", "web", "--limit", "3", "--yes", operator]) == (0 if sent else 1)
    told = capsys.readouterr().out
    assert f"read back since: it is {'' if sent else 'still '}{'limit 3' if sent else 'no limit'}" in told
    assert len(asked) == 1
    assert limit(superuser) == (3 if sent else -1, True)
    assert audited()[-1]["outcome"] == ("done" if sent else "refused")


class Killed(BaseException):
    """The end of the program, at a certain point: nothing of it runs any more."""


@pytest.mark.parametrize(
    ("where", "name", "held"),
    [(LiveSource, "change", False), (Audit, "complete_command", True), (LiveSource, "signal", True)],
)
def test_a_program_that_ends_at_any_point_leaves_a_record_that_the_next_one_reads(
    operator: str,
    sessions: Sessions,
    superuser: "psycopg.Connection[Any]",
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    where: type,
    name: str,
    held: bool,
) -> None:
    """Before the change, between the change and its result, and between the limit and the end of sessions."""
    sessions(3, "web")
    before = state(superuser)

    def end(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(where, name, end)
        if where is not Audit:
            patch.setattr(Audit, "complete", end)
            patch.setattr(Audit, "fail", end)
        with pytest.raises(Killed):
            main(["hold", "--user", "web", "--limit", "1", "--end", "--yes", operator])
    assert limit(superuser) == (1 if held else -1, True)
    capsys.readouterr()
    assert main(["hold", "--list", operator]) == 0
    assert ("role web: limit 1, before no limit" in capsys.readouterr().out) is held
    assert main(["hold", "--all", "--yes", operator]) == 0
    assert state(superuser) == before


def test_a_program_that_is_killed_before_the_change_has_changed_nothing(
    operator: str,
    superuser: "psycopg.Connection[Any]",
    one_server: Cluster,
    audited: Audited,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What was intended is written down; the server does what it was asked only where nobody keeps it from that."""
    with psycopg.connect(one_server.conninfo()) as other:
        other.execute("SELECT pg_advisory_xact_lock(7067486, 1)")
        program = subprocess.Popen(
            [sys.executable, "-m", "pgheadroom", "hold", "--user", "web", "--limit", "3", "--yes", operator]
        )
        wait_until(lambda: bool(audited()), "it is written down what is intended")
        program.kill()
        program.wait()
        gone = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'operator'"
        wait_until(lambda: fetch(superuser, gone) == 0, "the server has let it go")
    assert limit(superuser) == (-1, True)
    assert main(["hold", "--list", operator]) == 0
    assert "nothing is held" in capsys.readouterr().out


HOLD = (sys.executable, "-m", "pgheadroom", "hold", "--user", "web", "--end", "--yes")


def test_two_programs_that_hold_the_same_role_at_once_do_not_overwrite_each_other(
    one_server: Cluster, operator: str, superuser: "psycopg.Connection[Any]", audited: Audited
) -> None:
    """Two processes that both stand before the lock when it is let go: one of them finds it changed."""
    before = state(superuser)
    with psycopg.connect(one_server.conninfo()) as other:
        other.execute("SELECT pg_advisory_xact_lock(7067486, 1)")
        programs = [
            subprocess.Popen([*HOLD, "--limit", str(number), operator], stdout=subprocess.PIPE, text=True)
            for number in (3, 4)
        ]
        wait_until(lambda: len(audited()) >= 2, "both have written down what they intend")
    told = [program.communicate()[0] for program in programs]
    # Whoever waits for the lock longer than it may gives up, which is as well: on a busy machine both can.
    refused = [text for text in told if "somebody else has changed it" in text or "another program is changing" in text]
    done = [number for number, text in zip((3, 4), told, strict=True) if f"(limit {number}): done" in text]
    assert len(done) + len(refused) == len(programs)
    assert len(done) <= 1
    assert limit(superuser)[0] == (done[0] if done else -1)
    assert main(["hold", "--all", "--yes", operator]) == 0
    assert state(superuser) == before


@pytest.mark.parametrize(
    ("killed_at", "events", "left"),
    [("intend", ["intended", "result"], 3), ("complete", ["intended", "result", "intended"], 1)],
)
def test_what_a_program_did_that_is_killed_behind_the_limit_is_told_by_the_next_one(
    killed_at: str,
    events: list[str],
    left: int,
    one_server: Cluster,
    operator: str,
    sessions: Sessions,
    superuser: "psycopg.Connection[Any]",
    audited: Audited,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By SIGKILL, where it would write down whom it is about to end, or what came of it."""
    crowd = sessions(3, "web")
    before = state(superuser)
    stopping = (
        "import os, signal, sys; from pgheadroom.audit import Audit; from pgheadroom.cli import main\n"
        f"Audit.{killed_at} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "main(sys.argv[1:])"
    )
    done = subprocess.run([sys.executable, "-c", stopping, *HOLD[3:], "--limit", "1", operator], check=False)
    assert done.returncode == -signal.SIGKILL
    assert [line["event"] for line in audited()] == events
    assert sum(map(_answers, crowd)) == left
    assert limit(superuser) == (1, True)
    assert main(["hold", "--list", operator]) == 0
    assert "role web: limit 1, before no limit" in capsys.readouterr().out
    assert limit(superuser) == (1, True)  # nothing is let go by itself
    assert main(["hold", "--all", "--yes", operator]) == 0
    assert state(superuser) == before


def test_a_server_that_is_killed_between_the_limit_and_the_end_keeps_the_limit_and_nobody_is_ended(
    new_cluster: Callable[..., Cluster],
    monkeypatch: pytest.MonkeyPatch,
    audited: Audited,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cluster = new_cluster(settings={"synchronous_commit": "on"})
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE ROLE web LOGIN")
    real = LiveSource.change

    async def then_crash(source: LiveSource, change: Change, patience: float = 15.0) -> ChangeResult:
        changed = await real(source, change, patience)
        cluster.stop("immediate")
        cluster.start()
        return changed

    crowd = [psycopg.connect(cluster.conninfo("web"), autocommit=True) for _ in range(3)]
    with monkeypatch.context() as patch:
        patch.setattr(LiveSource, "change", then_crash)
        assert main(["hold", "--user", "web", "--limit", "1", "--end", "--yes", cluster.conninfo()]) == 1
    told = capsys.readouterr()
    assert "hold role web (limit 1): done" in told.out
    # A session that does not end in time is killed by its server, and has no farewell.
    reasons = "the server shuts down at once|the connection was lost: server closed the connection unexpectedly"
    assert re.search(f"what became of the sessions is not known: ({reasons})", told.err)
    for one in crowd:
        one.close()
    assert [line.get("outcome") for line in audited()] == [None, "done", None, "unknown"]
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        assert limit(connection) == (1, True)
    assert main(["hold", "--all", "--yes", cluster.conninfo()]) == 0
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        assert limit(connection) == (-1, True)


@pytest.mark.parametrize("behind", [False, True])
def test_a_server_that_is_killed_before_or_behind_the_change_is_asked_what_it_is(
    new_cluster: Callable[..., Cluster],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    behind: bool,
) -> None:
    """The whole server, as a crash would: what was committed is there when it has started again."""
    cluster = new_cluster(settings={"synchronous_commit": "on"})
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE ROLE web LOGIN")
    real = LiveSource.change

    async def crash(source: LiveSource, change: Change, patience: float = 15.0) -> ChangeResult:
        if behind:
            await real(source, change, patience)
        cluster.stop("immediate")
        cluster.start()
        return await real(source, change, patience)

    with monkeypatch.context() as patch:
        patch.setattr(LiveSource, "change", crash)
        assert main(["hold", "--user", "web", "--limit", "3", "--yes", cluster.conninfo()]) == (0 if behind else 1)
    assert f"read back since: it is {'' if behind else 'still '}" in capsys.readouterr().out
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        assert limit(connection) == (3 if behind else -1, True)
    assert main(["hold", "--list", cluster.conninfo()]) == 0
    assert ("role web: limit 3, before no limit" in capsys.readouterr().out) is behind
    assert main(["hold", "--all", "--yes", cluster.conninfo()]) == 0
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        assert limit(connection) == (-1, True)


def test_two_programs_and_another_tool_at_once(
    one_server: Cluster, operator: str, superuser: "psycopg.Connection[Any]", capsys: pytest.CaptureFixture[str]
) -> None:
    with psycopg.connect(one_server.conninfo()) as other:
        other.execute("SELECT pg_advisory_xact_lock(7067486, 1)")
        assert main(["hold", "--user", "web", "--limit", "3", "--yes", operator]) == 1
    assert "another program is changing it" in capsys.readouterr().out
    assert limit(superuser) == (-1, True)
    with psycopg.connect(one_server.conninfo()) as other:
        other.execute("ALTER ROLE web CONNECTION LIMIT 8")
        assert main(["hold", "--user", "web", "--limit", "3", "--yes", operator]) == 1
        other.rollback()
    assert limit(superuser) == (-1, True)
    assert fetch(superuser, "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in tr%%'") == 0


def test_flags_that_do_not_go_together(one_server: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    for flags in (
        [],
        ["--user", "a", "--list"],
        ["--database", "a", "--nologin"],
        ["--user", "a", "--limit", "-1"],
        ["--user", "a", "--limit", "many"],
        ["--list", "--end"],
        ["--user", "a", "--end", *TIMEOUT],
        ["--user", "a", TIMEOUT[0], "none"],
        ["--database", "a", *TIMEOUT],
        ["--all", "--limit", "3"],
    ):
        assert main(["hold", *flags, one_server.conninfo()]) == 2, flags
    assert "Traceback" not in capsys.readouterr().err
