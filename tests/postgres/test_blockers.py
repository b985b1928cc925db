"""Whoever waits for a lock is held up by the same as the server's own function says: random fights on real servers."""

import random
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.model import versions
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.postgres import lock_waits
from pgheadroom.postgres.sampling import Probe
from servers import Sessions, fetch

FIGHTERS = 12
STEPS = 30
SECONDS = 4.0
"""How long one version is fought on; at least three fights."""

TABLE_MODES = (
    "ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE", "SHARE", "SHARE ROW EXCLUSIVE",
    "EXCLUSIVE", "ACCESS EXCLUSIVE",
)  # fmt: skip
STRENGTHS = ("UPDATE", "NO KEY UPDATE", "SHARE", "KEY SHARE")
PREPARED = 0
Edges = dict[int, set[int]]


def a_statement(chance: random.Random) -> str:
    table, row = chance.choice(("red", "red", "red", "blue")), chance.randint(1, 2)
    kinds = {
        f"LOCK TABLE {table} IN {chance.choice(TABLE_MODES)} MODE": 5,
        f"SELECT * FROM {table} WHERE id = {row} FOR {chance.choice(STRENGTHS)}": 5,
        f"UPDATE {table} SET note = note WHERE id = {row}": 4,
        f"SELECT pg_advisory_xact_lock{chance.choice(('', '_shared'))}({row})": 3,
        "SELECT touch()": 1,
        f"CREATE INDEX CONCURRENTLY ON {table} (note)": 1,
        "PREPARE TRANSACTION": 1,
    }
    return chance.choices(list(kinds), list(kinds.values()))[0]


class Fight:
    """Sessions that lock at random, each until it has to wait; nobody is thrown out of a deadlock."""

    def __init__(self, superuser: "psycopg.Connection[Any]", fighters: "list[psycopg.Connection[Any]]") -> None:
        self.superuser = superuser
        self.free = list(fighters)
        self.fighters = fighters
        self.idle = set(fighters)
        self.prepared = 0

    def step(self, chance: random.Random) -> None:
        if not self.free:
            return
        one, statement = chance.choice(self.free), a_statement(chance)
        if statement.startswith("CREATE INDEX") and one not in self.idle:
            return  # it runs outside of a transaction only
        if statement == "PREPARE TRANSACTION":
            if one not in self.idle and self.prepared < 2:
                self.prepared += 1
                self.send(one, f"PREPARE TRANSACTION 'p{self.prepared}'")
                self.idle.add(one)
            return
        if not statement.startswith("CREATE INDEX") and one in self.idle:
            self.idle.discard(one)
            one.execute("BEGIN")
        self.send(one, statement)

    def send(self, one: "psycopg.Connection[Any]", statement: str) -> None:
        """Send it, and see whether it is done or has to wait."""
        one.pgconn.send_query(statement.encode())
        one.pgconn.flush()
        waits = "SELECT count(*) FROM pg_stat_activity WHERE %s IN (pid, leader_pid) AND wait_event_type = 'Lock'"
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            one.pgconn.consume_input()
            if not one.pgconn.is_busy():
                while one.pgconn.get_result() is not None:
                    pass
                if one.info.transaction_status is psycopg.pq.TransactionStatus.INERROR:
                    one.execute("ROLLBACK")
                    self.idle.add(one)
                return
            if fetch(self.superuser, waits, one.info.backend_pid):
                self.free.remove(one)
                return
        pytest.fail(f"neither done nor waiting: {statement}")

    def by_function(self) -> Edges:
        """What `pg_blocking_pids` says of all who wait, workers as their leaders."""
        rows = self.superuser.execute(
            "SELECT coalesce(leader_pid, pid), pg_blocking_pids(pid) FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock'"
        ).fetchall()
        found: Edges = {}
        for leader, blockers in rows:
            found.setdefault(leader, set()).update(set(blockers) - {leader})
        return found

    def end(self) -> None:
        for one in self.fighters:
            self.superuser.execute("SELECT pg_cancel_backend(%s)", (one.info.backend_pid,))
        for one in self.fighters:
            while one.pgconn.is_busy():
                self.superuser.execute("SELECT pg_cancel_backend(%s)", (one.info.backend_pid,))
                one.pgconn.consume_input()
            while one.pgconn.get_result() is not None:
                pass
            one.execute("ROLLBACK")
        for (name,) in self.superuser.execute("SELECT gid FROM pg_prepared_xacts").fetchall():
            self.superuser.execute(f"ROLLBACK PREPARED '{name}'".encode())


def by_us(snapshot: Snapshot) -> Edges:
    everybody = (*snapshot.sessions, *snapshot.processes)
    return {one.pid: set(one.blocked_by) for one in everybody if one.blocked_by}


def closure(edges: Edges, start: int) -> set[int]:
    found: set[int] = set()
    todo = [start]
    while todo:
        for pid in edges.get(todo.pop(), set()) - found:
            found.add(pid)
            todo.append(pid)
    return found


def roots(edges: Edges, start: int) -> set[int]:
    return {pid for pid in closure(edges, start) if not edges.get(pid)}


@pytest.fixture
def fighters(superuser: "psycopg.Connection[Any]", sessions: Sessions) -> "Iterator[list[psycopg.Connection[Any]]]":
    superuser.execute(
        "CREATE OR REPLACE FUNCTION touch() RETURNS int LANGUAGE sql PARALLEL SAFE VOLATILE"
        " AS 'SELECT 1 FROM pg_advisory_xact_lock_shared(1)'"
    )
    made = sessions(FIGHTERS)
    forced = "force_parallel_mode" if superuser.info.server_version < 160_000 else "debug_parallel_query"
    for one in made:
        one.execute(f"SET {forced} = on; SET parallel_leader_participation = off".encode())
        one.execute("SET deadlock_timeout = '1h'")
    yield made
    superuser.execute("DROP TABLE IF EXISTS red, blue; DROP FUNCTION touch()")


async def fought(superuser: "psycopg.Connection[Any]", fighters: Any, probe: Probe, seed: int) -> int:
    """One fight, judged. Returns how many wait in it."""
    superuser.execute("DROP TABLE IF EXISTS red, blue")
    for table in ("red", "blue"):
        superuser.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, note text)".encode())
        superuser.execute(f"INSERT INTO {table} VALUES (1), (2)".encode())
    fight, chance = Fight(superuser, fighters), random.Random(seed)
    try:
        for _ in range(STEPS):
            fight.step(chance)
        expected = fight.by_function()
        probe.hurry()
        found = by_us(await probe.sample())
        assert fight.by_function() == expected, "the fight is over"
        assert found.keys() == {pid for pid, blockers in expected.items() if blockers}, f"seed {seed}"
        for pid in expected:
            assert roots(found, pid) == roots(expected, pid), f"the roots of {pid}, seed {seed}"
            if probe.catalogue.facts.version_num >= versions.WAITSTART_SINCE:
                assert found.get(pid, set()) <= closure(expected, pid), f"the edges of {pid}, seed {seed}"
    finally:
        fight.end()
    return len(expected)


async def test_random_fights_have_the_roots_that_the_server_names(
    server: Cluster, superuser: "psycopg.Connection[Any]", fighters: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's function is not asked: the lock table has to do."""
    monkeypatch.setattr(lock_waits, "FEW", 0)
    probe = await Probe.open(server.conninfo())
    first = random.randrange(10**6)
    began, waited, fights = time.monotonic(), 0, 0
    while fights < 3 or time.monotonic() - began < SECONDS:
        waited += await fought(superuser, fighters, probe, first + fights)
        fights += 1
    await probe.close()
    assert waited > fights, "there was something to compare"
