"""What a version of PgBouncer has that others have not, on the real ones."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable
from typing import Any

import psycopg
import pytest

from pgheadroom.demo.servers.bouncer import Bouncer
from pgheadroom.model.bouncer import DatabaseStats, PoolerState
from pgheadroom.model.pool import PgBouncer
from pgheadroom.pgbouncer.console import Console
from servers import BOUNCERS, PATIENCE, bouncer_program


@pytest.fixture
async def console(bouncer: Bouncer) -> AsyncIterator[Console]:
    console = Console(bouncer.console())
    yield console
    await console.close()


async def read_anew(console: Console) -> PgBouncer:
    """Every part of it."""
    console.hurry()
    seen = await console.sample()
    assert (seen.trouble, seen.gaps) == ("", ())
    return seen


async def stats_once(console: Console, holds: Callable[[DatabaseStats], bool]) -> DatabaseStats:
    """Those of the database `postgres` as soon as `holds` is true of them."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = next((one for one in (await read_anew(console)).stats if one.database == "postgres"), None)
            if found is not None and holds(found):
                return found
            await asyncio.sleep(0.1)


def connect(bouncer: Bouncer) -> "psycopg.Connection[Any]":
    return psycopg.connect(bouncer.conninfo("postgres", "postgres"), autocommit=True, prepare_threshold=None)


@pytest.mark.parametrize(("name", "version"), [("sid", (1, 26)), ("trixie", (1, 24))])
def test_what_is_called_so_is_of_that_version(name: str, version: tuple[int, ...]) -> None:
    if name not in BOUNCERS:
        pytest.skip("not asked for")
    told = subprocess.run([bouncer_program(name), "--version"], capture_output=True, text=True, check=True).stdout
    assert told.startswith(f"PgBouncer {version[0]}.{version[1]}")


async def test_its_state_is_told_from_1_19_on(bouncer: Bouncer, console: Console) -> None:
    seen = await read_anew(console)
    told = seen.version_num >= (1, 19)
    assert seen.state is (PoolerState.ACTIVE if told else PoolerState.UNKNOWN)
    with psycopg.connect(bouncer.console(), autocommit=True, prepare_threshold=None) as other:
        other.execute("PAUSE", prepare=False)
        assert (await read_anew(console)).state is (PoolerState.PAUSED if told else PoolerState.UNKNOWN)
        other.execute("RESUME", prepare=False)
    assert (await read_anew(console)).state is seen.state


async def test_logins_of_clients_are_counted_from_1_26_on(bouncer: Bouncer, console: Console) -> None:
    with connect(bouncer) as client:
        client.execute("SELECT 1")
        counted = (await read_anew(console)).version_num >= (1, 26)
        before = await stats_once(console, lambda one: one.totals.queries >= 1)
        assert (before.totals.logins is None) is not counted
        for _ in range(5):
            connect(bouncer).close()
        if not counted:
            return
        after = await stats_once(console, lambda one: (one.totals.logins or 0) >= 6)
        assert after.totals.logins == 6
        assert after.recent is not None


async def test_the_totals_of_an_idle_pool_that_is_removed_fall_and_no_rate_is_negative(
    bouncer: Bouncer, console: Console
) -> None:
    seen = await read_anew(console)
    if seen.version_num < (1, 26):
        assert seen.setting("pool_idle_timeout") is None
        return
    bouncer.reload({"pool_idle_timeout": 1, "server_idle_timeout": 1, "server_check_delay": 0})
    with connect(bouncer) as client:
        for _ in range(50):
            client.execute("SELECT 1")
        await stats_once(console, lambda one: one.totals.queries >= 50)
    async with asyncio.timeout(PATIENCE):
        while True:
            found = next((one for one in (await read_anew(console)).stats if one.database == "postgres"), None)
            if found is None or found.totals.queries < 50:
                break
            await asyncio.sleep(0.1)
    with connect(bouncer) as client:
        client.execute("SELECT 1")
        again = await stats_once(console, lambda one: one.totals.queries >= 1)
    assert again.totals.queries < 50
    assert again.recent is None or min(value for value in again.recent if value is not None) >= 0
