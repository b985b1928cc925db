"""What a session that is called active waits for decides what a signal does to it: tried on each server."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import psycopg
import pytest

from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.model.session import Session, Wait
from pgheadroom.postgres.sampling import Probe
from servers import Sessions, fetch, wait_until


async def seen(server: Cluster, pid: int) -> Session:
    probe = await Probe.open(server.conninfo())
    try:
        return next(one for one in (await probe.sample()).sessions if one.pid == pid)
    finally:
        await probe.close()


def state(superuser: "psycopg.Connection[Any]", pid: int) -> tuple[str, str] | None:
    return superuser.execute("SELECT state, wait_event FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone()


@pytest.fixture
def no_standby(server: Cluster, superuser: "psycopg.Connection[Any]") -> Iterator[None]:
    """Commits wait for a standby that is not there; of those only who asks for it, for here the others do without."""
    superuser.execute("DROP TABLE IF EXISTS kept; CREATE TABLE kept (a int)")
    superuser.execute("ALTER SYSTEM SET synchronous_standby_names = 'gone'")
    superuser.execute("SELECT pg_reload_conf()")
    shown = "SELECT setting FROM pg_settings WHERE name = 'synchronous_standby_names'"
    wait_until(lambda: fetch(superuser, shown) == "gone", "the setting is read")
    yield
    superuser.execute("ALTER SYSTEM RESET synchronous_standby_names")
    superuser.execute("SELECT pg_reload_conf()")


def waits_for_standby(superuser: "psycopg.Connection[Any]", pid: int) -> bool:
    found = state(superuser, pid)
    return found is not None and found[1] == "SyncRep"


def waits_no_more(superuser: "psycopg.Connection[Any]", pid: int) -> bool:
    return not waits_for_standby(superuser, pid)


async def test_a_commit_that_waits_for_a_standby_stays_whatever_is_signalled(
    server: Cluster, superuser: "psycopg.Connection[Any]", no_standby: None, sessions: Sessions
) -> None:
    for number, signal in enumerate(("pg_cancel_backend", "pg_terminate_backend")):
        (writer,) = sessions(1)
        pid = writer.info.backend_pid
        writer.execute("SET synchronous_commit = on")
        writer.pgconn.send_query(f"INSERT INTO kept VALUES ({number})".encode())
        writer.pgconn.flush()
        wait_until(partial(waits_for_standby, superuser, pid), "it waits for the standby")
        assert (await seen(server, pid)).waits_for is Wait.STANDBY
        superuser.execute(f"SELECT {signal}(%s)", [pid])
        wait_until(partial(waits_no_more, superuser, pid), "it waits no more")
        assert fetch(superuser, "SELECT count(*) FROM kept WHERE a = %s", number) == 1


async def test_who_waits_for_its_client_heeds_a_terminate_and_no_cancel(
    server: Cluster, superuser: "psycopg.Connection[Any]", sessions: Sessions
) -> None:
    (loader,) = sessions(1)
    pid = loader.info.backend_pid
    superuser.execute("DROP TABLE IF EXISTS kept; CREATE TABLE kept (a int)")
    loader.pgconn.send_query(b"COPY kept FROM STDIN")
    loader.pgconn.flush()
    wait_until(lambda: state(superuser, pid) == ("active", "ClientRead"), "it waits for data")
    assert (await seen(server, pid)).waits_for is Wait.CLIENT
    superuser.execute("SELECT pg_cancel_backend(%s), pg_sleep(0.3)", [pid])
    assert state(superuser, pid) == ("active", "ClientRead")
    superuser.execute("SELECT pg_terminate_backend(%s)", [pid])
    wait_until(lambda: state(superuser, pid) is None, "it is gone")
