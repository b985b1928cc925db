"""A prepared transaction rolled back on a real server: exactly the one that was shown."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg import sql

from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.model.hold import ChangeOutcome
from pgheadroom.model.snapshot import PreparedTransaction
from pgheadroom.postgres.rollback import roll_back
from pgheadroom.postgres.sampling import Probe
from servers import Roles, fetch

ODD = "it's \\ \x1b[31m\u202eödd"


@pytest.fixture
async def probe(server: Cluster) -> AsyncIterator[Probe]:
    probe = await Probe.open(server.conninfo())
    yield probe
    await probe.close()


@pytest.fixture
def left_behind(server: Cluster, superuser: "psycopg.Connection[Any]", role: Roles) -> Iterator[PreparedTransaction]:
    """One of an odd name, of a role of its own."""
    gid = sql.Literal(ODD)
    with psycopg.connect(server.conninfo(role("batch")), autocommit=True) as preparing:
        preparing.execute("BEGIN; SELECT pg_advisory_xact_lock_shared(1)")
        preparing.execute(sql.SQL("PREPARE TRANSACTION {}").format(gid))
    since = fetch(superuser, "SELECT prepared FROM pg_prepared_xacts")
    yield PreparedTransaction(ODD, "batch", "postgres", since)
    for _ in range(prepared(superuser)):
        superuser.execute(sql.SQL("ROLLBACK PREPARED {}").format(gid))


def prepared(superuser: "psycopg.Connection[Any]") -> int:
    count: int = fetch(superuser, "SELECT count(*) FROM pg_prepared_xacts")
    return count


async def test_exactly_the_one_that_was_shown_is_rolled_back(
    superuser: "psycopg.Connection[Any]", left_behind: PreparedTransaction, probe: Probe
) -> None:
    other = replace(left_behind, since=left_behind.since and left_behind.since.replace(microsecond=0, second=0))
    assert (await roll_back(probe, other)).outcome is ChangeOutcome.CHANGED
    assert (await roll_back(probe, replace(left_behind, gid="another"))).outcome is ChangeOutcome.CHANGED
    assert prepared(superuser) == 1
    assert (await roll_back(probe, left_behind)).outcome is ChangeOutcome.DONE
    assert prepared(superuser) == 0
    again = await roll_back(probe, left_behind)
    assert "ended already" in again.message


async def test_who_may_not_and_who_is_in_another_database_is_told(
    server: Cluster, superuser: "psycopg.Connection[Any]", left_behind: PreparedTransaction, role: Roles
) -> None:
    for conninfo, because in (
        (server.conninfo(role("plain")), "not permitted"),
        (server.conninfo(dbname="template1"), "another database"),
    ):
        probe = await Probe.open(conninfo)
        try:
            told = await roll_back(probe, left_behind)
        finally:
            await probe.close()
        assert (told.outcome, because in told.message) == (ChangeOutcome.REFUSED, True)
    assert prepared(superuser) == 1
