"""One sample of a real server, beside what SQL says at the same moment."""

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from pgheadroom.demo.servers.bouncer import Bouncer
from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.model.session import LOCAL, State
from pgheadroom.model.snapshot import SlotKind, Snapshot
from pgheadroom.postgres import asking
from pgheadroom.postgres.exchange import NoSample
from pgheadroom.postgres.gaps import hidden_sessions
from pgheadroom.postgres.sampling import Probe, slot_sync_takes_slot
from samples import hidden
from servers import MAX_CONNECTIONS, PATIENCE, RESERVED, SUPERUSER_RESERVED, Roles, Sessions, fetch, standby_of
from wire import Wire

OpenProbe = Callable[..., Awaitable[Probe]]


@pytest.fixture
async def open_probe(which_server: Cluster) -> AsyncIterator[OpenProbe]:
    opened: list[Probe] = []

    async def open_one(user: str = "postgres", **others: Any) -> Probe:
        probe = await Probe.open(which_server.conninfo(user, **others))
        opened.append(probe)
        return probe

    yield open_one
    for probe in opened:
        await probe.close()


def counts(superuser: "psycopg.Connection[Any]") -> dict[tuple[str | None, str | None], int]:
    rows = superuser.execute(
        "SELECT usename, state, count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' GROUP BY 1, 2"
    ).fetchall()
    return {(user, state): count for user, state, count in rows}


def counted(snapshot: Snapshot) -> dict[tuple[str | None, str | None], int]:
    found: dict[tuple[str | None, str | None], int] = {}
    for session in snapshot.sessions:
        key = (session.user, str(session.state))
        found[key] = found.get(key, 0) + 1
    return found


def busy(role: Roles, sessions: Sessions) -> None:
    """Sessions in every state that a client can be in by itself."""
    role("web")
    sessions(4, "web", application_name="shop")
    sessions(2, "web", tcp=True)[0].execute("BEGIN; SELECT 1")
    aborted = sessions(1, "web")[0]
    aborted.execute("BEGIN")
    with pytest.raises(psycopg.errors.DivisionByZero):
        aborted.execute("SELECT 1/0")


@pytest.mark.parametrize("privilege", ["superuser", "pg_monitor"])
async def test_counts_are_those_of_sql(
    server: Cluster,
    superuser: "psycopg.Connection[Any]",
    role: Roles,
    sessions: Sessions,
    open_probe: OpenProbe,
    privilege: str,
) -> None:
    busy(role, sessions)
    user = "postgres" if privilege == "superuser" else role("watcher", member_of=["pg_monitor"])
    probe = await open_probe(user)
    snapshot = await probe.sample()
    expected = counts(superuser)
    # In the sample we are active, and the connection that counts here is idle; in the count it is the other way round.
    expected["postgres", "active"] -= 1
    expected["postgres", "idle"] = expected.get(("postgres", "idle"), 0) + 1
    expected[user, "idle"] -= 1
    expected[user, "active"] = expected.get((user, "active"), 0) + 1
    assert counted(snapshot) == {key: count for key, count in expected.items() if count}
    assert snapshot.exact
    assert snapshot.door.sees_all
    assert snapshot.lacking == []
    others = fetch(superuser, "SELECT count(*) FROM pg_stat_activity WHERE backend_type <> 'client backend'")
    assert len(snapshot.processes) == others


async def test_every_column_is_that_of_the_view(
    server: Cluster, superuser: "psycopg.Connection[Any]", role: Roles, sessions: Sessions, open_probe: OpenProbe
) -> None:
    busy(role, sessions)
    superuser.execute("SET TimeZone = 'UTC'")
    probe = await open_probe()
    snapshot = await probe.sample()
    rows = superuser.execute(
        """SELECT pid, backend_start, usename, datname, application_name, coalesce(host(client_addr), 'local'),
                  nullif(client_port, -1), state, coalesce(wait_event_type, ''), coalesce(wait_event, ''), xact_start,
                  query_start, state_change, backend_xid::text, backend_xmin::text, backend_type, leader_pid, query
             FROM pg_stat_activity WHERE usename = 'web' ORDER BY pid"""
    ).fetchall()
    ours = sorted(session for session in snapshot.sessions if session.user == "web")
    assert len(rows) == 7
    assert [tuple(session[:-1]) for session in ours] == rows
    assert {session.client for session in ours} == {LOCAL, "127.0.0.1"}


async def test_a_role_without_rights_says_so_and_never_one(
    server: Cluster, superuser: "psycopg.Connection[Any]", role: Roles, sessions: Sessions, open_probe: OpenProbe
) -> None:
    busy(role, sessions)
    role("Plain")
    snapshot = await (await open_probe("Plain")).sample()
    # Our own and the superuser's, and seven of web.
    assert len(snapshot.sessions) == 9
    assert not snapshot.exact
    assert not snapshot.door.sees_all
    assert not snapshot.door.may_signal
    hidden = [session for session in snapshot.sessions if session.state is State.HIDDEN]
    assert len(hidden) == 8
    assert all(session.backend_start is None and session.backend_type == "" for session in hidden)
    assert {session.user for session in hidden} == {"web", "postgres"}
    gap = next(gap for gap in snapshot.gaps if gap.part == "sessions")
    assert 'GRANT pg_monitor TO "Plain"' in gap.reason


def test_a_role_whose_name_cannot_be_read_is_not_left_out_of_the_grant() -> None:
    assert "GRANT pg_monitor TO <role> shows them" in hidden_sessions(r"m\xfcller").reason


@pytest.mark.parametrize("name", ["plain", "user", "select", "Plain", 'pl"ain'])
async def test_the_grant_that_is_named_is_enough(
    server: Cluster, superuser: "psycopg.Connection[Any]", role: Roles, open_probe: OpenProbe, name: str
) -> None:
    role(name)
    probe = await open_probe(name)
    gap = (await probe.sample()).gaps[0].reason
    statement = gap.partition("GRANT")[1:]
    superuser.execute(("".join(statement).rpartition(" shows")[0]).encode())
    probe = await open_probe(name)
    snapshot = await probe.sample()
    assert snapshot.exact
    assert snapshot.lacking == []


async def test_settings_and_who_we_are(server: Cluster, role: Roles, open_probe: OpenProbe) -> None:
    role("helper", member_of=["pg_monitor", "pg_signal_backend"])
    probe = await open_probe("helper")
    snapshot = await probe.sample()
    reserved = RESERVED if server.major >= 16 else 0
    assert (snapshot.settings.max_connections, snapshot.settings.superuser_reserved) == (
        MAX_CONNECTIONS,
        SUPERUSER_RESERVED,
    )
    assert snapshot.settings.reserved == reserved
    assert snapshot.settings.max_wal_senders == 5
    assert snapshot.server.major == server.major
    assert snapshot.server.version == server.installation.version
    assert snapshot.server.name == f"{server.folder}:{server.port}"
    assert not snapshot.server.in_recovery
    assert snapshot.door.may_signal
    assert snapshot.door.slot is SlotKind.ORDINARY
    assert snapshot.door.pid == probe.connection.info.backend_pid
    assert snapshot.door.label == f"helper@{server.folder}:{server.port}/postgres"
    assert abs(snapshot.taken_at.timestamp() - time.time()) < 5


async def test_kinds_of_slot(
    server: Cluster, superuser: "psycopg.Connection[Any]", role: Roles, open_probe: OpenProbe
) -> None:
    assert (await (await open_probe()).sample()).door.slot is SlotKind.SUPERUSER
    if server.major < 16:
        return
    role("heir", member_of=["pg_use_reserved_connections"])
    role("stranger", "NOINHERIT")
    superuser.execute("GRANT pg_use_reserved_connections TO stranger WITH INHERIT FALSE")
    role("group_member", member_of=["heir"])
    snapshot = await (await open_probe("heir")).sample()
    assert snapshot.door.slot is SlotKind.RESERVED
    assert (await (await open_probe("stranger")).sample()).door.slot is SlotKind.ORDINARY
    reserved = {name for name, role in snapshot.roles.items() if role.reserved}
    assert {"heir", "group_member"} <= reserved
    assert "stranger" not in reserved
    # The rule of the server itself, for every role.
    expected = superuser.execute(
        "SELECT rolname FROM pg_roles WHERE pg_has_role(oid, 'pg_use_reserved_connections', 'USAGE') AND NOT rolsuper"
    )
    assert {name for (name,) in expected} == {name for name in reserved if not snapshot.roles[name].superuser}


async def test_limits_of_roles_and_databases(
    server: Cluster, superuser: "psycopg.Connection[Any]", role: Roles, open_probe: OpenProbe
) -> None:
    role("narrow", limit=7)
    role("wide")
    superuser.execute("CREATE DATABASE tiny CONNECTION LIMIT 3")
    superuser.execute("CREATE DATABASE broken")
    superuser.execute("UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'broken'")
    try:
        snapshot = await (await open_probe()).sample()
    finally:
        superuser.execute("DROP DATABASE tiny")
        superuser.execute("DROP DATABASE broken")
    assert snapshot.roles["narrow"].limit == 7
    assert snapshot.roles["wide"].limit is None
    assert snapshot.roles["postgres"].superuser
    assert snapshot.databases["tiny"].limit == 3
    assert snapshot.databases["broken"].limit is None
    assert snapshot.databases["broken"].valid is False
    assert not snapshot.databases["template0"].allows_connections


# --- sessions that still authenticate --------------------------------------------------------------------------------


def startup_packet(user: str) -> bytes:
    body = struct.pack("!i", 196608) + f"user\0{user}\0database\0postgres\0\0".encode()
    return struct.pack("!i", len(body) + 4) + body


@contextmanager
def at_the_password_prompt(cluster: Cluster, count: int) -> Iterator[list[socket.socket]]:
    """Connections that were asked for a password and do not give it."""
    waiting = []
    try:
        for _ in range(count):
            waiting.append(socket.create_connection(("127.0.0.1", cluster.port)))
            waiting[-1].sendall(startup_packet("web"))
            assert waiting[-1].recv(1) == b"R"
        yield waiting
    finally:
        for each in waiting:
            each.close()


@pytest.mark.parametrize("major", [15, 16, 18])
async def test_a_full_server_with_sessions_that_still_authenticate(
    new_cluster: Callable[..., Cluster], major: int
) -> None:
    cluster = new_cluster(major, {"max_connections": 12}, hba="local all all trust\nhost all all all scram-sha-256\n")
    with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
        superuser.execute("CREATE ROLE web LOGIN PASSWORD 'x'")
    probe = await Probe.open(cluster.conninfo())
    with at_the_password_prompt(cluster, 11):
        snapshot = await probe.sample()
        starting = [session for session in snapshot.sessions if session.state is State.STARTING]
        assert len(snapshot.sessions) + snapshot.authenticating == 12
        assert (len(starting), snapshot.authenticating) == ((11, 0) if major >= 18 else (0, 11))
        with pytest.raises(psycopg.OperationalError, match="too many clients"):
            psycopg.connect(cluster.conninfo())
    await probe.close()


# --- what it costs ---------------------------------------------------------------------------------------------------


async def test_a_sample_is_one_round_trip(server: Cluster, role: Roles, sessions: Sessions) -> None:
    busy(role, sessions)
    async with Wire(server.port) as wire:
        probe = await Probe.open(f"host=127.0.0.1 port={wire.port} user=postgres dbname=postgres gssencmode=disable")
        await probe.sample()
        wire.reset()
        for expected in (1, 2, 3):
            await probe.sample()
            assert wire.trips == expected
        await probe.close()
    assert wire.connections == 1


async def test_also_when_the_names_are_read_again(
    one_server: Cluster, superuser: "psycopg.Connection[Any]", monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Wire(one_server.port) as wire:
        probe = await Probe.open(f"host=127.0.0.1 port={wire.port} user=postgres dbname=postgres gssencmode=disable")
        await probe.sample()
        monkeypatch.setattr(asking, "OFTEN", 0.0)
        superuser.execute("CREATE ROLE newcomer CONNECTION LIMIT 2")
        wire.reset()
        try:
            snapshot = await probe.sample()
        finally:
            superuser.execute("DROP ROLE newcomer")
        assert wire.trips == 1
        assert snapshot.roles["newcomer"].limit == 2
        await probe.close()


async def test_new_roles_and_databases_are_learned_when_they_come(
    one_server: Cluster,
    superuser: "psycopg.Connection[Any]",
    role: Roles,
    sessions: Sessions,
    open_probe: OpenProbe,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    probe = await open_probe()
    await probe.sample()
    role("newcomer")
    sessions(1, "newcomer")
    snapshot = await probe.sample()
    # Read less than a second ago: not again, whatever comes.
    assert any(session.user and session.user.startswith("oid ") for session in snapshot.sessions)
    monkeypatch.setattr(asking, "AT_MOST", 0.0)
    snapshot = await probe.sample()
    assert any(session.user == "newcomer" for session in snapshot.sessions)


async def test_locked_catalogues_do_not_stop_it(
    server: Cluster, superuser: "psycopg.Connection[Any]", open_probe: OpenProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = await open_probe()
    before = await probe.sample()
    superuser.execute("BEGIN; LOCK TABLE pg_authid, pg_database")
    try:
        began = time.monotonic()
        snapshot = await probe.sample()
        assert time.monotonic() - began < 0.95  # less than the lock timeout
        assert snapshot.lacking == []
        monkeypatch.setattr(asking, "OFTEN", 0.0)
        began = time.monotonic()
        snapshot = await probe.sample()
        assert time.monotonic() - began < 0.95  # the names are not waited for either
        monkeypatch.undo()
    finally:
        superuser.execute("ROLLBACK")
    assert {gap.part for gap in snapshot.gaps} & {"roles", "databases", "settings"}
    assert "lock timeout" in snapshot.gaps[0].reason
    assert len(snapshot.sessions) == len(before.sessions)
    assert snapshot.sessions[0].user == "postgres"
    assert snapshot.roles == before.roles


async def test_what_is_forbidden_is_not_asked_each_second(
    new_cluster: Callable[..., Cluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = new_cluster()
    with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
        superuser.execute("CREATE ROLE plain LOGIN; REVOKE EXECUTE ON FUNCTION pg_lock_status FROM PUBLIC")
    probe = await Probe.open(cluster.conninfo("plain"))
    for _ in range(3):
        snapshot = await probe.sample()
        gap = next(gap for gap in snapshot.gaps if gap.part == "locks")
        assert "permission denied" in gap.reason
        assert len(snapshot.sessions) >= 1
    assert cluster.log.count("permission denied") == 1
    with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
        superuser.execute("GRANT EXECUTE ON FUNCTION pg_lock_status TO PUBLIC")
    probe._denied.forget("locks")
    assert not any(gap.part == "locks" for gap in (await probe.sample()).gaps)
    await probe.close()


async def test_without_the_right_to_see_any_session_there_is_no_sample(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster()
    with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
        superuser.execute("CREATE ROLE plain LOGIN; REVOKE EXECUTE ON FUNCTION pg_stat_get_activity FROM PUBLIC")
    probe = await Probe.open(cluster.conninfo("plain"))
    for _ in range(3):
        with pytest.raises(NoSample, match="permission denied for function pg_stat_get_activity"):
            await probe.sample()
    # The sessions, with and without what else is asked of them.
    assert cluster.log.count("permission denied") == 2
    await probe.close()


@pytest.mark.parametrize(
    ("version_num", "takes"),
    [(170_000, True), (170_002, True), (170_003, False), (160_006, False), (180_004, False)],
)
def test_the_slot_that_slot_synchronisation_took(version_num: int, takes: bool) -> None:
    blank = hidden(1)
    worker, other = blank._replace(backend_type="slotsync worker"), blank._replace(backend_type="walwriter")
    assert slot_sync_takes_slot(version_num, [other, worker]) is takes
    assert not slot_sync_takes_slot(version_num, [other])


async def test_activity_that_is_switched_off(server: Cluster, sessions: Sessions, open_probe: OpenProbe) -> None:
    dark = sessions(1, options="-c track_activities=off")[0]
    snapshot = await (await open_probe()).sample()
    session = next(session for session in snapshot.sessions if session.pid == dark.info.backend_pid)
    assert session.state is State.DISABLED
    assert snapshot.exact


async def test_long_queries_are_cut(server: Cluster, sessions: Sessions, open_probe: OpenProbe) -> None:
    query = f"SELECT '{'é' * 400}'"
    connection = sessions(1)[0]
    connection.execute(query.encode())
    snapshot = await (await open_probe()).sample()
    session = next(session for session in snapshot.sessions if session.pid == connection.info.backend_pid)
    assert 100 < len(session.query) < 240
    assert query.startswith(session.query)


async def test_through_a_pooler_it_says_so(bouncer: Bouncer) -> None:
    probe = await Probe.open(bouncer.conninfo("postgres", "postgres"))
    snapshot = await probe.sample()
    assert snapshot.door.pid == 0
    assert "pooler" in next(gap.reason for gap in snapshot.gaps if gap.part == "connection")
    await probe.close()


async def test_our_own_waiting_shows_in_no_ones_locks(server: Cluster, open_probe: OpenProbe) -> None:
    snapshot = await (await open_probe()).sample()
    assert snapshot.lock_requests == ()
    assert all(session.blocked_by == () for session in snapshot.sessions)


@pytest.mark.parametrize("major", [15, 16, 18])
async def test_a_standby(new_cluster: Callable[..., Cluster], major: int) -> None:
    primary = new_cluster(major)
    standby = standby_of(primary, f"standby{major}")
    standby.start()
    try:
        probe = await Probe.open(standby.conninfo())
        snapshot = await probe.sample()
        assert snapshot.server.in_recovery
        assert len(snapshot.sessions) == 1
        assert snapshot.lacking == []
        await probe.close()
        probe = await Probe.open(primary.conninfo())
        # Its walsender is a process of the primary, not one of its sessions. It comes when the standby has replayed.
        async with asyncio.timeout(PATIENCE):
            snapshot = await probe.sample()
            while not any(process.backend_type == "walsender" for process in snapshot.processes):
                await asyncio.sleep(0.05)
                snapshot = await probe.sample()
        assert len(snapshot.sessions) == 1
        await probe.close()
    finally:
        standby.stop("immediate")


async def test_a_long_comment_at_the_beginning_hides_no_query(server: Cluster, sessions: Sessions) -> None:
    traced = "/*" + "traceparent='00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-01'," * 5 + "*/"
    short, other = "/* job 7 */ SELECT 2", "SELECT 3 /* at the end */"
    for query in (traced + " SELECT 'ä'", short, other, "/* never closed" + "!" * 300):
        (one,) = sessions(application_name="commented")
        with contextlib.suppress(psycopg.Error):
            one.execute(query.encode())
    probe = await Probe.open(server.conninfo())
    try:
        seen = await probe.sample()
    finally:
        await probe.close()
    found = {one.query[:60] for one in seen.sessions if one.application == "commented"}
    assert found == {"/*...*/  SELECT 'ä'", short, other, "/* never closed" + "!" * 45}


async def test_the_slot_is_that_of_the_role_that_logged_in_whatever_it_became(
    server: Cluster, role: Roles, superuser: "psycopg.Connection[Any]"
) -> None:
    role("dba", "SUPERUSER")
    role("bob", member_of=["dba"])
    role("plain")
    role("root2", "SUPERUSER")
    superuser.execute("ALTER ROLE bob SET role = dba")
    superuser.execute("ALTER ROLE root2 SET role = plain")
    slots = {}
    for user in ("bob", "root2", "dba"):
        probe = await Probe.open(server.conninfo(user))
        try:
            slots[user] = (await probe.sample()).door.slot
        finally:
            await probe.close()
    assert slots == {"bob": SlotKind.ORDINARY, "root2": SlotKind.SUPERUSER, "dba": SlotKind.SUPERUSER}
