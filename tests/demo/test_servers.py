"""The servers that the demo and the other tests stand on."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from pgheadroom.demo.servers.bouncer import Bouncer
from pgheadroom.demo.servers.cluster import Cluster
from servers import Roles, Sessions, fetch, standby_of, usable, wait_until


def test_server_is_of_the_asked_version(server: Cluster, superuser: "psycopg.Connection[Any]") -> None:
    assert superuser.info.server_version // 10_000 == server.major


def test_an_ordinary_role_gets_the_usable_slots(server: Cluster, role: Roles, sessions: Sessions) -> None:
    # One slot is taken by the superuser's session of `role`.
    assert len(sessions.fill(role("web"))) == usable(server.major) - 1


def test_role_limit_holds(server: Cluster, role: Roles, sessions: Sessions) -> None:
    assert len(sessions.fill(role("web", limit=2))) == 2


def test_sessions_give_their_slots_back(server: Cluster, superuser: "psycopg.Connection[Any]") -> None:
    count = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
    before = fetch(superuser, count)
    sessions = Sessions(server)
    sessions(5)
    assert fetch(superuser, count) == before + 5
    sessions.close_all()
    assert fetch(superuser, count) == before


def test_tcp_and_socket_are_the_same_server(server: Cluster, sessions: Sessions) -> None:
    over_socket, over_tcp = sessions(1)[0], sessions(1, tcp=True)[0]
    started = "SELECT pg_postmaster_start_time()"
    assert fetch(over_socket, started) == fetch(over_tcp, started)
    assert str(fetch(over_tcp, "SELECT inet_client_addr()")) == "127.0.0.1"


def test_bouncer_passes_clients_on(server: Cluster, bouncer: Bouncer) -> None:
    with psycopg.connect(bouncer.conninfo("postgres", "postgres"), prepare_threshold=None) as client:
        assert client.info.server_version // 10_000 == server.major
    with psycopg.connect(bouncer.console(), autocommit=True, prepare_threshold=None) as console:
        assert any(row[0] == "postgres" for row in console.execute("SHOW POOLS").fetchall())


def test_crash_and_restart_keep_the_address(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster()
    with psycopg.connect(cluster.conninfo()) as connection:
        cluster.kill()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(cluster.conninfo()).close()
        cluster.start()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    psycopg.connect(cluster.conninfo()).close()


def test_standby_follows(new_cluster: Callable[..., Cluster]) -> None:
    primary = new_cluster()
    standby = standby_of(primary)
    standby.start()
    try:
        with psycopg.connect(primary.conninfo(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE shop")
        with psycopg.connect(standby.conninfo(), autocommit=True) as connection:
            assert fetch(connection, "SELECT pg_is_in_recovery()")
            known = "SELECT count(*) FROM pg_database WHERE datname = 'shop'"
            wait_until(lambda: fetch(connection, known) == 1, "the standby replays")
    finally:
        standby.stop()


def test_start_says_why_it_failed(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster(settings={"max_connections": "'many'"}, start=False)
    with pytest.raises(Exception, match="max_connections"):
        cluster.start()


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_other_encodings(new_cluster: Callable[..., Cluster], encoding: str) -> None:
    with psycopg.connect(new_cluster(encoding=encoding).conninfo(), client_encoding="utf8") as connection:
        assert fetch(connection, "SHOW server_encoding") == encoding
