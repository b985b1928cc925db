"""Waiters that are no sessions: connections that still log in, and a standby's recovery."""

import asyncio
from collections.abc import Callable, Iterator

import psycopg
import pytest

from pgheadroom.analysis import Analysis, analyse
from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.live.source import LiveSource
from pgheadroom.model.finding import Finding
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules.facts.locks import is_login
from servers import PATIENCE, Roles, Sessions, fetch, hang_up, standby_of, wait_until
from sure import sure

LOGINS = 6


async def analysed(source: LiveSource, holds: Callable[[Analysis], bool]) -> Analysis:
    async with asyncio.timeout(PATIENCE):
        while True:
            found = analyse(await source.sample_once(), Thresholds())
            if holds(found):
                return found
            await asyncio.sleep(0.1)


def pile_up(found: Analysis) -> Finding:
    return next(one for one in found.findings if one.key.startswith("lock-pile-up"))


async def test_logins_that_wait_for_a_lock_are_told_with_who_holds_it(
    server: Cluster, role: Roles, sessions: Sessions
) -> None:
    role("web")
    source = LiveSource(server.conninfo())
    await source.sample_once()
    (holder,) = sessions(application_name="holder")
    holder.execute("BEGIN")
    holder.execute("LOCK TABLE pg_authid IN ACCESS EXCLUSIVE MODE")
    logins = [psycopg.AsyncConnection.connect(server.conninfo("web")) for _ in range(LOGINS)]
    waiting = [asyncio.create_task(login) for login in logins]
    try:
        # The lock table is read behind the list of sessions: it can know a login that is not in the list yet.
        found = await analysed(source, lambda one: sum(map(is_login, one.locks)) == LOGINS)
        assert f"holds up {LOGINS} logins" in pile_up(found).sentence
        assert f"end pid {holder.info.backend_pid}" in sure(pile_up(found).proposal).label
        assert sum("a login waits" in line for line in pile_up(found).evidence) == 3
        (slow,) = [one for one in found.findings if one.key == "authenticating"]
        assert f"wait for a lock on a catalogue: end pid {holder.info.backend_pid}" in slow.remedy
    finally:
        holder.execute("ROLLBACK")
        hang_up(holder)
        for connection in await asyncio.gather(*waiting):
            await connection.close()
        await source.close()


@pytest.fixture
def standby(new_cluster: Callable[..., Cluster]) -> Iterator[tuple[Cluster, Cluster]]:
    primary = new_cluster(settings={"max_wal_senders": 5})
    standby = standby_of(primary, f"{primary.folder.name}-standby", {"max_standby_streaming_delay": "-1"})
    standby.start()
    yield primary, standby
    standby.stop("immediate")


async def test_recovery_that_waits_for_a_session_is_freed_with_those_behind_it(
    standby: tuple[Cluster, Cluster],
) -> None:
    primary, copy = standby
    with psycopg.connect(primary.conninfo(), autocommit=True) as admin:
        admin.execute("CREATE TABLE orders ()")
        wait_until(lambda: is_there(copy), "the standby has the table")
        source = LiveSource(copy.conninfo())
        await source.sample_once()
        holder = psycopg.connect(copy.conninfo(application_name="holder"))
        holder.execute("SELECT FROM orders")
        with admin.transaction():
            admin.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
            admin.execute("SELECT pg_log_standby_snapshot()")
            victims, tasks = [], []
            await analysed(source, lambda one: len(one.locks) == 2)
            for _ in range(4):
                victim = await psycopg.AsyncConnection.connect(copy.conninfo(), autocommit=True)
                victims.append(victim)
                tasks.append(asyncio.create_task(victim.execute("SELECT FROM orders")))
            found = await analysed(source, lambda one: len(one.locks) == 6)
            finding = pile_up(found)
            assert "holds up 4 sessions and recovery" in finding.sentence
            assert any("startup waits" in line for line in finding.evidence)
            assert sure(finding.proposal).label == f"end pid {holder.info.backend_pid}"
            assert found.findings[0] is finding
            with psycopg.connect(copy.conninfo(), autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s)", (holder.info.backend_pid,))
            await analysed(source, lambda one: all(node.pid != holder.info.backend_pid for node in one.locks))
        await asyncio.wait_for(asyncio.gather(*tasks), 10)
        for connection in victims:
            await connection.close()
        holder.close()
        await source.close()


def is_there(cluster: Cluster) -> bool:
    with psycopg.connect(cluster.conninfo(), autocommit=True) as look:
        return bool(fetch(look, "SELECT to_regclass('orders') IS NOT NULL"))
