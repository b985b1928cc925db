"""Signals on real servers: they reach what was shown, or nobody."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.errors import NoConnection
from pgheadroom.model.action import Outcome, Result, Target, Verb
from pgheadroom.model.session import Session, SessionId
from pgheadroom.postgres.actions import array, signal
from pgheadroom.postgres.exchange import Question, Transaction, ask
from pgheadroom.postgres.queries import query
from pgheadroom.postgres.sampling import Probe
from servers import Roles, Sessions, fetch, runs, wait_until

OpenProbe = Callable[..., Awaitable[Probe]]


@pytest.fixture
async def open_probe(which_server: Cluster) -> AsyncIterator[OpenProbe]:
    opened: list[Probe] = []

    async def open_one(user: str = "postgres", **others: Any) -> Probe:
        opened.append(await Probe.open(which_server.conninfo(user), **others))
        return opened[-1]

    yield open_one
    for probe in opened:
        await probe.close()


def target(session: Session) -> Target:
    assert session.backend_start is not None
    return Target(session.pid, session.backend_start, session.query_start)


async def seen(probe: Probe, connections: Sequence["psycopg.Connection[Any]"]) -> list[Target]:
    """The sessions of these connections as a sample shows them, in their order."""
    sessions = {session.pid: session for session in (await probe.sample()).sessions}
    return [target(sessions[connection.info.backend_pid]) for connection in connections]


async def still_there(probe: Probe, targets: Sequence[Target]) -> set[SessionId]:
    """Which of these sessions a new sample has."""
    present = {session.id for session in (await probe.sample()).sessions}
    return {target.id for target in targets} & present


def outcomes(results: Sequence[Result]) -> list[Outcome]:
    return [result.outcome for result in results]


def is_alive(connection: "psycopg.Connection[Any]") -> bool:
    try:
        connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def start_query(connection: "psycopg.Connection[Any]", superuser: "psycopg.Connection[Any]", seconds: int = 60) -> None:
    """Begin a query without waiting for its end, and wait until the server runs it."""
    connection.pgconn.send_query(f"SELECT pg_sleep({seconds})".encode())
    connection.pgconn.flush()
    runs = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'"
    wait_until(lambda: fetch(superuser, runs, connection.info.backend_pid) == 1, "the query runs")


def answer(connection: "psycopg.Connection[Any]") -> str:
    """SQLSTATE of the answer to the query that was begun; empty when it succeeded."""
    results = []
    while (result := connection.pgconn.get_result()) is not None:
        results.append(result)
    return (results[0].error_field(psycopg.pq.DiagnosticField.SQLSTATE) or b"").decode()


async def test_terminate_ends_exactly_those(
    server: Cluster, role: Roles, sessions: Sessions, open_probe: OpenProbe
) -> None:
    role("web")
    opened = sessions(6, "web")
    probe = await open_probe()
    targets = await seen(probe, opened[:3])
    assert outcomes(await signal(probe.connection, Verb.TERMINATE, targets)) == [Outcome.SIGNALLED] * 3
    assert [is_alive(connection) for connection in opened] == [False] * 3 + [True] * 3
    assert await still_there(probe, targets) == set()


async def test_cancel_ends_the_query_and_keeps_the_session(
    server: Cluster, superuser: "psycopg.Connection[Any]", role: Roles, sessions: Sessions, open_probe: OpenProbe
) -> None:
    role("web")
    (connection,) = sessions(1, "web")
    start_query(connection, superuser)
    probe = await open_probe()
    targets = await seen(probe, [connection])
    assert outcomes(await signal(probe.connection, Verb.CANCEL, targets)) == [Outcome.SIGNALLED]
    assert answer(connection) == "57014"
    assert is_alive(connection)
    assert await still_there(probe, targets) == {targets[0].id}


@pytest.mark.parametrize("verb", list(Verb))
@pytest.mark.parametrize("by", [timedelta(microseconds=1), timedelta(microseconds=-1), timedelta(days=1)])
async def test_a_pid_that_was_used_again_is_left_alone(
    server: Cluster,
    superuser: "psycopg.Connection[Any]",
    role: Roles,
    sessions: Sessions,
    open_probe: OpenProbe,
    verb: Verb,
    by: timedelta,
) -> None:
    role("web")
    (connection,) = sessions(1, "web")
    start_query(connection, superuser, 1)
    probe = await open_probe()
    (shown,) = await seen(probe, [connection])
    (result,) = await signal(probe.connection, verb, [replace(shown, backend_start=shown.backend_start + by)])
    assert result.outcome is Outcome.CHANGED
    assert "another session" in result.message
    assert answer(connection) == ""


async def test_the_next_query_of_a_session_is_not_cancelled(
    server: Cluster, superuser: "psycopg.Connection[Any]", role: Roles, sessions: Sessions, open_probe: OpenProbe
) -> None:
    role("web")
    (connection,) = sessions(1, "web")
    connection.execute("SELECT 1")
    probe = await open_probe()
    (shown,) = await seen(probe, [connection])
    (idle,) = await signal(probe.connection, Verb.CANCEL, [shown])
    assert (idle.outcome, idle.message) == (Outcome.CHANGED, "it runs no query now")
    start_query(connection, superuser, 1)
    (next_query,) = await signal(probe.connection, Verb.CANCEL, [shown])
    assert (next_query.outcome, next_query.message) == (Outcome.CHANGED, "it runs another query now")
    assert answer(connection) == ""


async def test_terminate_does_not_mind_another_query(
    one_server: Cluster, role: Roles, sessions: Sessions, open_probe: OpenProbe
) -> None:
    role("web")
    (connection,) = sessions(1, "web")
    probe = await open_probe()
    targets = await seen(probe, [connection])
    connection.execute("SELECT 1")
    assert outcomes(await signal(probe.connection, Verb.TERMINATE, targets)) == [Outcome.SIGNALLED]
    assert not is_alive(connection)


async def test_what_has_ended_is_gone(server: Cluster, role: Roles, sessions: Sessions, open_probe: OpenProbe) -> None:
    role("web")
    first, second = sessions(2, "web")
    probe = await open_probe()
    targets = await seen(probe, [first, second])
    first.close()
    left = {targets[1].id}
    deadline = time.monotonic() + 5
    while await still_there(probe, targets) != left:
        assert time.monotonic() < deadline
    assert outcomes(await signal(probe.connection, Verb.TERMINATE, targets)) == [Outcome.GONE_BEFORE, Outcome.SIGNALLED]


@pytest.mark.parametrize("include_superusers", [False, True])
async def test_a_filter_that_matches_everything_spares_us_and_the_servers_own_processes(
    server: Cluster,
    superuser: "psycopg.Connection[Any]",
    role: Roles,
    sessions: Sessions,
    open_probe: OpenProbe,
    include_superusers: bool,
) -> None:
    role("web")
    role("copier", "REPLICATION")
    role("boss", "SUPERUSER")
    opened, chief = sessions(2, "web"), sessions(1, "boss")[0]
    walsender = psycopg.connect(server.conninfo("copier", replication="true"), autocommit=True)
    probe = await open_probe()
    snapshot = await probe.sample()
    everyone = [target(session) for session in (*snapshot.sessions, *snapshot.processes)]
    everyone = [each for each in everyone if each.pid != superuser.info.backend_pid]  # the test needs it
    results = await signal(probe.connection, Verb.TERMINATE, everyone, include_superusers=include_superusers)
    signalled = {result.target.pid for result in results if result.outcome is Outcome.SIGNALLED}
    expected = {connection.info.backend_pid for connection in opened}
    assert signalled == expected | ({chief.info.backend_pid} if include_superusers else set())
    ours = next(result for result in results if result.target.pid == probe.connection.info.backend_pid)
    assert (ours.outcome, ours.message) == (Outcome.PROTECTED, "it is our own session")
    assert next(r for r in results if r.target.pid == walsender.info.backend_pid).outcome is Outcome.PROTECTED
    after = await probe.sample()
    assert {process.pid for process in after.processes} >= {process.pid for process in snapshot.processes}
    walsender.close()


async def test_rights(
    server: Cluster, superuser: "psycopg.Connection[Any]", role: Roles, sessions: Sessions, open_probe: OpenProbe
) -> None:
    """As the server itself decides, for each kind of role; one that is refused does not stop the others."""
    role("web")
    role("other")
    web, other = sessions(1, "web")[0], sessions(1, "other")[0]
    connections = [web, other, superuser]
    watcher = await open_probe(role("watcher", member_of=["pg_monitor"]))
    targets = await seen(watcher, connections)
    results = await signal(watcher.connection, Verb.TERMINATE, targets, include_superusers=True)
    assert outcomes(results) == [Outcome.REFUSED] * 3
    assert "GRANT pg_signal_backend" in results[0].message
    assert "only a superuser" in results[2].message

    owner = await open_probe(role("owner", member_of=["pg_monitor", "web"]))
    assert outcomes(await signal(owner.connection, Verb.TERMINATE, targets)) == [
        Outcome.SIGNALLED,
        Outcome.REFUSED,
        Outcome.PROTECTED,
    ]
    helper = await open_probe(role("helper", member_of=["pg_monitor", "pg_signal_backend"]))
    assert outcomes(await signal(helper.connection, Verb.TERMINATE, targets[1:], include_superusers=True)) == [
        Outcome.SIGNALLED,
        Outcome.REFUSED,
    ]
    assert [is_alive(connection) for connection in connections] == [False, False, True]


async def test_without_sight_nobody_is_signalled(
    server: Cluster, superuser: "psycopg.Connection[Any]", role: Roles, sessions: Sessions, open_probe: OpenProbe
) -> None:
    """pg_signal_backend alone does not show backend_start, so what is shown cannot be matched."""
    role("web")
    (connection,) = sessions(1, "web")
    targets = await seen(await open_probe(), [connection])
    blind = await open_probe(role("blind", member_of=["pg_signal_backend"]))
    (result,) = await signal(blind.connection, Verb.TERMINATE, targets)
    assert result.outcome is Outcome.REFUSED
    assert "pg_monitor" in result.message
    assert is_alive(connection)


async def test_a_refusal_that_no_rule_foresaw_stops_nobody_else(
    new_cluster: Callable[..., Cluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a managed server that forbids the function itself."""
    cluster = new_cluster(18)
    with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
        superuser.execute("CREATE ROLE web LOGIN; CREATE ROLE helper LOGIN IN ROLE pg_monitor, pg_signal_backend")
        superuser.execute("REVOKE EXECUTE ON FUNCTION pg_terminate_backend(int, bigint) FROM PUBLIC")
    connections = [psycopg.connect(cluster.conninfo("web"), autocommit=True) for _ in range(2)]
    probe = await Probe.open(cluster.conninfo("helper"))
    targets = await seen(probe, connections)
    results = await signal(probe.connection, Verb.TERMINATE, targets)
    assert outcomes(results) == [Outcome.REFUSED, Outcome.REFUSED]
    assert "permission denied for function pg_terminate_backend" in results[0].message
    await probe.close()
    for connection in connections:
        connection.close()


async def test_nobody_to_signal_is_no_question_to_the_server(one_server: Cluster, open_probe: OpenProbe) -> None:
    probe = await open_probe(read_only=True)
    assert await signal(probe.connection, Verb.TERMINATE, []) == []


@pytest.mark.parametrize("over", [False, True], ids=["while it ends", "once it has ended"])
async def test_a_lost_connection_is_said(one_server: Cluster, superuser: "psycopg.Connection[Any]", over: bool) -> None:
    """The reason is still to be read where several transactions are sent after the end."""
    probe = await Probe.open(one_server.conninfo())
    pid = probe.connection.info.backend_pid
    superuser.execute("SELECT pg_terminate_backend(%s)", (pid,))
    if over:
        wait_until(lambda: not runs(pid), "our session has ended")
    with pytest.raises(NoConnection, match="terminated by an administrator"):
        await ask(probe.connection, [Transaction([Question("clock", query("clock", 0))])] * 8)
    await probe.close()


async def test_many_sessions_among_as_many_decoys(new_cluster: Callable[..., Cluster]) -> None:
    """Decoys are the same pids with other starts: were the function called for a row before it is judged, they die."""
    count = 300
    cluster = new_cluster(18, {"max_connections": count + 10})
    with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
        superuser.execute("CREATE ROLE web LOGIN")
    connections = [psycopg.connect(cluster.conninfo("web"), autocommit=True) for _ in range(count)]
    probe = await Probe.open(cluster.conninfo())
    targets = await seen(probe, connections)
    decoys = [replace(each, backend_start=each.backend_start + timedelta(microseconds=1)) for each in targets]
    began = time.monotonic()
    assert set(outcomes(await signal(probe.connection, Verb.TERMINATE, decoys))) == {Outcome.CHANGED}
    assert await still_there(probe, targets) == {each.id for each in targets}
    results = await signal(probe.connection, Verb.TERMINATE, [*targets[::2], *decoys[1::2]])
    assert outcomes(results) == [Outcome.SIGNALLED] * (count // 2) + [Outcome.CHANGED] * (count // 2)
    while len(await still_there(probe, targets)) > count // 2:
        assert time.monotonic() - began < 5
    assert await still_there(probe, targets) == {each.id for each in targets[1::2]}
    await probe.close()
    for connection in connections:
        connection.close()


def test_an_array_keeps_microseconds_and_nulls() -> None:
    moment = datetime.fromisoformat("2026-01-02T03:04:05.000001+00:00")
    assert array([moment, None]) == '{"2026-01-02 03:04:05.000001+00:00",NULL}'
    assert array([]) == "{}"
