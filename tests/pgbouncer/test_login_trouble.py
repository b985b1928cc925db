"""A pool that gets no server connection any more: which login fails is said, why, and what mends it."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from pgheadroom.analysis import analyse
from pgheadroom.demo.servers.bouncer import Bouncer
from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.live.source import LiveSource
from pgheadroom.model.finding import Finding
from pgheadroom.model.thresholds import Thresholds
from servers import PATIENCE, fetch, wait_until

CASES = {
    "the role may not log in": ("ALTER ROLE web NOLOGIN", "ALTER ROLE web LOGIN;"),
    "there is no such role on this server": ("ALTER ROLE web RENAME TO another", ""),
    "the database accepts no connections": (
        "ALTER DATABASE trade ALLOW_CONNECTIONS false",
        "ALTER DATABASE trade ALLOW_CONNECTIONS true;",
    ),
    "there is no such database on this server": ("ALTER DATABASE trade RENAME TO another", ""),
}


async def waiting(source: LiveSource, holds: Callable[[Finding], bool] = lambda one: True) -> Finding:
    async with asyncio.timeout(PATIENCE):
        while True:
            for one in analyse(await source.sample_once(), Thresholds()).findings:
                if one.key.startswith("pool-waiting") and holds(one):
                    return one
            await asyncio.sleep(0.1)


@pytest.fixture
def trade(one_server: Cluster, superuser: "psycopg.Connection[Any]") -> Iterator[str]:
    superuser.execute("CREATE ROLE web LOGIN")
    superuser.execute("CREATE DATABASE trade")
    yield f"host={one_server.folder} port={one_server.port} dbname=trade"
    superuser.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN ('trade', 'another')")
    for name in ("trade", "another"):
        superuser.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
    superuser.execute("DROP ROLE IF EXISTS web, another")


@pytest.mark.parametrize("why", CASES)
async def test_what_postgresql_knows_of_it_is_said(
    one_server: Cluster, superuser: "psycopg.Connection[Any]", trade: str, new_bouncer: Callable[..., Bouncer], why: str
) -> None:
    change, mends = CASES[why]
    bouncer = new_bouncer({"front": trade}, users={"web": ""})
    psycopg.connect(bouncer.conninfo("web", "front")).close()
    theirs = "FROM pg_stat_activity WHERE datname = 'trade'"
    superuser.execute(f"SELECT pg_terminate_backend(pid) {theirs}".encode())
    wait_until(lambda: not fetch(superuser, f"SELECT count(*) {theirs}"), "the server connection has ended")
    superuser.execute(change.encode())
    client = await psycopg.AsyncConnection.connect(bouncer.conninfo("web", "front"), autocommit=True)
    asking = asyncio.create_task(client.execute("SELECT 1"))
    if (await asyncio.wait([asking], timeout=1.0))[0]:
        # Newer ones let nobody wait for a login that PostgreSQL refuses: they pass its words on.
        assert asking.exception() is not None
        await client.close()
        return
    source = LiveSource(one_server.conninfo(), pgbouncers=[bouncer.console()])
    try:
        found = await waiting(source, lambda one: why in one.evidence[0])
        assert "PgBouncer cannot log in: role web into database trade at " in found.evidence[0]
        assert "pool_size" not in found.remedy
        assert found.sql == mends
    finally:
        asking.cancel()
        await asyncio.wait([asking])
        await client.close()
        await source.close()


async def test_where_nobody_answers_the_place_is_said(one_server: Cluster, new_bouncer: Callable[..., Bouncer]) -> None:
    bouncer = new_bouncer({"front": "host=127.0.0.1 port=1 dbname=postgres"})
    connecting = asyncio.create_task(psycopg.AsyncConnection.connect(bouncer.conninfo("postgres", "front")))
    source = LiveSource(one_server.conninfo(), pgbouncers=[bouncer.console()])
    try:
        found = await waiting(source, lambda one: "cannot log in" in one.evidence[0])
        assert "role postgres into database postgres at 127.0.0.1:1; it tries again every 15" in found.evidence[0]
        assert "Nobody answers at 127.0.0.1:1, or pg_hba.conf or the password refuses it" in found.remedy
    finally:
        connecting.cancel()
        await asyncio.wait([connecting])
        await source.close()
