"""PgBouncers in trouble: full, stopped, locked up, or none at all. Each is told, and costs one connection at most."""

import asyncio
import math
import os
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgheadroom.demo.servers.bouncer import Bouncer
from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.model.bouncer import PoolerState
from pgheadroom.model.bouncer_command import BouncerCommand, BouncerVerb, CommandOutcome
from pgheadroom.model.pool import version_tuple
from pgheadroom.model.pool_limits import Cap
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.pgbouncer import console as module
from pgheadroom.pgbouncer.console import Console
from pgheadroom.pgbouncer.line import ask
from pgheadroom.pgbouncer.reading import CLIENTS, POOLS, SERVERS, Part
from pgheadroom.postgres.door import Connection
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.pools.banners import banners
from pgheadroom.rules.pools.pool_limits import pool_limits
from samples import snapshot
from servers import PATIENCE, fetch, freeze, restart, thaw, until


def upstream(cluster: Cluster) -> str:
    return f"host={cluster.folder} port={cluster.port} dbname=postgres"


async def test_full_it_still_lets_the_console_in(one_server: Cluster, new_bouncer: Callable[..., Bouncer]) -> None:
    bouncer = new_bouncer({"postgres": upstream(one_server)}, settings={"max_client_conn": 3})
    clients = [psycopg.connect(bouncer.conninfo("postgres", "postgres")) for _ in range(3)]
    with pytest.raises(psycopg.OperationalError, match="no more connections allowed"):
        psycopg.connect(bouncer.conninfo("postgres", "postgres"))
    console = Console(bouncer.console())
    seen = await console.sample()
    assert (seen.trouble, len(seen.clients)) == ("", 3)
    assert [banner.text for banner in banners(seen)] == ["max_client_conn 3 is reached: new clients are refused"]
    for connection in clients:
        connection.close()
    await console.close()


async def test_paused_as_a_whole(bouncer: Bouncer) -> None:
    with psycopg.connect(bouncer.console(), autocommit=True, prepare_threshold=None) as other:
        other.execute("PAUSE", prepare=False)
        console = Console(bouncer.console())
        seen = await console.sample()
        assert seen.trouble == ""
        assert seen.state is (PoolerState.PAUSED if seen.version_num >= (1, 19) else PoolerState.UNKNOWN)
        client = psycopg.AsyncConnection.connect(bouncer.conninfo("postgres", "postgres"), autocommit=True)
        connecting = asyncio.create_task(client)
        await asyncio.sleep(1.2)
        seen = await console.sample()
        (banner,) = banners(seen)
        assert "1 client waits" in banner.text
        assert banner.remedy == BouncerCommand(BouncerVerb.RESUME)
        assert (await console.run(banner.remedy)).outcome is CommandOutcome.DONE
        await (await connecting).close()
        await console.close()


async def test_suspended_by_somebody_else_the_console_goes_on_and_1_26_has_no_suspend(bouncer: Bouncer) -> None:
    console = Console(bouncer.console())
    seen = await console.sample()
    with psycopg.connect(bouncer.console(), autocommit=True, prepare_threshold=None) as other:
        if seen.version_num >= (1, 26):
            with pytest.raises(psycopg.errors.ProtocolViolation, match="invalid command"):
                other.execute("SUSPEND", prepare=False)
            await console.close()
            return
        other.execute("SUSPEND", prepare=False)
        assert (await console.sample()).trouble == ""
        late = Console(bouncer.console())
        seen = await late.sample(0.3)
        assert seen.trouble.startswith("no answer for 0.3 s")
        await late.close()
        other.execute("RESUME", prepare=False)
    await console.close()


PASSWORDS = {"auth_type": "scram-sha-256"}


async def test_passwords(one_server: Cluster, new_bouncer: Callable[..., Bouncer]) -> None:
    bouncer = new_bouncer({"postgres": upstream(one_server)}, settings=PASSWORDS, users={"admin": "hunter2"})
    troubles = {}
    for password in (None, "wrong", "hunter2"):
        console = Console(bouncer.console(tcp=True), password=password)
        seen = await console.sample()
        troubles[password] = seen.trouble
        assert "hunter2" not in repr(seen)
        await console.close()
    assert troubles[None] == "a password is needed"
    assert "authentication failed" in troubles["wrong"]
    assert "wrong" not in troubles["wrong"]
    assert troubles["hunter2"] == ""


async def test_postgresql_in_its_place_is_left_in_peace(one_server: Cluster, superuser: Any) -> None:
    console = Console(one_server.conninfo(application_name="misled"))
    seen = await console.sample()
    assert "this is not a PgBouncer (it calls itself" in seen.trouble
    assert seen.age is None
    await asyncio.sleep(0.1)
    # Each attempt would take one of its slots.
    assert fetch(superuser, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'misled'") == 0
    await asyncio.sleep(0.6)
    assert console.begin() is None
    assert (await console.sample()).trouble == seen.trouble
    assert (await console.run(BouncerCommand(BouncerVerb.RELOAD))).outcome is CommandOutcome.REFUSED
    await console.close()


async def test_postgresql_goes_away_and_comes_back(
    new_cluster: Callable[..., Cluster], new_bouncer: Callable[..., Bouncer]
) -> None:
    cluster = new_cluster()
    bouncer = new_bouncer({"postgres": upstream(cluster)}, settings={"server_login_retry": 1})
    console = Console(bouncer.console())
    client = psycopg.connect(bouncer.conninfo("postgres", "postgres"), autocommit=True)
    client.execute("SELECT 1")
    assert len((await console.sample()).servers) == 1
    cluster.stop("immediate")
    client.pgconn.send_query(b"SELECT 1")
    client.pgconn.flush()
    seen = await until(console, lambda seen: bool(seen.pools) and seen.pools[0].cl_waiting == 1)
    (pool,) = seen.pools
    assert (seen.trouble, pool.cl_waiting, pool.sv_active, pool.sv_idle) == ("", 1, 0, 0)
    sample = snapshot(pgbouncers=(seen,))
    assert pool_limits(Case(sample, Thresholds()), seen, pool).binding is Cap.LOGIN
    cluster.start()
    await until(console, lambda seen: bool(seen.pools) and seen.pools[0].cl_waiting == 0)
    client.close()
    await console.close()


async def test_what_comes_after_the_pools_may_be_late(bouncer: Bouncer, monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(bouncer.console())
    await console.sample()
    released = asyncio.Event()

    async def slow(connection: Connection, question: bytes, where: str) -> Any:
        if question == b"SHOW CLIENTS":
            await released.wait()
        return await ask(connection, question, where)

    monkeypatch.setattr(module, "ask", slow)
    seen = await console.sample(0.3)
    # The pools are new and are shown as such; what is late is named.
    assert (seen.trouble, seen.age, seen.gaps) == ("", 0.0, ())
    seen = await console.sample(0.8)
    assert (seen.trouble, seen.age) == ("", 0.0)
    assert [gap.part for gap in seen.gaps] == ["clients"]
    assert seen.gaps[0].reason.startswith("no answer for 1.")
    released.set()
    assert (await console.sample()).gaps == ()
    await console.close()


@pytest.mark.parametrize(
    ("asked", "ends", "waits"),
    [([SERVERS, CLIENTS, CLIENTS], math.inf, 3), ([POOLS], math.inf, 1), ([SERVERS, CLIENTS], 0.0, 1)],
)
async def test_who_looks_once_waits_as_long_as_it_goes_on_to_answer(
    monkeypatch: pytest.MonkeyPatch, asked: list[Part], ends: float, waits: int
) -> None:
    console, coming, waited = Console("host=/nowhere"), iter(asked), []
    console._question, console._asking = asyncio.create_task(asyncio.sleep(math.inf)), POOLS

    async def arrives(_: object, seconds: float) -> bool:
        console._asking = next(coming)
        waited.append(seconds)
        return False

    with monkeypatch.context() as late:
        late.setattr(module, "arrives", arrives)
        await console.settle(2.0, ends)
    assert waited == [2.0] * waits
    console._question.cancel()


async def test_the_parts_of_a_real_console(bouncer: Bouncer) -> None:
    console = Console(bouncer.console(tcp=True))
    with psycopg.connect(bouncer.conninfo("postgres", "postgres", application_name="shop"), autocommit=True) as client:
        client.execute("SELECT 1")
        await console.sample()
        await asyncio.sleep(2.1)
        for _ in range(20):
            client.execute("SELECT 1")
        seen = await console.sample()
    assert seen.gaps == ()
    assert seen.admin is True
    assert [one.name for one in seen.databases] == ["postgres"]
    assert {one.name for one in seen.users} >= {"admin", "stats", "postgres"}
    assert (seen.limit("default_pool_size"), seen.limit("max_client_conn"), seen.setting("nothing")) == (3, 100, None)
    assert seen.config[0].changed
    (stats,) = seen.stats
    assert stats.totals.queries >= 21
    assert stats.recent is not None
    assert 5 < stats.recent.queries < 15
    assert dict(seen.lists)["used_clients"] == 2
    (one,) = seen.clients
    assert (one.application, one.address, one.user, one.state) == ("shop", "unix", "postgres", "idle")
    assert one.os_pid == os.getpid()
    assert one.age is not None
    assert 2 <= one.age <= 5
    (server,) = seen.servers
    assert server.age is not None
    assert server.state in ("idle", "used")
    await console.close()


def owner_of(bouncer: Bouncer) -> int:
    return Path(f"/proc/{bouncer.pid}").stat().st_uid


async def test_the_pgbouncer_user_on_the_unix_socket_is_an_administrator(
    one_server: Cluster, new_bouncer: Callable[..., Bouncer]
) -> None:
    bouncer = new_bouncer({"postgres": upstream(one_server)}, settings={"admin_users": "somebody"})
    owner = owner_of(bouncer)
    if os.geteuid() not in (0, owner):
        pytest.skip("only root can be somebody else")
    console = Console(bouncer.console("pgbouncer"))
    before = os.geteuid()
    os.seteuid(owner)
    try:
        seen = await console.sample()
    finally:
        os.seteuid(before)
    assert (seen.trouble, seen.admin) == ("", True)
    assert bouncer.log.count("ERROR a database is required") == 1
    await console.sample()
    assert bouncer.log.count("ERROR a database is required") == 1
    assert (await console.run(BouncerCommand(BouncerVerb.DISABLE, "postgres"))).outcome is CommandOutcome.DONE
    await console.close()


async def test_bytes_that_are_not_utf8_are_shown(bouncer: Bouncer) -> None:
    with socket.create_connection(("127.0.0.1", bouncer.port)) as raw:
        body = b"\0\3\0\0user\0postgres\0database\0postgres\0application_name\0m\xfcller\0\0"
        raw.sendall(struct.pack("!i", len(body) + 4) + body)
        raw.recv(100)
        console = Console(bouncer.console())
        seen = await console.sample()
        assert [one.application for one in seen.clients] == [r"m\xfcller"]
        await console.close()
        # A console that promises UTF-8 and does not keep it.
        connection = await Connection.connect(
            bouncer.console(), autocommit=True, prepare_threshold=None, client_encoding="UTF8"
        )
        answer = await ask(connection, b"SHOW CLIENTS", "")
        assert b"m\xfcller" in answer.values("application_name")
        await connection.close()


async def test_there_is_never_a_second_console(
    one_server: Cluster, new_bouncer: Callable[..., Bouncer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through samples, a long pause, a freeze that is given up, a kill and a restart."""
    monkeypatch.setattr(module, "ANSWER_WITHIN", 0.5)
    bouncer = new_bouncer(
        {"postgres": upstream(one_server)}, settings={"stats_users": "stats,counter"}, users={"counter": ""}
    )
    console = Console(bouncer.console())
    most = 0

    def count() -> None:
        nonlocal most
        with psycopg.connect(bouncer.console("counter"), autocommit=True, prepare_threshold=None) as other:
            rows = other.execute("SHOW CLIENTS", prepare=False).fetchall()
        most = max(most, sum(row[2] == "pgbouncer" and row[1] == "admin" for row in rows))

    async def for_a_while(seconds: float) -> None:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            await console.sample(0.1)
            await asyncio.to_thread(count)
            await asyncio.sleep(0.01)

    await for_a_while(0.3)
    client = psycopg.connect(bouncer.conninfo("postgres", "postgres"), autocommit=True)
    client.execute("BEGIN")
    await console.sample()
    pausing = asyncio.create_task(console.run(BouncerCommand(BouncerVerb.PAUSE, "postgres"), 1.5))
    await for_a_while(2.0)
    assert (await pausing).outcome is CommandOutcome.UNDONE
    client.close()
    freeze(bouncer)
    await console.sample(1.0)
    thaw(bouncer)
    await for_a_while(1.0)
    restart(bouncer)
    await for_a_while(1.5)
    assert most == 1
    assert (await console.sample()).trouble == ""
    await console.close()


async def test_one_process_of_several_says_so(one_server: Cluster, new_bouncer: Callable[..., Bouncer]) -> None:
    bouncer = new_bouncer({"postgres": upstream(one_server)}, settings={"so_reuseport": 1})
    console = Console(bouncer.console())
    seen = await console.sample()
    async with asyncio.timeout(PATIENCE):
        while seen.setting("so_reuseport") is None:
            await asyncio.sleep(0.05)
            seen = await console.sample()
    assert ["so_reuseport" in banner.text for banner in banners(seen)] == [True]
    await console.close()


async def test_processes_that_know_each_other_are_counted(
    one_server: Cluster, new_bouncer: Callable[..., Bouncer]
) -> None:
    with psycopg.connect(new_bouncer({"postgres": upstream(one_server)}).console(), autocommit=True) as told:
        version = told.info.parameter_status("server_version")
    if version_tuple(str(version).removesuffix("/bouncer")) < (1, 19):
        pytest.skip("[peers] came with 1.19")
    peers = {"peer_id": 1, "[peers]\n1": "host=/run/b1 port=6432", "2": "host=/run/b2 port=6432"}
    bouncer = new_bouncer({"postgres": upstream(one_server)}, settings={"so_reuseport": 1, **peers})
    console = Console(bouncer.console())
    try:
        async with asyncio.timeout(PATIENCE):
            seen = await console.sample()
            while not seen.peers:
                await asyncio.sleep(0.1)
                seen = await console.sample()
        assert seen.peers == ("/run/b1:6432", "/run/b2:6432")
        (banner,) = banners(seen)
        assert banner.text.startswith("so_reuseport: 2 processes share this port")
    finally:
        await console.close()
