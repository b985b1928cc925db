"""Sessions of databases in other encodings, as raw as the server keeps them."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.model.session import Session
from pgheadroom.postgres.sampling import Probe
from pgheadroom.postgres.session_detail import detail

MAJORS = [15, 16, 18]


def run_raw(connection: "psycopg.Connection[Any]", statement: bytes) -> None:
    """Bytes as an application of that encoding would send them, without any conversion."""
    connection.pgconn.exec_(b"SET client_encoding = SQL_ASCII")
    result = connection.pgconn.exec_(statement)
    assert result.status == psycopg.pq.ExecStatus.TUPLES_OK, result.error_message


async def seen(probe: Probe, connection: "psycopg.Connection[Any]") -> Session:
    sessions = (await probe.sample()).sessions
    return next(session for session in sessions if session.pid == connection.info.backend_pid)


@pytest.mark.parametrize("major", MAJORS)
async def test_every_encoding_beside_the_others(new_cluster: Callable[..., Cluster], major: int) -> None:
    cluster = new_cluster(major)
    encodings = {
        "latin1": ("LATIN1", "SELECT 'Müller'".encode("latin-1"), "SELECT 'Müller'"),
        "ascii": ("SQL_ASCII", b"SELECT 'M\xfcller'", r"SELECT 'M\xfcller'"),
        "utf8_in_ascii": ("SQL_ASCII", "SELECT 'Müller 請求書'".encode(), "SELECT 'Müller 請求書'"),
        "japanese": ("EUC_JP", "SELECT '請求書'".encode("euc_jp"), "SELECT '請求書'"),
        "cyrillic": ("WIN1251", "SELECT 'счёт'".encode("cp1251"), "SELECT 'счёт'"),
        "unicode": ("UTF8", "SELECT '€ 😀 e\u0301'".encode(), "SELECT '€ 😀 e\u0301'"),
    }
    with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
        for name, (encoding, _, _) in encodings.items():
            superuser.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0".encode())
    connections = {name: psycopg.connect(cluster.conninfo(dbname=name), autocommit=True) for name in encodings}
    for name, (_, statement, _) in encodings.items():
        run_raw(connections[name], statement)
    # From wherever we look.
    for from_database in ("postgres", "latin1", "ascii", "japanese"):
        probe = await Probe.open(cluster.conninfo(dbname=from_database))
        for name, (_, _, expected) in encodings.items():
            session = await seen(probe, connections[name])
            assert session.query == expected
            found = await detail(probe, session.id)
            assert found is not None
            assert found.session.query == expected
        await probe.close()
    for connection in connections.values():
        connection.close()


@pytest.mark.parametrize("major", MAJORS)
async def test_names_that_are_not_ascii(new_cluster: Callable[..., Cluster], major: int) -> None:
    cluster = new_cluster(major, encoding="SQL_ASCII")
    with psycopg.connect(cluster.conninfo(client_encoding="SQL_ASCII"), autocommit=True) as superuser:
        for statement in ('CREATE ROLE "jürgen" LOGIN', 'CREATE DATABASE "rechnungen_ü"', 'CREATE TABLE "fußnote" ()'):
            superuser.pgconn.exec_(statement.encode())
        superuser.pgconn.exec_('CREATE ROLE "m\xfcller" LOGIN CONNECTION LIMIT 4'.encode("latin-1"))
    probe = await Probe.open(cluster.conninfo())
    with psycopg.connect(cluster.conninfo("jürgen", "rechnungen_ü"), autocommit=True) as connection:
        session = await seen(probe, connection)
        assert (session.user, session.database) == ("jürgen", "rechnungen_ü")
    snapshot = await probe.sample()
    assert snapshot.roles[r"m\xfcller"].limit == 4
    assert "rechnungen_ü" in snapshot.databases
    await probe.close()
    probe = await Probe.open(cluster.conninfo("jürgen", "rechnungen_ü"))
    snapshot = await probe.sample()
    assert (snapshot.door.user, snapshot.door.database) == ("jürgen", "rechnungen_ü")
    await probe.close()


@pytest.mark.parametrize("major", MAJORS)
async def test_a_query_cut_within_a_character(new_cluster: Callable[..., Cluster], major: int) -> None:
    """Ours is the 240th byte, or the server's `track_activity_query_size`, whichever comes first."""
    cluster = new_cluster(major, {"track_activity_query_size": 200})
    with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
        superuser.execute("CREATE DATABASE japanese ENCODING 'EUC_JP' TEMPLATE template0")
    connections = [psycopg.connect(cluster.conninfo(dbname=name), autocommit=True) for name in ("postgres", "japanese")]
    probe = await Probe.open(cluster.conninfo())
    for shift in range(3):
        query = f"SELECT '{'x' * shift}{'請' * 200}'"
        for connection, codec in zip(connections, ("utf-8", "euc_jp"), strict=True):
            run_raw(connection, query.encode(codec))
            session = await seen(probe, connection)
            assert query.startswith(session.query)
            assert len(session.query) > 60
    for connection in connections:
        connection.close()
    await probe.close()
