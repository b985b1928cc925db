"""Who waits for whom, on real servers."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from pgheadroom.analysis import analyse
from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.model.session import Session
from pgheadroom.model.snapshot import LockRequest, Snapshot
from pgheadroom.model.thresholds import Levels, Threshold, Thresholds
from pgheadroom.postgres import lock_waits
from pgheadroom.postgres.queries import query
from pgheadroom.postgres.sampling import Probe
from pgheadroom.view.tables.locks import LOCK_COLUMNS, LockRow
from servers import PATIENCE, Sessions, fetch, wait_until
from wire import Wire


@pytest.fixture
async def probe(which_server: Cluster) -> AsyncIterator[Probe]:
    probe = await Probe.open(which_server.conninfo())
    yield probe
    await probe.close()


@pytest.fixture
def orders(superuser: "psycopg.Connection[Any]", sessions: Sessions) -> None:
    """A table to fight for. It asks for `sessions` so that they end, and their locks, before the next test."""
    superuser.execute("DROP TABLE IF EXISTS orders; CREATE TABLE orders (id int PRIMARY KEY, note text)")
    superuser.execute("INSERT INTO orders SELECT generate_series(1, 9)")


def wants(connection: "psycopg.Connection[Any]", statement: str, superuser: "psycopg.Connection[Any]") -> int:
    """Begin a statement that has to wait, and wait until it does. Returns its pid."""
    connection.pgconn.send_query(statement.encode())
    connection.pgconn.flush()
    pid = connection.info.backend_pid
    waits = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
    wait_until(lambda: fetch(superuser, waits, pid) == 1, f"{statement} waits")
    return pid


def by_pid(snapshot: Snapshot) -> dict[int, Session]:
    return {session.pid: session for session in snapshot.sessions}


def requests(snapshot: Snapshot) -> dict[int, LockRequest]:
    return {request.pid: request for request in snapshot.lock_requests}


async def test_a_pile_up_behind_a_soft_block(
    server: Cluster, superuser: "psycopg.Connection[Any]", orders: None, sessions: Sessions, probe: Probe
) -> None:
    holder, altering, reader = sessions(3)
    holder.execute("BEGIN; SELECT * FROM orders")
    wants(altering, "ALTER TABLE orders ADD COLUMN x int", superuser)
    wants(reader, "SELECT * FROM orders", superuser)
    snapshot = await probe.sample()
    session, asked = by_pid(snapshot), requests(snapshot)
    # The reader's lock conflicts with nothing that is held, only with the one that waits before it.
    assert session[reader.info.backend_pid].blocked_by == (altering.info.backend_pid,)
    assert session[altering.info.backend_pid].blocked_by == (holder.info.backend_pid,)
    assert session[holder.info.backend_pid].blocked_by == ()
    request = asked[altering.info.backend_pid]
    assert (request.target, request.mode) == ("table public.orders", "AccessExclusiveLock")
    assert asked.keys() == {altering.info.backend_pid, reader.info.backend_pid}
    if server.major >= 14:
        assert request.since is not None
        assert 0 <= (snapshot.taken_at - request.since).total_seconds() < 30
    else:
        assert request.since is None
    assert session[reader.info.backend_pid].waits_for_lock


async def test_row_locks_name_the_transaction_and_the_row(
    server: Cluster, superuser: "psycopg.Connection[Any]", orders: None, sessions: Sessions, probe: Probe
) -> None:
    first, second, third = sessions(3)
    first.execute("BEGIN; UPDATE orders SET note = 'a' WHERE id = 1")
    xid = fetch(first, "SELECT pg_current_xact_id()::text")
    wants(second, "UPDATE orders SET note = 'b' WHERE id = 1", superuser)
    wants(third, "UPDATE orders SET note = 'c' WHERE id = 1", superuser)
    snapshot = await probe.sample()
    asked = requests(snapshot)
    assert asked[second.info.backend_pid].target == f"transaction {xid}"
    assert asked[third.info.backend_pid].target.startswith("row (0,")
    assert asked[third.info.backend_pid].target.endswith(" of table public.orders")
    assert by_pid(snapshot)[first.info.backend_pid].backend_xid == xid


async def test_a_prepared_transaction_blocks_as_pid_0(
    server: Cluster, superuser: "psycopg.Connection[Any]", orders: None, sessions: Sessions, probe: Probe
) -> None:
    preparing, waiter = sessions(2)
    preparing.execute("BEGIN; LOCK TABLE orders")
    preparing.execute("PREPARE TRANSACTION 'left behind'")
    try:
        pid = wants(waiter, "SELECT * FROM orders", superuser)
        assert by_pid(await probe.sample())[pid].blocked_by == (0,)
    finally:
        superuser.execute("ROLLBACK PREPARED 'left behind'")


async def test_a_prepared_transaction_that_blocks_is_told_with_its_gid_and_owner_whatever_its_gid_holds(
    server: Cluster, superuser: "psycopg.Connection[Any]", orders: None, sessions: Sessions, probe: Probe
) -> None:
    gid = "it's \x1b[31m\u202eodd"
    preparing, waiter = sessions(2)
    preparing.execute("BEGIN; LOCK TABLE orders")
    preparing.execute(sql.SQL("PREPARE TRANSACTION {}").format(sql.Literal(gid)))
    try:
        wants(waiter, "SELECT * FROM orders", superuser)
        seen = await probe.sample()
        assert [(one.gid, one.owner, one.database) for one in seen.prepared] == [(gid, "postgres", "postgres")]
        strict = Thresholds(waiting_for_locks=Levels(Threshold(1), Threshold(20)))
        (found,) = [one for one in analyse(seen, strict).findings if one.key == "prepared-transaction"]
        shown = "it's \ufffd[31m\ufffdodd"
        assert f"Prepared transaction {shown} of postgres in postgres holds up 1 session" in found.sentence
        assert found.evidence[0].startswith("prepared ")
        root = next(node for node in analyse(seen, strict).locks if node.is_root)
        cells = [column.cell(LockRow(root), seen.taken_at).text for column in LOCK_COLUMNS]
        assert shown in cells
        assert "postgres" in cells
    finally:
        superuser.execute(sql.SQL("ROLLBACK PREPARED {}").format(sql.Literal(gid)))
    assert (await probe.sample()).prepared == ()


async def test_a_table_of_another_database_is_not_named_after_ours(
    server: Cluster, superuser: "psycopg.Connection[Any]", sessions: Sessions, probe: Probe
) -> None:
    holder, waiter = sessions(2, dbname="template1")
    holder.execute("BEGIN; LOCK TABLE pg_description")
    oid = fetch(holder, "SELECT 'pg_description'::regclass::oid::int")
    pid = wants(waiter, "SELECT * FROM pg_description", superuser)
    (request,) = (await probe.sample()).lock_requests
    assert (request.pid, request.target) == (pid, f"relation {oid} in database template1")


async def test_advisory_locks(
    server: Cluster, superuser: "psycopg.Connection[Any]", sessions: Sessions, probe: Probe
) -> None:
    holder, waiter = sessions(2)
    holder.execute("SELECT pg_advisory_lock(-7)")
    pid = wants(waiter, "SELECT pg_advisory_lock(-7)", superuser)
    assert requests(await probe.sample())[pid].target == "advisory lock -7 in database postgres"


async def test_several_holders_are_named_once_each(
    server: Cluster, superuser: "psycopg.Connection[Any]", orders: None, sessions: Sessions, probe: Probe
) -> None:
    *holders, waiter = sessions(4)
    for holder in holders:
        holder.execute("BEGIN; LOCK TABLE orders IN ROW SHARE MODE; LOCK TABLE orders IN ACCESS SHARE MODE")
    pid = wants(waiter, "ALTER TABLE orders ADD COLUMN y int", superuser)
    blockers = by_pid(await probe.sample())[pid].blocked_by
    assert sorted(blockers) == sorted(holder.info.backend_pid for holder in holders)


async def test_what_parallel_workers_wait_for_is_their_leaders(
    server: Cluster, superuser: "psycopg.Connection[Any]", sessions: Sessions, probe: Probe
) -> None:
    superuser.execute(
        "CREATE OR REPLACE FUNCTION touch() RETURNS int LANGUAGE sql PARALLEL SAFE VOLATILE"
        " AS 'SELECT 1 FROM pg_advisory_xact_lock_shared(99)'"
    )
    holder, leader = sessions(2)
    holder.execute("SELECT pg_advisory_lock(99)")
    forced = "force_parallel_mode" if server.major < 16 else "debug_parallel_query"
    leader.execute(f"SET {forced} = on; SET parallel_leader_participation = off".encode())
    leader.pgconn.send_query(b"SELECT touch()")
    leader.pgconn.flush()
    waits = "SELECT count(*) FROM pg_stat_activity WHERE leader_pid = %s AND wait_event_type = 'Lock'"
    wait_until(lambda: fetch(superuser, waits, leader.info.backend_pid) == 1, "a worker waits")
    snapshot = await probe.sample()
    assert by_pid(snapshot)[leader.info.backend_pid].blocked_by == (holder.info.backend_pid,)
    assert requests(snapshot).keys() == {leader.info.backend_pid}
    worker = next(process for process in snapshot.processes if process.backend_type == "parallel worker")
    assert worker.leader_pid == leader.info.backend_pid


async def test_locks_are_asked_for_when_somebody_waits_and_not_a_sample_later(
    server: Cluster, superuser: "psycopg.Connection[Any]", orders: None, sessions: Sessions
) -> None:
    holder, waiter = sessions(2)
    holder.execute("BEGIN; LOCK TABLE orders")
    async with Wire(server.port) as wire:
        probe = await Probe.open(f"host=127.0.0.1 port={wire.port} user=postgres dbname=postgres gssencmode=disable")
        try:
            await probe.sample()
            wants(waiter, "SELECT * FROM orders", superuser)
            for expected in (3, 1):  # the sessions, then the lock, then its name; afterwards all in one
                wire.reset()
                snapshot = await probe.sample()
                assert wire.trips == expected
                assert by_pid(snapshot)[waiter.info.backend_pid].blocked_by == (holder.info.backend_pid,)
                assert requests(snapshot)[waiter.info.backend_pid].target == "table public.orders"
        finally:
            await probe.close()


@pytest.mark.parametrize("form", ["told", "looking"])
async def test_without_a_waiter_the_lock_table_is_not_read(
    server: Cluster, superuser: "psycopg.Connection[Any]", orders: None, sessions: Sessions, form: str
) -> None:
    """The condition is checked once, before the rows: the plan says which part was never executed."""
    version = superuser.info.server_version
    question = query("locks", version, form).decode().replace("$1", "'false'")
    explain = ("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) " + question).encode()
    activity = query("activity", version, "telling").decode().replace("$1", "'infinity'").replace("$2", "'{}'")

    def reads_locks() -> bool:
        with superuser.transaction():
            if form == "told":
                superuser.execute(activity.encode())
            plan = [line for (line,) in superuser.execute(explain).fetchall() if "pg_lock_status" in line]
        assert len(plan) == 1
        return "never executed" not in plan[0]

    assert not reads_locks()
    holder, waiter = sessions(2)
    holder.execute("BEGIN; LOCK TABLE orders")
    wants(waiter, "SELECT * FROM orders", superuser)
    assert reads_locks()
    holder.execute("COMMIT")
    wait_until(lambda: not reads_locks(), "the lock table is read although nobody waits any more")


async def test_a_table_under_lock_does_not_stop_the_sample(
    server: Cluster, superuser: "psycopg.Connection[Any]", orders: None, sessions: Sessions, probe: Probe
) -> None:
    holder, waiter = sessions(2)
    holder.execute("BEGIN; LOCK TABLE orders; LOCK TABLE pg_class IN ACCESS EXCLUSIVE MODE")
    waiter.pgconn.send_query(b"SELECT * FROM orders")
    waiter.pgconn.flush()
    snapshot = await probe.sample()
    async with asyncio.timeout(PATIENCE):
        while not by_pid(snapshot)[waiter.info.backend_pid].waits_for_lock:
            snapshot = await probe.sample()
    waiting = by_pid(snapshot)[waiter.info.backend_pid]
    assert waiting.blocked_by == (holder.info.backend_pid,)
    # Names would need the locked catalogue; the rest is there, and from the second time on at once.
    assert [gap.part for gap in snapshot.lacking] == ["locks"]
    oid = fetch(holder, "SELECT 'pg_class'::regclass::oid::int")
    began = time.monotonic()
    snapshot = await probe.sample()
    assert time.monotonic() - began < 0.95  # less than the lock timeout
    assert requests(snapshot)[waiter.info.backend_pid].target == f"relation {oid} in database postgres"
    assert [gap.part for gap in snapshot.lacking] == ["locks"]


async def test_a_strong_lock_that_is_held_idle_is_told_before_anybody_waits(
    server: Cluster, superuser: "psycopg.Connection[Any]", orders: None, sessions: Sessions, probe: Probe
) -> None:
    holder, other = sessions(2)
    holder.execute("BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
    other.execute("BEGIN; UPDATE pg_catalog.pg_class SET relname = relname WHERE false; SELECT 1")
    held = (await probe.sample()).held_locks
    assert [(one.pid, one.mode, one.target) for one in held] == [
        (holder.info.backend_pid, "AccessExclusiveLock", "table public.orders")
    ]
    holder.execute("ROLLBACK")
    assert (await probe.sample()).held_locks == ()


async def test_a_role_that_sees_little_sees_who_waits_all_the_same(
    which_server: Cluster, superuser: "psycopg.Connection[Any]", orders: None, sessions: Sessions, role: Any
) -> None:
    holder, waiting = sessions(2)
    holder.execute("BEGIN; LOCK TABLE orders")
    pid = wants(waiting, "SELECT * FROM orders", superuser)
    probe = await Probe.open(which_server.conninfo(role("looker")))
    try:
        snapshot = await probe.sample()
    finally:
        await probe.close()
    assert by_pid(snapshot)[pid].state == "hidden"
    assert by_pid(snapshot)[pid].blocked_by == (holder.info.backend_pid,)
    assert by_pid(snapshot)[pid].waits_for_lock
    assert requests(snapshot)[pid].target.startswith("table ")


async def test_what_is_too_dear_is_remembered_and_few_waiters_are_asked_for(
    server: Cluster, superuser: "psycopg.Connection[Any]", orders: None, sessions: Sessions, probe: Probe
) -> None:
    holder, waiter, late = sessions(3)
    holder.execute("BEGIN; LOCK TABLE orders")
    first = wants(waiter, "SELECT * FROM orders", superuser)
    assert requests(await probe.sample())[first].target == "table public.orders"
    for _ in range(2):
        probe._locks.budget.asked(time.monotonic(), 9.0)
    second = wants(late, "SELECT * FROM orders", superuser)
    found = await probe.sample()
    assert by_pid(found)[second].blocked_by == (holder.info.backend_pid,)
    assert requests(found).keys() == {first}, "what it wants is not known before the lock table is read again"
    probe.hurry()
    found = await probe.sample()
    assert requests(found).keys() == {first, second}
    assert found.age_of("locks") == 0.0


async def test_however_dear_the_list_of_sessions_is_it_comes_in_every_other_interval(probe: Probe) -> None:
    await probe.sample()
    assert probe.paced(1.0) is None
    budget = probe._asking.budgets["sessions"]
    for _ in range(2):
        budget.asked(time.monotonic(), 9.0)
    paced = probe.paced(1.0)
    assert paced is not None
    assert (paced.part, paced.every) == ("sessions", 2.0)
    probe.hurry()
    assert (await probe.sample()).sessions


async def test_what_is_too_dear_says_how_old_it_is(
    server: Cluster,
    superuser: "psycopg.Connection[Any]",
    orders: None,
    sessions: Sessions,
    probe: Probe,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lock_waits, "FEW", 0)  # there is a crowd
    holder, waiter = sessions(2)
    holder.execute("BEGIN; LOCK TABLE orders")
    pid = wants(waiter, "SELECT * FROM orders", superuser)
    await probe.sample()
    for _ in range(2):
        probe._locks.budget.asked(time.monotonic(), 9.0)
    await asyncio.sleep(0.6)
    found = await probe.sample()
    assert by_pid(found)[pid].blocked_by == (holder.info.backend_pid,)
    assert 0.6 <= found.age_of("locks") < 30
    holder.execute("ROLLBACK")
    while waiter.pgconn.get_result() is not None:
        pass
    found = await probe.sample()
    assert by_pid(found)[pid].blocked_by == ()
    assert found.lock_requests == ()
