"""Somebody holds ACCESS EXCLUSIVE on what a monitor might read: it neither hangs nor queues."""

import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

import psycopg
import pytest

from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.live.source import LiveSource
from pgheadroom.postgres import asking
from servers import Sessions, fetch
from terminal.emulator import Terminal

WIDE = {"columns": 160, "lines": 40}
CATALOGUES = (
    "pg_authid", "pg_auth_members", "pg_database", "pg_db_role_setting", "pg_class", "pg_namespace", "pg_proc",
    "pg_type", "pg_attribute", "pg_operator", "pg_index",
)  # fmt: skip
AT_ONCE = 0.5
"""Seconds: far more than we wait for a name, and half of what we wait for a lock otherwise."""
QUEUED = """
    SELECT extract(epoch FROM clock_timestamp() - l.waitstart)::float8 FROM pg_lock_status() AS l
    WHERE NOT l.granted AND l.pid = %s
"""


class Queue:
    """How many seconds our session stood in a queue for one lock, at the longest.

    Whoever looks has made the plan for it before the locks are taken.
    """

    def __init__(self, watcher: "psycopg.Connection[Any]", pid: int) -> None:
        self.longest, self._watcher, self._pid = 0.0, watcher, pid
        self._watcher.prepare_threshold = 0
        self._watcher.execute(QUEUED, (pid,))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.01):
            waited = [seconds or 0.0 for (seconds,) in self._watcher.execute(QUEUED, (self._pid,)).fetchall()]
            self.longest = max([self.longest, *waited])


@contextmanager
def locked(holder: "psycopg.Connection[Any]", *names: str) -> Iterator[None]:
    holder.execute(f"BEGIN; LOCK TABLE {', '.join(names)} IN ACCESS EXCLUSIVE MODE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")


@pytest.fixture
def ours(superuser: "psycopg.Connection[Any]") -> Callable[[], Any]:
    return lambda: fetch(superuser, "SELECT pid FROM pg_stat_activity WHERE application_name = 'pgheadroom'")


@pytest.mark.parametrize("names", [CATALOGUES[:4], CATALOGUES[4:]], ids=["shared", "own"])
def test_locked_catalogues(
    one_server: Cluster,
    sessions: Sessions,
    monitor: Callable[..., Terminal],
    ours: Callable[[], Any],
    names: Sequence[str],
) -> None:
    holder, watcher = sessions(2)
    terminal = monitor(one_server.conninfo(), "-i", "0.2", **WIDE)
    with Queue(watcher, ours()) as queue, locked(holder, *names):
        for _ in range(2):
            terminal.press("2").wait_for("▸ SESSIONS").wait_for("idle in tx").pump(0.5)
            terminal.press("1").wait_for("HOGS").pump(0.5)
            assert "STALE" not in terminal.screen()
        if "pg_authid" in names:
            # Those of roles and databases are read every few seconds, those of tables once somebody waits for one.
            terminal.press("t").wait_for_match(r"Not known at present: \w+.*lock timeout")
        else:
            terminal.press("t").wait_for("WHAT HELPS")
            assert "Not known" not in terminal.screen()
        assert "STALE" not in terminal.screen()
    assert queue.longest < AT_ONCE


@pytest.fixture
async def source(one_server: Cluster) -> AsyncIterator[LiveSource]:
    source = LiveSource(one_server.conninfo(), interval=0.1)
    yield source
    await source.close()


async def test_names_that_cannot_be_read_again_are_kept_and_said(
    source: LiveSource, sessions: Sessions, ours: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for interval in ("OFTEN", "RARELY"):
        monkeypatch.setattr(asking, interval, 0.0)
    holder, watcher = sessions(2)
    before = await source.sample_once()
    with Queue(watcher, ours()) as queue, locked(holder, *CATALOGUES):
        taken = [await source.sample_once() for _ in range(3)]
    for snapshot in taken:
        assert {gap.part for gap in snapshot.lacking} == {"databases", "roles"}
        assert all("lock timeout" in gap.reason for gap in snapshot.lacking)
        assert snapshot.roles == before.roles
        assert len(snapshot.sessions) == len(before.sessions)
    assert queue.longest < AT_ONCE
    assert (await source.sample_once()).lacking == []


def test_a_pile_up_behind_a_table_while_its_name_is_locked(
    one_server: Cluster,
    superuser: "psycopg.Connection[Any]",
    sessions: Sessions,
    monitor: Callable[..., Terminal],
    ours: Callable[[], Any],
) -> None:
    superuser.execute("CREATE TABLE parcels (id int)")
    holder, waiter, watcher = sessions(3)
    terminal = monitor(one_server.conninfo(), "-i", "0.2", **WIDE)
    with Queue(watcher, ours()) as queue, locked(holder, "parcels", "pg_class"):
        waiter.pgconn.send_query(b"SELECT * FROM parcels")
        terminal.press("3").wait_for("not all known: pg_class is locked: tables are shown by their number")
        terminal.wait_for_match(rf"{waiter.info.backend_pid}.* \d+ in databas")
        assert "STALE" not in terminal.screen()
    assert queue.longest < AT_ONCE
    while waiter.pgconn.get_result() is not None:
        pass
    superuser.execute("DROP TABLE parcels")


def test_coming_back_while_nobody_can_log_in(
    one_server: Cluster,
    superuser: "psycopg.Connection[Any]",
    sessions: Sessions,
    monitor: Callable[..., Terminal],
    ours: Callable[[], Any],
) -> None:
    """A login needs pg_authid, and waits for it without any timeout of ours: at most one of us stands there."""
    (holder,) = sessions(1)
    terminal = monitor(one_server.conninfo(tcp=True, connect_timeout=2), **WIDE)
    superuser.execute("PREPARE waiting AS SELECT count(DISTINCT pid) FROM pg_lock_status() WHERE NOT granted")
    superuser.execute("EXECUTE waiting")
    pid = ours()
    with locked(holder, "pg_authid"):
        superuser.execute("SELECT pg_terminate_backend(%s::int)", (pid,))
        terminal.wait_for("STALE").wait_for_match(r"✗ .*no answer in time", seconds=15)
        terminal.press("2").wait_for("▸ SESSIONS", seconds=2).press("1")
        terminal.wait_for_match(r"✗ .*try 2", seconds=15)
        assert fetch(superuser, "EXECUTE waiting") <= 3
    terminal.wait_without("STALE", seconds=20)
