"""The chain on real servers, beside what PostgreSQL says of the same connections."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import psycopg
import pytest

from pgheadroom.demo.servers.bouncer import Bouncer
from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.live.source import LiveSource
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.rules.facts.chain import chains, clients_by_hog, hog_key
from pgheadroom.rules.facts.hogs import hogs
from servers import INSTALLATIONS, ONE_MAJOR, PATIENCE, fetch, wait_until
from sure import sure

OTHER_MAJOR = 15
Client = psycopg.Connection[Any]


class Clients:
    """Clients of a PgBouncer, each in the middle of a query."""

    def __init__(self) -> None:
        self.opened: list[Client] = []

    def busy(self, conninfo: str) -> Client:
        connection = psycopg.connect(conninfo, autocommit=True, prepare_threshold=None)
        self.opened.append(connection)
        connection.pgconn.send_query(b"SELECT pg_sleep(60)")
        connection.pgconn.flush()
        return connection

    def idle(self, conninfo: str) -> Client:
        self.opened.append(psycopg.connect(conninfo, autocommit=True, prepare_threshold=None))
        return self.opened[-1]


@pytest.fixture
def clients(cluster_of: Callable[[int], Cluster]) -> Iterator[Clients]:
    clients = Clients()
    yield clients
    for connection in clients.opened:
        connection.close()
    for major in {OTHER_MAJOR, ONE_MAJOR} & set(INSTALLATIONS):
        end_sleepers(cluster_of(major))


def end_sleepers(cluster: Cluster) -> None:
    """A backend that sleeps does not notice that its client has gone, and keeps its slot."""
    theirs = "FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()"
    with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
        superuser.execute(f"SELECT pg_terminate_backend(pid) {theirs}".encode())
        wait_until(lambda: fetch(superuser, f"SELECT count(*) {theirs}") == 0, "the sleepers end")


@pytest.fixture
async def sampled() -> AsyncIterator[Callable[..., Any]]:
    """Samples a server with its PgBouncers until it holds."""
    sources: list[LiveSource] = []

    async def sample(cluster: Cluster, consoles: list[str], holds: Callable[[Snapshot], bool]) -> Snapshot:
        source = LiveSource(cluster.conninfo(), pgbouncers=consoles)
        sources.append(source)
        async with asyncio.timeout(PATIENCE):
            while True:
                seen = await source.sample_once()
                if holds(seen):
                    return seen
                await asyncio.sleep(0.05)

    yield sample
    for source in sources:
        await source.close()


def in_front(cluster: Cluster, new_bouncer: Callable[..., Bouncer], *, tcp: bool, mode: str = "transaction") -> Bouncer:
    where = f"host={'127.0.0.1' if tcp else cluster.folder} port={cluster.port} dbname=postgres"
    return new_bouncer({"front": where, "spare": where}, settings={"default_pool_size": 5, "pool_mode": mode})


def used(snapshot: Snapshot) -> int:
    return sum(chain.client is not None and chain.session is not None for chain in chains(snapshot))


@pytest.mark.parametrize("mode", ["transaction", "session", "statement"])
@pytest.mark.parametrize("tcp", [True, False], ids=["tcp", "unix"])
async def test_each_client_leads_to_its_own_backend(
    one_server: Cluster,
    superuser: Client,
    new_bouncer: Callable[..., Bouncer],
    clients: Clients,
    sampled: Callable[..., Any],
    tcp: bool,
    mode: str,
) -> None:
    bouncer = in_front(one_server, new_bouncer, tcp=tcp, mode=mode)
    ports = {}
    for number in range(4):
        over_tcp = number % 2 == 0
        conninfo = bouncer.conninfo("postgres", "front", tcp=over_tcp, application_name=f"app {number}")
        connection = clients.busy(conninfo)
        ports[f"app {number}"] = own_port(connection) if over_tcp else bouncer.port
    clients.idle(bouncer.conninfo("postgres", "front", application_name="idle one"))
    # One that is none of PgBouncer's, with the name of one that is.
    clients.busy(one_server.conninfo(application_name="app 0", tcp=tcp))
    seen = await sampled(one_server, [bouncer.console()], lambda seen: used(seen) == 4)

    asleep = (
        b"SELECT pid, application_name, client_port FROM pg_stat_activity "
        b"WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()"
    )
    wait_until(lambda: len(superuser.execute(asleep).fetchall()) == 5, "all five run their query")
    truth = {pid: (name, port) for pid, name, port in superuser.execute(asleep).fetchall()}
    found = [chain for chain in chains(seen) if chain.client is not None]
    for chain in found:
        assert chain.session is not None
        name, port = truth[chain.session.pid]
        # PgBouncer passes the application's name on, so both ends must have the same; and so must its port.
        assert sure(chain.client).application == name
        assert sure(chain.client).port == ports[name]
        if tcp:
            assert chain.server.local_port == port
        assert chains(seen).client_of(chain.session) is chain.client
        assert chains(seen).session_of(chain.bouncer, sure(chain.client)) is chain.session
    assert {sure(chain.client).application for chain in found} == {f"app {number}" for number in range(4)}
    direct = set(truth) - {sure(chain.session).pid for chain in found}
    assert len(direct) == 1
    assert not direct & chains(seen).pids
    idle = next(one for one in seen.pgbouncers[0].clients if one.application == "idle one")
    assert (idle.state, chains(seen).session_of(seen.pgbouncers[0], idle)) == ("idle", None)


def own_port(connection: Client) -> int:
    """A client's port as PgBouncer sees it."""
    with socket.socket(fileno=os.dup(connection.pgconn.socket)) as line:
        return int(line.getsockname()[1])


async def test_two_servers_two_pgbouncers(
    cluster_of: Callable[[int], Cluster],
    one_server: Cluster,
    new_bouncer: Callable[..., Bouncer],
    clients: Clients,
    sampled: Callable[..., Any],
) -> None:
    other_server = cluster_of(OTHER_MAJOR)
    ours, theirs = (in_front(cluster, new_bouncer, tcp=False) for cluster in (one_server, other_server))
    for bouncer in (ours, theirs):
        clients.busy(bouncer.conninfo("postgres", "front", application_name="checkout"))
    consoles = [ours.console(), theirs.console()]
    seen = await sampled(one_server, consoles, lambda seen: all(len(one.servers) == 1 for one in seen.pgbouncers))
    first, second = chains(seen)
    assert first.session is not None
    assert second.session is None
    assert "another server" in second.unknown
    assert second.client is not None
    assert second.client.application == "checkout"


async def test_a_pgbouncer_behind_a_pgbouncer(
    one_server: Cluster, new_bouncer: Callable[..., Bouncer], clients: Clients, sampled: Callable[..., Any]
) -> None:
    inner = in_front(one_server, new_bouncer, tcp=True)
    outer = new_bouncer({"shop": f"host=127.0.0.1 port={inner.port} dbname=front"})
    clients.busy(outer.conninfo("postgres", "shop", application_name="checkout"))
    consoles = [outer.console(), inner.console()]
    seen = await sampled(one_server, consoles, lambda seen: used(seen) == 1 and bool(seen.pgbouncers[0].servers))
    by_bouncer = {chain.bouncer: chain for chain in chains(seen)}
    assert by_bouncer[seen.pgbouncers[0].name].session is None
    assert "through another pooler" in by_bouncer[seen.pgbouncers[0].name].unknown
    assert by_bouncer[seen.pgbouncers[1].name].session is not None


async def test_a_lock_root_behind_the_pooler_is_the_real_application(
    one_server: Cluster,
    superuser: Client,
    new_bouncer: Callable[..., Bouncer],
    clients: Clients,
    sampled: Callable[..., Any],
) -> None:
    bouncer = in_front(one_server, new_bouncer, tcp=True)
    root = clients.idle(bouncer.conninfo("postgres", "front", tcp=True, application_name="migration"))
    root.execute("BEGIN; LOCK pg_catalog.pg_largeobject IN ACCESS EXCLUSIVE MODE")
    holder = fetch(superuser, "SELECT pid FROM pg_locks WHERE relation = 'pg_largeobject'::regclass AND granted")
    seen = await sampled(one_server, [bouncer.console()], lambda seen: used(seen) == 1)
    (session,) = [one for one in seen.sessions if one.pid == holder]
    behind = chains(seen).client_of(session)
    assert behind is not None
    assert (behind.application, behind.address, behind.port) == ("migration", "127.0.0.1", own_port(root))
    root.execute("ROLLBACK")


async def test_the_real_clients_of_a_hog(
    one_server: Cluster, new_bouncer: Callable[..., Bouncer], clients: Clients, sampled: Callable[..., Any]
) -> None:
    bouncer = in_front(one_server, new_bouncer, tcp=True)
    for _ in range(6):
        clients.busy(bouncer.conninfo("postgres", "front", tcp=True, application_name="worker"))
    clients.idle(bouncer.conninfo("postgres", "front", application_name="web"))

    def all_told(seen: Snapshot) -> bool:
        # PgBouncer tells a new server connection whose it is a moment after it has connected.
        return used(seen) == 5 and sum(session.application == "worker" for session in seen.sessions) == 5

    seen = await sampled(one_server, [bouncer.console()], all_told)
    hog = next(one for one in hogs(seen) if one.application == "worker")
    assert hog.total == 5
    workers, web = clients_by_hog(seen, chains(seen))[hog_key(hog)]
    assert (workers.application, workers.address, workers.total) == ("worker", "127.0.0.1", 6)
    assert (workers.holding, workers.waiting) == (5, 1)
    assert (web.application, web.address, web.holding) == ("web", "unix", 0)


async def test_clients_whose_host_is_added_to_their_name_are_one_hog_of_that_host_without_a_console(
    one_server: Cluster, new_bouncer: Callable[..., Bouncer], clients: Clients, sampled: Callable[..., Any]
) -> None:
    where = f"host=127.0.0.1 port={one_server.port} dbname=postgres"
    bouncer = new_bouncer({"front": where}, settings={"default_pool_size": 5, "application_name_add_host": 1})
    for tcp in (True, True, False):
        clients.busy(bouncer.conninfo("postgres", "front", tcp=tcp, application_name="worker"))

    def named(seen: Snapshot) -> bool:
        return sum(session.application.startswith("worker - ") for session in seen.sessions) == 3

    seen = await sampled(one_server, [], named)
    (over_tcp, local) = [hog for hog in hogs(seen) if hog.application == "worker"]
    assert (over_tcp.client, over_tcp.total, over_tcp.folded) == ("127.0.0.1", 2, True)
    assert (local.client, local.total) == ("local", 1)
    assert not any(hog.application.startswith("worker -") for hog in hogs(seen) if hog.application)
    seen = await sampled(one_server, [bouncer.console()], lambda seen: named(seen) and used(seen) == 3)
    behind = clients_by_hog(seen, chains(seen))
    assert {client.application for client in behind[hog_key(over_tcp)]} == {"worker"}
