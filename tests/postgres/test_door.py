"""Opening a connection on real servers."""

import asyncio
import gc
import socket
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from pgheadroom.demo.servers.bouncer import Bouncer
from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.errors import NoConnection, UsageError
from pgheadroom.postgres.door import Connection, farewell, open_door
from pgheadroom.postgres.parameters import patience, place
from servers import Roles, Sessions, fetch, wait_until
from wire import Wire


async def setting(connection: Connection, name: str) -> str:
    cursor = await connection.execute(b"SELECT current_setting(%s)::text", (name,), binary=True)
    row = await cursor.fetchone()
    assert row is not None
    return bytes(row[0]).decode()


async def test_our_session_looks_after_itself(server: Cluster) -> None:
    connection = await open_door(server.conninfo())
    assert await setting(connection, "application_name") == "pgheadroom"
    assert await setting(connection, "statement_timeout") == "15s"
    assert await setting(connection, "lock_timeout") == "1s"
    assert await setting(connection, "client_encoding") == "SQL_ASCII"
    assert await setting(connection, "default_transaction_read_only") == "off"
    if server.major >= 14:
        assert await setting(connection, "idle_session_timeout") == "0"
    if server.major >= 17:
        assert await setting(connection, "transaction_timeout") == "0"
    await connection.close()


async def test_settings_of_our_role_do_not_win(
    server: Cluster, superuser: "psycopg.Connection[Any]", role: Roles
) -> None:
    role("watcher")
    superuser.execute("ALTER ROLE watcher SET statement_timeout = '500ms'")
    connection = await open_door(server.conninfo("watcher"))
    assert await setting(connection, "statement_timeout") == "15s"
    await connection.close()


async def test_a_role_with_hardly_any_patience_gets_in(
    server: Cluster, superuser: "psycopg.Connection[Any]", role: Roles
) -> None:
    """The statement that sets what only newer versions know takes a moment: here for a lock."""
    role("hasty")
    superuser.execute("ALTER ROLE hasty SET statement_timeout = '1ms'")
    waits = "SELECT count(*) FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid) WHERE NOT granted"
    fetch(superuser, waits)
    superuser.execute("BEGIN; LOCK TABLE pg_proc IN ACCESS EXCLUSIVE MODE")
    opening = asyncio.create_task(open_door(server.conninfo("hasty", options="-c geqo=off"), deadline=20))
    await asyncio.to_thread(wait_until, lambda: bool(fetch(superuser, waits)), "our session waits")
    superuser.execute("ROLLBACK")
    connection = await opening
    assert await setting(connection, "statement_timeout") == "15s"
    assert await setting(connection, "lock_timeout") == "1s"
    assert await setting(connection, "geqo") == "off"
    await connection.close()


async def test_the_users_application_name_is_kept(one_server: Cluster) -> None:
    connection = await open_door(one_server.conninfo(application_name="night watch"))
    assert await setting(connection, "application_name") == "night watch"
    await connection.close()


async def test_the_environments_application_name_is_not(one_server: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGAPPNAME", "psql")
    connection = await open_door(one_server.conninfo())
    assert await setting(connection, "application_name") == "pgheadroom"
    await connection.close()


async def test_read_only_is_read_only(one_server: Cluster) -> None:
    connection = await open_door(one_server.conninfo(), read_only=True)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        await connection.execute("CREATE TABLE t ()")
    await connection.close()


async def test_a_full_server_is_full(server: Cluster, role: Roles, sessions: Sessions) -> None:
    role("crowd")
    role("watcher", member_of=["pg_monitor"])
    sessions.fill("crowd")
    with pytest.raises(NoConnection, match="remaining connection slots are reserved") as refused:
        await open_door(server.conninfo("watcher"))
    assert refused.value.full
    assert "\n" not in str(refused.value)


async def test_not_even_a_superuser_gets_in(server: Cluster, sessions: Sessions) -> None:
    sessions.fill("postgres")
    with pytest.raises(NoConnection, match="sorry, too many clients already") as refused:
        await open_door(server.conninfo(tcp=True))
    assert refused.value.full
    assert str(refused.value).startswith(f"127.0.0.1:{server.port}: ")


async def test_the_limit_of_a_role_is_full_too(server: Cluster, role: Roles) -> None:
    role("narrow", limit=0)
    with pytest.raises(NoConnection, match='too many connections for role "narrow"') as refused:
        await open_door(server.conninfo("narrow"))
    assert refused.value.full


async def test_a_database_that_does_not_exist(one_server: Cluster) -> None:
    with pytest.raises(NoConnection, match='database "nowhere" does not exist') as refused:
        await open_door(one_server.conninfo(dbname="nowhere"))
    assert not refused.value.full
    assert not refused.value.password_needed


async def test_passwords(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster(hba="local all postgres trust\nlocal all all scram-sha-256\n")
    with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
        superuser.execute("CREATE ROLE web LOGIN PASSWORD 'open sesame'")
    with pytest.raises(NoConnection, match="a password is needed") as refused:
        await open_door(cluster.conninfo("web"))
    assert refused.value.password_needed
    with pytest.raises(NoConnection, match="password authentication failed") as refused:
        await open_door(cluster.conninfo("web"), password="guess")
    assert not refused.value.password_needed
    assert "guess" not in str(refused.value)
    connection = await open_door(cluster.conninfo("web"), password="open sesame")
    await connection.close()


async def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(NoConnection, match=f"127.0.0.1:{port}: nobody listens there"):
            await open_door(f"host=127.0.0.1 port={port}")


async def test_a_host_that_does_not_exist() -> None:
    with pytest.raises(NoConnection, match="no such host"):
        await open_door("host=does-not-exist.invalid")


async def test_a_server_that_accepts_and_says_nothing() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        began = time.monotonic()
        with pytest.raises(NoConnection, match="no answer in"):
            await open_door(f"host=127.0.0.1 port={silent.getsockname()[1]} sslmode=disable", deadline=0.5)
        assert time.monotonic() - began < 4.0


async def test_a_server_that_falls_silent_after_the_login(one_server: Cluster) -> None:
    async with Wire(one_server.port) as wire:
        wire_conninfo = (
            f"host=127.0.0.1 port={wire.port} user=postgres dbname=postgres sslmode=disable gssencmode=disable"
        )
        opening = asyncio.create_task(open_door(wire_conninfo, deadline=1.0))
        await wire.answered.wait()
        wire.silence()
        with pytest.raises(NoConnection, match="no answer"):
            await opening


@pytest.mark.parametrize("way", ["by psycopg", "by us", "several"])
async def test_an_attempt_that_is_given_up_leaves_no_connection_open(one_server: Cluster, way: str) -> None:
    """Otherwise each attempt at a server that does not answer would keep one of its processes busy."""
    async with Wire(one_server.port) as wire:
        wire.silence()
        hosts = {"host": "127.0.0.1,127.0.0.1", "port": f"{wire.port},{wire.port}"} if way == "several" else {}
        gc.disable()
        try:
            with pytest.raises(NoConnection, match="no answer in"):
                await open_door(wire.conninfo(connect_timeout=2, **hosts), deadline=1.0 if way == "by us" else None)
            await asyncio.to_thread(wait_until, lambda: not wire.alive, "the wire has heard of the end")
        finally:
            gc.enable()
        assert wire.connections == (2 if way == "several" else 1)


async def test_a_connection_string_with_a_secret_is_not_quoted() -> None:
    for conninfo in ("host=x password=se cret", "postgresql://web:se cret@[::1/shop", "password='se cret"):
        with pytest.raises(UsageError) as refused:
            await open_door(conninfo)
        assert "cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ({"connect_timeout": 5}, 12),
        ({"connect_timeout": "3", "host": "a,b"}, 14),
        ({"connect_timeout": "0"}, 122),
    ],
)
def test_patience(given: dict[str, object], seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGHOST", raising=False)
    assert patience(given) == seconds


async def test_a_connect_timeout_that_is_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="connect_timeout"):
        await open_door("host=127.0.0.1 connect_timeout=soon")
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "later")
    with pytest.raises(UsageError, match="connect_timeout"):
        await open_door("host=127.0.0.1")


async def test_a_pooler_keeps_the_settings_of_its_sessions(bouncer: Bouncer) -> None:
    connection = await open_door(bouncer.conninfo("postgres", "postgres"))
    assert await setting(connection, "statement_timeout") == "0"
    assert await setting(connection, "lock_timeout") == "0"
    await connection.close()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"host": "db1", "port": "6000"}, "db1:6000"),
        ({"host": "db1"}, "db1:5432"),
        ({"host": "/run/pg"}, "/run/pg"),
        ({"host": "/run/pg", "port": "5433"}, "/run/pg:5433"),
        ({"port": "5433"}, "the local socket, port 5433"),
        ({"host": "::1"}, "[::1]:5432"),
        ({"service": "nope"}, 'the service "nope"'),
        ({"service": "known", "host": "db1"}, "db1:5432"),
        ({}, "the local socket"),
    ],
)
def test_places(given: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGPORT", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)
    assert place(given) == words


def test_an_immediate_shutdown_is_no_crash_where_the_server_tells_them_apart() -> None:
    assert farewell("57P02", 140_000) == "the server is restarting after the crash of another session"
    assert farewell("57P02", 130_023) == "an immediate shutdown, or the crash of another session"
    assert "shuts down" in farewell("57P01", 140_000)
    assert farewell("57014", 140_000) == farewell(None, 140_000) == ""
