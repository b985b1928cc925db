"""One session looked at closely, on real servers."""

import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from pgheadroom.demo.servers.cluster import SUPERUSER, Cluster
from pgheadroom.model.detail import LOCKS_SHOWN, LoginSetting
from pgheadroom.model.session import SessionId, State
from pgheadroom.postgres.sampling import Probe
from pgheadroom.postgres.session_detail import detail
from servers import Roles, Sessions, fetch, wait_until
from wire import Wire

OpenProbe = Callable[..., Awaitable[Probe]]


@pytest.fixture
async def open_probe(which_server: Cluster) -> AsyncIterator[OpenProbe]:
    opened: list[Probe] = []

    async def open_one(user: str = "postgres") -> Probe:
        opened.append(await Probe.open(which_server.conninfo(user)))
        return opened[-1]

    yield open_one
    for probe in opened:
        await probe.close()


async def id_of(probe: Probe, connection: "psycopg.Connection[Any]") -> SessionId:
    sessions = (await probe.sample()).sessions
    return next(session.id for session in sessions if session.pid == connection.info.backend_pid)


async def test_the_whole_query(server: Cluster, sessions: Sessions, open_probe: OpenProbe) -> None:
    (connection,) = sessions(1, application_name="shop")
    query = "SELECT 'ü" + "x" * 700 + "'"
    connection.execute(query.encode())
    probe = await open_probe()
    found = await detail(probe, await id_of(probe, connection))
    assert found is not None
    assert found.session.query == query
    assert (found.session.user, found.session.application) == ("postgres", "shop")
    assert (found.session.state, found.session.client) == (State.IDLE, "local")
    assert (found.hostname, found.tls) == ("", "")
    assert found.wait_meaning == ("Waiting to read data from the client" if server.major >= 17 else "")


async def test_a_text_that_is_known_does_not_come_again(server: Cluster, sessions: Sessions) -> None:
    (connection,) = sessions(1)
    connection.execute(b"SELECT '" + b"x" * 900 + b"'")
    async with Wire(server.port) as wire:
        probe = await Probe.open(wire.conninfo(gssencmode="disable"))
        session_id = await id_of(probe, connection)
        first = await detail(probe, session_id)
        assert first is not None
        another = replace(first, session=first.session._replace(query_start=None))
        wire.reset()
        assert await detail(probe, session_id, another) == first
        whole = wire.received
        wire.reset()
        assert await detail(probe, session_id, first) == first
        assert wire.received < whole - 900
        connection.execute(b"SELECT '" + b"y" * 900 + b"'")
        other = await detail(probe, session_id, first)
        assert other is not None
        assert other.session.query == "SELECT '" + "y" * 900 + "'"
        await probe.close()


async def test_a_session_that_has_ended(server: Cluster, sessions: Sessions, open_probe: OpenProbe) -> None:
    (connection,) = sessions(1)
    probe = await open_probe()
    session_id = await id_of(probe, connection)
    assert await detail(probe, session_id) is not None
    pid, start = session_id
    assert start is not None
    assert await detail(probe, SessionId(pid, start.replace(year=2020))) is None
    connection.close()
    present = [session_id]
    while session_id in present:
        present = [session.id for session in (await probe.sample()).sessions]
    assert await detail(probe, session_id) is None


async def test_locks_held_and_wanted(
    server: Cluster, superuser: "psycopg.Connection[Any]", sessions: Sessions, open_probe: OpenProbe
) -> None:
    superuser.execute("DROP TABLE IF EXISTS orders; CREATE TABLE orders (id int)")
    holder, waiter = sessions(2)
    holder.execute("BEGIN; LOCK TABLE orders")
    waiter.execute("BEGIN; SELECT pg_advisory_xact_lock(5)")
    waiter.pgconn.send_query(b"SELECT * FROM orders")
    waiter.pgconn.flush()
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    wait_until(lambda: fetch(superuser, waits) == 1, "it waits")
    probe = await open_probe()
    found = await detail(probe, await id_of(probe, waiter))
    assert found is not None
    wanted, *held = found.locks
    assert (wanted.granted, wanted.target, wanted.mode) == (False, "table public.orders", "AccessShareLock")
    assert all(lock.granted for lock in held)
    assert "advisory lock 5 in database postgres" in {lock.target for lock in held}
    assert (held[-1].locktype, held[-1].fastpath) == ("virtualxid", True)
    assert found.lock_count == len(found.locks)
    holding = await detail(probe, await id_of(probe, holder))
    assert holding is not None
    assert ("table public.orders", "AccessExclusiveLock") in {(lock.target, lock.mode) for lock in holding.locks}


async def test_many_locks_are_counted_and_cut(server: Cluster, sessions: Sessions, open_probe: OpenProbe) -> None:
    (connection,) = sessions(1)
    connection.execute("BEGIN; SELECT pg_advisory_xact_lock(n) FROM generate_series(1, 300) AS n")
    probe = await open_probe()
    found = await detail(probe, await id_of(probe, connection))
    assert found is not None
    assert len(found.locks) == LOCKS_SHOWN
    assert 301 <= found.lock_count < 310


async def test_settings_that_applied_at_the_login(
    server: Cluster, superuser: "psycopg.Connection[Any]", role: Roles, sessions: Sessions, open_probe: OpenProbe
) -> None:
    role("web")
    for place, value in (("ALL", "4min"), ("web", "90s"), ("web IN DATABASE postgres", "1500ms")):
        superuser.execute(f"ALTER ROLE {place} SET statement_timeout = '{value}'".encode())
    superuser.execute("ALTER DATABASE postgres SET lock_timeout = 0")
    superuser.execute("ALTER ROLE web SET idle_in_transaction_session_timeout = '2h'")
    try:
        (connection,) = sessions(1, "web")
        probe = await open_probe()
        found = await detail(probe, await id_of(probe, connection))
        (other,) = sessions(1, dbname="template1")
        elsewhere = await detail(probe, await id_of(probe, other))
    finally:
        superuser.execute("ALTER ROLE ALL RESET ALL")
        superuser.execute("ALTER DATABASE postgres RESET ALL")
    assert found is not None
    assert elsewhere is not None
    settings = {setting.name: setting for setting in found.login_settings}
    assert settings["statement_timeout"] == LoginSetting("statement_timeout", "1500ms", "role web in database postgres")
    assert settings["lock_timeout"] == LoginSetting("lock_timeout", "0", "database postgres")
    name = "idle_in_transaction_session_timeout"
    assert settings[name] == LoginSetting(name, "2h", "role web")
    if server.major >= 14:
        assert settings["idle_session_timeout"] == LoginSetting("idle_session_timeout", "0", "server")
    assert ("transaction_timeout" in settings) == (server.major >= 17)
    settings = {setting.name: setting for setting in elsewhere.login_settings}
    assert settings["statement_timeout"] == LoginSetting("statement_timeout", "4min", "all roles")
    # Our own database sets it, so that the server's own value cannot be known from here; better none than a wrong one.
    assert "lock_timeout" not in settings


async def test_an_ordinary_role_sees_what_it_may(
    server: Cluster, superuser: "psycopg.Connection[Any]", role: Roles, open_probe: OpenProbe
) -> None:
    probe = await open_probe(role("plain"))
    hidden = SessionId(superuser.info.backend_pid, None)
    found = await detail(probe, hidden)
    assert found is not None
    assert found.session.state is State.HIDDEN
    assert (found.hostname, found.tls) == ("", "")


async def test_the_servers_own_timeouts_are_not_those_that_our_session_sets(
    new_cluster: Callable[..., Cluster],
) -> None:
    cluster = new_cluster(settings={"statement_timeout": "77s", "lock_timeout": "5s"})
    with psycopg.connect(cluster.conninfo()) as other:
        for role_default in (None, "1ms"):  # which ends the statement that sets ours, so that they come in the packet
            if role_default:
                other.execute("ALTER ROLE ALL SET lock_timeout = '3s'")
                other.execute("CREATE ROLE hasty LOGIN SUPERUSER; ALTER ROLE hasty SET statement_timeout = '1ms'")
                other.commit()
            probe = await Probe.open(cluster.conninfo("hasty" if role_default else SUPERUSER))
            found = await detail(probe, await id_of(probe, other))
            await probe.close()
            assert found is not None
            told = {setting.name: (setting.value, setting.source) for setting in found.login_settings}
            assert told.get("statement_timeout") == (None if role_default else ("77s", "server"))
            assert told["lock_timeout"] == (("3s", "all roles") if role_default else ("5s", "server"))


async def test_it_is_one_round_trip(server: Cluster, sessions: Sessions) -> None:
    (connection,) = sessions(1)
    async with Wire(server.port) as wire:
        probe = await Probe.open(f"host=127.0.0.1 port={wire.port} user=postgres dbname=postgres gssencmode=disable")
        session_id = await id_of(probe, connection)
        wire.reset()
        assert await detail(probe, session_id) is not None
        assert wire.trips == 1
        await probe.close()


@pytest.fixture
def encrypting(new_cluster: Callable[..., Cluster]) -> Cluster:
    """15 is the system's; the wheel's versions are built without TLS."""
    cluster = new_cluster(15, start=False)
    key, certificate = cluster.data / "server.key", cluster.data / "server.crt"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    made = subprocess.run(
        [*command, "-subj", "/CN=localhost", "-days", "2", "-keyout", key, "-out", certificate], capture_output=True
    )
    assert made.returncode == 0, made.stderr
    for file in (key, certificate):
        file.chmod(0o600)
        cluster.ground.give(file)
    cluster.configure({"ssl": "on"})
    cluster.start()
    return cluster


async def test_encryption(encrypting: Cluster) -> None:
    cluster = encrypting
    connection = psycopg.connect(cluster.conninfo(tcp=True, sslmode="require"))
    connection.execute("SELECT 1")
    probe = await Probe.open(cluster.conninfo(tcp=True, sslmode="require"))
    found = await detail(probe, await id_of(probe, connection))
    assert found is not None
    assert found.tls == "TLSv1.3 TLS_AES_256_GCM_SHA384"
    await probe.close()
    connection.close()
