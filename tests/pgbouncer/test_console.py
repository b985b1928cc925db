"""The console of a real PgBouncer, also when it is down, frozen or restarted."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from pgheadroom.demo.servers.bouncer import Bouncer
from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.errors import UsageError
from pgheadroom.pgbouncer import console as module
from pgheadroom.pgbouncer import line
from pgheadroom.pgbouncer.console import Console
from pgheadroom.postgres.door import connect
from servers import PATIENCE, freeze, thaw, until

FOR_POSTGRESQL = {
    "PGTARGETSESSIONATTRS": "read-write",
    "PGMAXPROTOCOLVERSION": "latest",
    "PGGEQO": "off",
    "PGTZ": "Asia/Kathmandu",
    "PGDATESTYLE": "German",
}


def consoles_open(bouncer: Bouncer) -> int:
    """Our consoles beside the one that counts them."""
    with psycopg.connect(bouncer.console(), autocommit=True, prepare_threshold=None) as connection:
        rows = connection.execute("SHOW CLIENTS", prepare=False).fetchall()
    return len([row for row in rows if row[2] == "pgbouncer"]) - 1


@pytest.mark.parametrize("user", ["admin", "stats"])
async def test_pools(bouncer: Bouncer, which_server: Cluster, user: str) -> None:
    console = Console(bouncer.console(user))
    busy = [psycopg.connect(bouncer.conninfo("postgres", "postgres")) for _ in range(2)]
    for connection in busy:
        connection.execute("SELECT 1")
    waiting = [psycopg.connect(bouncer.conninfo("postgres", "postgres")) for _ in range(2)]
    busy.append(psycopg.connect(bouncer.conninfo("postgres", "postgres")))
    busy[-1].execute("SELECT 1")
    for connection in waiting:
        connection.pgconn.send_query(b"SELECT 1")
        connection.pgconn.flush()
    seen = await until(console, lambda seen: bool(seen.pools) and seen.pools[0].cl_waiting == 2)
    assert (seen.name, seen.trouble, seen.age) == (f"{bouncer.folder}:{bouncer.port}", "", 0.0)
    assert seen.version[0].isdigit()
    assert "bouncer" not in seen.version
    (pool,) = seen.pools
    assert (pool.database, pool.user, pool.mode) == ("postgres", "postgres", "transaction")
    assert (pool.cl_active, pool.cl_waiting, pool.sv_active) == (3, 2, 3)
    assert (pool.size, pool.reserve, pool.full_percent) == (3, 0, 100.0)
    with psycopg.connect(f"{which_server.conninfo()}", autocommit=True) as superuser:
        rows = superuser.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'").fetchall()
    assert {server.remote_pid for server in seen.servers} <= {pid for (pid,) in rows}
    assert [(server.database, server.user, server.state) for server in seen.servers] == [
        ("postgres", "postgres", "active")
    ] * 3
    assert all(server.ptr and server.link for server in seen.servers)
    seen = await until(console, lambda seen: seen.pools[0].maxwait > 0.5)
    assert seen.pools[0].maxwait < 10
    for connection in busy + waiting:
        connection.close()
    await console.close()


async def test_many_samples_over_one_connection(bouncer: Bouncer) -> None:
    console = Console(bouncer.console())
    for _ in range(30):
        seen = await console.sample()
        assert seen.trouble == ""
    assert consoles_open(bouncer) == 1
    await console.close()
    assert consoles_open(bouncer) == 0


async def test_a_database_need_not_be_named(bouncer: Bouncer) -> None:
    console = Console(f"host={bouncer.folder} port={bouncer.port} user=admin")
    assert (await console.sample()).trouble == ""
    await console.close()


async def test_what_the_environment_says_to_postgresql_is_not_said(
    bouncer: Bouncer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c geqo=off")
    for name, value in FOR_POSTGRESQL.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PGDATABASE", "postgres")
    console = Console(f"host={bouncer.folder} port={bouncer.port} user=admin")
    assert (await console.sample()).trouble == ""
    await console.close()


async def test_down_from_the_start(new_bouncer: Callable[..., Bouncer]) -> None:
    bouncer = new_bouncer({"shop": "host=/nowhere"}, start=False)
    console = Console(bouncer.console())
    seen = await console.sample()
    assert seen.trouble.startswith("nobody listens there")  # where that is, it is called by
    assert (seen.pools, seen.age) == ((), None)
    bouncer.start()
    seen = await until(console, lambda seen: not seen.trouble)
    assert seen.age == 0.0
    await console.close()


async def test_killed_and_restarted(bouncer: Bouncer) -> None:
    console = Console(bouncer.console())
    with psycopg.connect(bouncer.conninfo("postgres", "postgres")) as client:
        client.execute("SELECT 1")
        before = await console.sample()
        bouncer.stop()
        client.close()
    seen = await until(console, lambda seen: bool(seen.trouble))
    assert seen.pools == before.pools
    assert seen.age is not None
    assert seen.age > 0
    bouncer.start()
    seen = await until(console, lambda seen: not seen.trouble)
    assert (seen.age, seen.pools) == (0.0, ())
    assert consoles_open(bouncer) == 1
    await console.close()


async def test_frozen_it_delays_nobody_and_answers_late(bouncer: Bouncer) -> None:
    console = Console(bouncer.console())
    with psycopg.connect(bouncer.conninfo("postgres", "postgres")) as client:
        client.execute("SELECT 1")
        before = await console.sample()
        freeze(bouncer)
        began = time.monotonic()
        seen = await console.sample(0.2)
        assert time.monotonic() - began < 2.0
        assert seen.pools == before.pools
        # It may still be a slow link: what is shown is old, no more.
        assert seen.age is not None
        assert (seen.trouble, seen.age >= 0.2) == ("", True)
        seen = await console.sample(1.0)
        assert time.monotonic() - began < 4.0
        assert seen.trouble.startswith("no answer for ")
        assert seen.pools == before.pools
        assert console.begin() is console.begin()
        thaw(bouncer)
        seen = await console.sample()
        assert seen.trouble == ""
    assert consoles_open(bouncer) == 1
    await console.close()


async def test_frozen_for_long_it_is_given_up_and_found_again(
    bouncer: Bouncer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_WITHIN", 0.3)
    console = Console(bouncer.console())
    await console.sample()
    freeze(bouncer)
    seen = await console.sample(5.0)
    assert "no answer for" in seen.trouble
    thaw(bouncer)
    monkeypatch.undo()
    await until(console, lambda seen: not seen.trouble)
    await asyncio.sleep(0.1)
    assert consoles_open(bouncer) == 1
    await console.close()


async def test_close_does_not_wait_for_a_frozen_one(bouncer: Bouncer) -> None:
    console = Console(bouncer.console())
    await console.sample()
    freeze(bouncer)
    await console.sample(0.1)
    began = time.monotonic()
    await console.close()
    assert time.monotonic() - began < 3.0
    thaw(bouncer)


async def test_a_console_that_is_down_is_knocked_at_often(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console("host=127.0.0.1 port=1 user=admin")
    attempts = 0
    real = connect

    async def counted(*arguments: Any) -> Any:
        nonlocal attempts
        attempts += 1
        return await real(*arguments)

    monkeypatch.setattr(line, "connect", counted)
    began = time.monotonic()
    while time.monotonic() - began < 1.6:
        await console.sample()
        await asyncio.sleep(0.01)
    assert 5 <= attempts <= 40
    await console.close()


async def test_a_console_that_was_down_is_back_without_being_asked(new_bouncer: Callable[..., Bouncer]) -> None:
    """Its places may be gone by the time of the next sample."""
    bouncer = new_bouncer({})
    console = Console(bouncer.console())
    assert (await console.sample(5.0)).trouble == ""
    await asyncio.to_thread(bouncer.stop)
    while not console.latest().trouble:
        await console.sample()
    await asyncio.to_thread(bouncer.start)
    async with asyncio.timeout(PATIENCE):
        while console.latest().trouble:  # noqa: ASYNC110 - nobody is told, which is the point
            await asyncio.sleep(0.02)
    await console.close()


async def test_a_user_without_rights(bouncer: Bouncer) -> None:
    console = Console(bouncer.console("postgres"))
    seen = await console.sample()
    assert seen.trouble
    assert seen.pools == ()
    await console.close()


async def test_a_postgresql_is_no_pgbouncer(one_server: Cluster) -> None:
    console = Console(one_server.conninfo())
    seen = await console.sample()
    assert "not a PgBouncer" in seen.trouble
    await console.close()


def test_a_conninfo_that_nobody_understands() -> None:
    with pytest.raises(UsageError):
        Console("host=x nonsense")


async def test_a_name_instead_of_the_place(bouncer: Bouncer) -> None:
    console = Console(bouncer.console(), name="edge")
    assert (await console.sample()).name == "edge"
    await console.close()
