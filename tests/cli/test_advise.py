"""`pgheadroom advise` on real servers: what is read, and that each statement does and undoes what it says."""

import json
import os
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from pgheadroom.advice import statements
from pgheadroom.advice.ground import Ground
from pgheadroom.advice.observed import Watching
from pgheadroom.advice.slots import slots
from pgheadroom.advice.statements import Scope, Statements
from pgheadroom.cli import main
from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.live.source import LiveSource
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.postgres.advice_settings import server_settings
from pgheadroom.postgres.backend_memory import private_memory
from pgheadroom.rules.facts.case import Case
from servers import MAJORS, Roles, Sessions, hang_up, runs, wait_until

OF_EACH_KIND = MAJORS if os.environ.get("PGHEADROOM_TEST_ALL") else sorted({MAJORS[0], MAJORS[-1]})
HOSTILE = ["we\"b'; x é", "Select", "user", "ß" * 31 + "!", "tab\there", "zero\u200bwidth"]
STATE = """SELECT json_agg(x)::text FROM (SELECT rolname, rolconnlimit FROM pg_roles ORDER BY 1) x
    UNION ALL SELECT json_agg(x)::text FROM (SELECT datname, datconnlimit FROM pg_database ORDER BY 1) x
    UNION ALL SELECT json_agg(x)::text FROM (SELECT * FROM pg_db_role_setting ORDER BY 1, 2) x
    UNION ALL SELECT json_agg(x)::text FROM (SELECT name, setting, applied FROM pg_file_settings ORDER BY seqno) x"""


@pytest.fixture(autouse=True)
def own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads the user's configuration."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("PGHEADROOM_PGBOUNCER", "PGHEADROOM_READ_ONLY", "PGHEADROOM_CONFIG", "PGHEADROOM_INTERVAL"):
        monkeypatch.delenv(name, raising=False)


async def ground_of(server: Cluster, user: str | None = None) -> Ground:
    source = LiveSource(server.conninfo(user) if user else server.conninfo(), read_only=True)
    try:
        watching = Watching()
        case = Case(await source.sample_once(), Thresholds())
        watching.take(case)
        return Ground(case, watching.observed(), await source.ask(server_settings))
    finally:
        await source.close()


def state(superuser: "psycopg.Connection[Any]") -> list[Any]:
    return superuser.execute(STATE).fetchall()


@pytest.mark.parametrize("server", OF_EACH_KIND, indirect=True)
async def test_every_statement_runs_and_its_undo_brings_back_what_was(
    server: Cluster, superuser: "psycopg.Connection[Any]", role: Roles
) -> None:
    for number, name in enumerate(HOSTILE):
        named = sql.Identifier(role(name, limit=number))
        superuser.execute(sql.SQL("CREATE DATABASE {}").format(named))
    superuser.execute('ALTER ROLE "user" IN DATABASE "Select" SET statement_timeout = 1234')
    before = state(superuser)
    ground = await ground_of(server)
    assert ground.settings.troubles == ()
    try:
        for made in _statements(ground):
            assert len(made.do) >= 1
            _run(superuser, made.do)
            assert state(superuser) != before
            _run(superuser, made.undo)
            assert state(superuser) == before
    finally:
        for name in HOSTILE:
            superuser.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


def _statements(ground: Ground) -> list[Statements]:
    made = [statements.setting(ground, Scope("user", "Select"), "statement_timeout", "5min")]
    for name in HOSTILE:
        made += [statements.limit(ground, scope, 7) for scope in (Scope(name), Scope(None, name))]
        for scope in (Scope(name), Scope(None, name), Scope(name, "Select")):
            made.append(statements.setting(ground, scope, "idle_in_transaction_session_timeout", "30s"))
    return [*made, statements.setting(ground, Scope(), "tcp_keepalives_idle", "1min")]


def _run(superuser: "psycopg.Connection[Any]", texts: tuple[str, ...]) -> None:
    for text in texts:
        superuser.execute(text.encode())


async def test_settings_are_those_of_others_and_not_what_our_session_sets(
    one_server: Cluster, superuser: "psycopg.Connection[Any]", role: Roles
) -> None:
    role("watcher", member_of=["pg_monitor"])
    superuser.execute("ALTER ROLE watcher SET idle_in_transaction_session_timeout = '7s'")
    told = (await ground_of(one_server, "watcher")).settings
    assert told.filed is None
    assert "permission denied" in told.troubles[0]
    assert told.common("idle_in_transaction_session_timeout") is None  # ours hides it, and no file is shown
    assert told.common("tcp_keepalives_idle") is None
    assert told.of("idle_in_transaction_session_timeout", "watcher", "postgres")[0] == "7s"
    told = (await ground_of(one_server)).settings
    assert told.common("idle_in_transaction_session_timeout") == "0"
    assert told.common("tcp_keepalives_idle") == "0"


def test_what_idles_in_a_transaction_is_advised_about_and_what_is_advised_ends_it(
    one_server: Cluster,
    superuser: "psycopg.Connection[Any]",
    role: Roles,
    sessions: Sessions,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pgheadroom.advice.timeouts._FEW_SECONDS", 0.0)
    role("careless")
    stuck = sessions(22, user="careless")
    for one in stuck:
        one.execute("BEGIN")
    assert main(["advise", one_server.conninfo(), "--watch", "0.3s", "-i", "0.2s", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    first, *_ = told["advice"]
    assert first["do"] == ["ALTER ROLE careless IN DATABASE postgres SET idle_in_transaction_session_timeout = '5s';"]
    assert any(one["key"] == "limit:careless" for one in told["advice"])
    hang_up(*stuck)
    superuser.execute(first["do"][0].replace("5s", "50ms").encode())
    (late,) = sessions(1, user="careless")
    late.execute("BEGIN")
    wait_until(lambda: not runs(late.info.backend_pid), "the server ends it")


def test_a_calm_server_that_is_well_set_is_told_to_be_and_nothing_else(
    one_server: Cluster, role: Roles, capsys: pytest.CaptureFixture[str]
) -> None:
    role("watcher", member_of=["pg_monitor", "pg_use_reserved_connections"])  # the reserve is somebody's
    for user in ("postgres", "watcher"):
        assert main(["advise", one_server.conninfo(user)]) == 0
        told = capsys.readouterr().out
        assert told.startswith("One look: ")
        assert "Nothing to advise, it is well set." in told
        assert "2 slots reserved for watcher" in told
        assert "database postgres" in told


async def test_a_restart_that_is_pending_is_seen_with_the_file_that_says_so(
    one_server: Cluster, superuser: "psycopg.Connection[Any]", role: Roles
) -> None:
    superuser.execute("ALTER SYSTEM SET max_connections = 77")
    try:
        (piece,) = [one for one in slots(await ground_of(one_server)) if one.key == "pending-restart"]
        assert "max_connections is 30 and will be 77" in piece.seen[0]
        _run(superuser, piece.undo)
    finally:
        superuser.execute("ALTER SYSTEM RESET max_connections")
    assert not [one for one in slots(await ground_of(one_server)) if one.key == "pending-restart"]


async def test_a_member_that_does_not_inherit_the_reserve_is_set_right(
    one_server: Cluster, superuser: "psycopg.Connection[Any]", role: Roles
) -> None:
    role('od"d', member_of=["pg_use_reserved_connections"])
    role("watcher", member_of=["pg_use_reserved_connections"])
    superuser.execute('GRANT pg_use_reserved_connections TO "od""d" WITH INHERIT FALSE')
    (piece,) = [one for one in slots(await ground_of(one_server)) if one.key.startswith("not-inherited")]
    _run(superuser, piece.do)
    ground = await ground_of(one_server)
    assert ground.settings.without_reserve == ()
    assert ground.snapshot.roles['od"d'].reserved
    _run(superuser, piece.undo)
    assert (await ground_of(one_server)).settings.without_reserve == ('od"d',)


async def test_the_memory_of_backends_is_their_own_and_that_of_nobody_else(
    one_server: Cluster, sessions: Sessions, tmp_path: Path
) -> None:
    pids = [one.info.backend_pid for one in sessions(3)]
    sizes = private_memory([*pids, os.getpid()], pids[0])
    assert len(sizes) == 3
    assert all(200_000 < size < 50_000_000 for size in sizes)
    assert private_memory(pids, os.getpid()) == ()
    assert private_memory(pids, pids[0], proc=tmp_path) == ()
