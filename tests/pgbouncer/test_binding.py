"""What holds waiting clients back, on real servers; and what comes of a CONNINFO that leads through a pooler."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import psycopg
import pytest

from pgheadroom.analysis import analyse
from pgheadroom.demo.servers.bouncer import Bouncer
from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.live.source import LiveSource
from pgheadroom.model.pool_limits import Cap, PoolLimits
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.pools.pool_limits import pool_limits
from servers import PATIENCE, Roles, Sessions, usable

Connect = Callable[..., Any]


@pytest.fixture
def waiting() -> Iterator[Connect]:
    """Opens transactions of clients until one has to wait."""
    opened: list[psycopg.Connection[Any]] = []

    def open_until_one_waits(bouncer: Bouncer, fit: int, database: str = "front", user: str = "postgres") -> None:
        for _ in range(fit):
            opened.append(psycopg.connect(bouncer.conninfo(user, database), autocommit=True))
            opened[-1].execute("BEGIN")
        opened.append(psycopg.connect(bouncer.conninfo(user, database), autocommit=True))
        opened[-1].pgconn.send_query(b"SELECT 1")
        opened[-1].pgconn.flush()

    yield open_until_one_waits
    for connection in opened:
        connection.close()


@pytest.fixture
async def limits() -> AsyncIterator[Connect]:
    """Samples until somebody waits, and says by what the pool is bound."""
    sources: list[LiveSource] = []

    async def of(cluster: Cluster, bouncer: Bouncer, database: str = "front") -> tuple[Snapshot, PoolLimits]:
        source = LiveSource(cluster.conninfo(), pgbouncers=[bouncer.console()])
        sources.append(source)
        async with asyncio.timeout(PATIENCE):
            while True:
                seen = await source.sample_once()
                for pool in seen.pgbouncers[0].pools:
                    if pool.database == database and pool.cl_waiting and not pool.sv_login:
                        return seen, pool_limits(Case(seen, Thresholds()), seen.pgbouncers[0], pool)
                await asyncio.sleep(0.05)

    yield of
    for source in sources:
        await source.close()


def to(cluster: Cluster, more: str = "") -> str:
    return f"host={cluster.folder} port={cluster.port} dbname=postgres {more}"


async def test_the_pools_size(
    one_server: Cluster, new_bouncer: Callable[..., Bouncer], waiting: Connect, limits: Connect
) -> None:
    bouncer = new_bouncer({"front": to(one_server, "pool_size=2")}, settings={"default_pool_size": 9})
    waiting(bouncer, 2)
    seen, found = await limits(one_server, bouncer)
    assert (found.binding, found.size, found.most, found.servers) == (Cap.POOL_SIZE, 2, 2, 2)
    demand = analyse(seen, Thresholds()).overcommitment
    assert demand is not None
    assert (demand.demand, demand.direct, demand.exceeds) == (2, 1, False)
    assert [pool.database for pool in demand.pools] == ["front"]


async def test_the_databases_cap(
    one_server: Cluster, new_bouncer: Callable[..., Bouncer], waiting: Connect, limits: Connect, role: Roles
) -> None:
    role("web")
    bouncer = new_bouncer(
        {"front": to(one_server)}, settings={"max_db_connections": 3, "default_pool_size": 9}, users={"web": ""}
    )
    with psycopg.connect(bouncer.conninfo("web", "front"), autocommit=True) as other:
        other.execute("BEGIN")
        waiting(bouncer, 2)
        seen, found = await limits(one_server, bouncer)
        assert (found.binding, found.database_servers, found.database_cap) == (Cap.MAX_DB_CONNECTIONS, 3, 3)
        demand = analyse(seen, Thresholds()).overcommitment
        assert demand is not None
        assert demand.demand == 3
        other.execute("ROLLBACK")


async def test_the_users_cap(
    one_server: Cluster, new_bouncer: Callable[..., Bouncer], waiting: Connect, limits: Connect
) -> None:
    bouncer = new_bouncer(
        {"front": to(one_server), "side": to(one_server)},
        settings={"max_user_connections": 3, "default_pool_size": 9},
    )
    with psycopg.connect(bouncer.conninfo("postgres", "side"), autocommit=True) as other:
        other.execute("BEGIN")
        waiting(bouncer, 2)
        _, found = await limits(one_server, bouncer)
        assert (found.binding, found.user_servers, found.user_cap) == (Cap.MAX_USER_CONNECTIONS, 3, 3)
        other.execute("ROLLBACK")


async def test_postgresql_itself(
    one_server: Cluster,
    new_bouncer: Callable[..., Bouncer],
    waiting: Connect,
    limits: Connect,
    role: Roles,
    sessions: Sessions,
) -> None:
    role("web")
    bouncer = new_bouncer({"front": to(one_server)}, settings={"default_pool_size": 50}, users={"web": ""})
    one = psycopg.connect(bouncer.conninfo("web", "front"), autocommit=True)
    one.execute("BEGIN")
    sessions.fill("web")
    waiting(bouncer, 0, user="web")
    seen, found = await limits(one_server, bouncer)
    assert found.binding is Cap.POSTGRESQL
    demand = analyse(seen, Thresholds()).overcommitment
    assert demand is not None
    assert (demand.demand, demand.usable, demand.exceeds) == (50, usable(one_server.major), True)
    one.close()


@pytest.mark.parametrize("mode", ["session", "transaction", "statement"])
async def test_a_conninfo_through_a_pooler_is_said_to_be_one(
    one_server: Cluster, new_bouncer: Callable[..., Bouncer], mode: str
) -> None:
    bouncer = new_bouncer({"front": to(one_server)}, settings={"pool_mode": mode, "server_reset_query": ""})
    source = LiveSource(bouncer.conninfo("postgres", "front"), pgbouncers=[bouncer.console()])
    for _ in range(3):
        seen = await source.sample_once()
        assert [gap.part for gap in seen.lacking] == ["connection"]
        assert seen.door.pid == 0
        assert seen.sessions
    await source.close()
    with psycopg.connect(bouncer.conninfo("postgres", "front"), autocommit=True) as next_client:
        # Nothing of ours is left to who gets the session next.
        assert next_client.execute("SHOW statement_timeout", prepare=False).fetchone() == ("0",)
        assert next_client.execute("SHOW search_path", prepare=False).fetchone() == ('"$user", public',)
