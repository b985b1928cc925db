"""A real Odyssey: its console has PgBouncer's columns and means other things by them."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import psycopg
import pytest

from odysseys import EVERYBODY, Odyssey
from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.demo.servers.playground import Playground
from pgheadroom.live.source import LiveSource
from pgheadroom.model.bouncer import PoolerState
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.rules.facts.chain import chains, clients_by_hog, hog_key
from pgheadroom.rules.facts.hogs import hogs
from pgheadroom.view.bouncer_lines import bouncer_lines, not_shown
from pgheadroom.view.tables.bouncer import DATABASE_COLUMNS, SERVER_COLUMNS, Of, server_rows
from servers import PATIENCE, Roles, fetch

Sampled = Callable[..., Any]
numbers = itertools.count()


@pytest.fixture
def new_odyssey(ground: Playground, one_server: Cluster) -> Iterator[Callable[..., Odyssey]]:
    """Makes an Odyssey before the shared server that belongs to this test."""
    made: list[Odyssey] = []

    def make(rules: tuple[str, ...] = EVERYBODY) -> Odyssey:
        odyssey = Odyssey(ground, one_server, f"odyssey{next(numbers)}", rules)
        made.append(odyssey)
        odyssey.start()
        return odyssey

    yield make
    for odyssey in made:
        odyssey.stop()


@pytest.fixture
async def sampled(one_server: Cluster) -> AsyncIterator[Sampled]:
    """Samples the shared server with an Odyssey until it holds."""
    sources: list[LiveSource] = []

    async def sample(odyssey: Odyssey, holds: Callable[[PgBouncer], bool]) -> tuple[Snapshot, PgBouncer]:
        if not sources:
            sources.append(LiveSource(one_server.conninfo(), pgbouncers=[odyssey.console()]))
        async with asyncio.timeout(PATIENCE):
            while True:
                snapshot = await sources[0].sample_once()
                (seen,) = snapshot.pgbouncers
                if holds(seen):
                    return snapshot, seen
                await asyncio.sleep(0.05)

    yield sample
    for source in sources:
        await source.close()


def settled(seen: PgBouncer) -> bool:
    return bool(seen.databases) and bool(seen.clients) and seen.state is PoolerState.ACTIVE


async def test_idle_clients_and_our_console_do_not_wait_and_who_queues_does(
    new_odyssey: Callable[..., Odyssey], role: Roles, sampled: Sampled
) -> None:
    odyssey = new_odyssey()
    role("web")
    opened = [odyssey.connect("web") for _ in range(4)]
    opened[0].execute("SELECT 1")
    _, seen = await sampled(odyssey, settled)
    assert [(pool.database, pool.user, pool.cl_active, pool.cl_waiting) for pool in seen.pools] == [
        ("postgres", "web", 4, 0)
    ]
    assert {client.state for client in seen.clients} == {"idle"}
    for connection in opened[:3]:
        connection.execute("BEGIN")
        connection.execute("SELECT 1")
    opened[3].pgconn.send_query(b"SELECT 1")
    opened[3].pgconn.flush()
    _, seen = await sampled(odyssey, lambda seen: seen.pools[0].cl_waiting > 0)
    (pool,) = seen.pools
    assert (pool.cl_active, pool.cl_waiting, pool.sv_active, pool.size) == (3, 1, 3, 3)
    assert sorted(client.state for client in seen.clients) == ["active", "active", "active", "waiting"]
    for connection in opened:
        connection.close()


async def test_its_servers_are_known_backends_by_their_ports(
    new_odyssey: Callable[..., Odyssey], role: Roles, sampled: Sampled, superuser: "psycopg.Connection[Any]"
) -> None:
    odyssey = new_odyssey()
    role("web")
    with odyssey.connect("web") as client, odyssey.connect("web") as other:
        client.execute("BEGIN")
        pid = fetch(client, "SELECT pg_backend_pid()")
        other.execute("SELECT 1")
        snapshot, seen = await sampled(odyssey, lambda seen: settled(seen) and len(seen.servers) == 2)
        found = {chain.session.pid: chain for chain in chains(snapshot) if chain.session}
        assert len(found) == 2
        assert found[pid].server.state == "active"
        assert found[pid].unknown == ""
        rows = [SERVER_COLUMNS[3].cell(row, snapshot.taken_at).text for row in server_rows(seen, chains(snapshot))]
        assert sorted(rows) == sorted(map(str, found))
        (hog,) = [hog for hog in hogs(snapshot) if hog.user == "web"]
        (clients,) = clients_by_hog(snapshot, chains(snapshot))[hog_key(hog)]
        assert (clients.total, clients.holding) == (2, 1)


async def test_what_it_does_not_show_is_said_where_it_would_stand_and_nowhere_else(
    new_odyssey: Callable[..., Odyssey], role: Roles, sampled: Sampled
) -> None:
    odyssey = new_odyssey()
    role("web")
    with odyssey.connect("web") as client:
        client.execute("SELECT 1")
        snapshot, seen = await sampled(odyssey, settled)
        lines = ["".join(cell.text for cell in line).rstrip() for line in bouncer_lines(seen, (), (), (), 150)]
        assert [one for one in lines if "Odyssey" in one] == [lines[0]]
        assert lines[0].count("1.5.2") == lines[0].count(seen.version) == 1
        assert len(lines) == 2
        assert lines[1].startswith("not known: console: it does not say how long clients wait")
        assert not_shown([seen], "users") == "Odyssey has no SHOW USERS"
        assert not_shown([seen], "config") == "Odyssey has no SHOW CONFIG"
        target = next(column for column in DATABASE_COLUMNS if column.name == "target")
        shown = [target.cell(Of(seen, one), snapshot.taken_at).text for one in seen.databases]
        assert len(shown) == 1
        assert shown[0].endswith("/postgres")
        assert "command error" not in odyssey.log, "its log gets no error of ours"


async def test_routes_that_lead_to_the_same_place_are_one_pool(
    new_odyssey: Callable[..., Odyssey], role: Roles, sampled: Sampled
) -> None:
    route = 'authentication "none" storage "pg" storage_db "postgres" pool "session"'
    odyssey = new_odyssey(
        (
            f'"shop" {{ user "web" {{ {route} storage_user "shop_web" pool_size 1 client_max 9 }} '
            f"user default {{ {route} pool_size 2 }} }}",
            *EVERYBODY,
        )
    )
    role("shop_web")
    role("bob")
    first = odyssey.connect("web", "shop")
    second = odyssey.connect("bob", "shop")
    third = odyssey.connect("bob", "postgres")
    for connection in (first, second, third):
        connection.execute("SELECT 1")
    late = odyssey.connect("web", "shop")
    late.pgconn.send_query(b"SELECT 1")
    late.pgconn.flush()
    _, seen = await sampled(odyssey, lambda seen: settled(seen) and any(pool.cl_waiting for pool in seen.pools))
    pools = {(pool.database, pool.user): pool for pool in seen.pools}
    assert set(pools) == {("postgres", "shop_web"), ("postgres", "bob")}
    assert (pools["postgres", "shop_web"].size, pools["postgres", "shop_web"].cl_waiting) == (1, 1)
    assert (pools["postgres", "bob"].size, pools["postgres", "bob"].servers) == (5, 2)
    (database,) = seen.databases
    assert (database.name, database.force_user, database.max_connections) == ("postgres", "", 0)
    for connection in (late, first, second, third):
        connection.close()


async def test_paused_as_a_whole(new_odyssey: Callable[..., Odyssey], role: Roles, sampled: Sampled) -> None:
    odyssey = new_odyssey()
    role("web")
    with odyssey.connect("web") as client:
        client.execute("SELECT 1")
        await sampled(odyssey, settled)
        with psycopg.connect(odyssey.console(), autocommit=True) as console:
            console.pgconn.exec_(b"PAUSE")
            await sampled(odyssey, lambda seen: seen.state is PoolerState.PAUSED)
            console.pgconn.exec_(b"RESUME")
            await sampled(odyssey, lambda seen: seen.state is PoolerState.ACTIVE)
