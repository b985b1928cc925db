"""Databases in other encodings, seen side by side: queries, names and applications on the screen."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import psycopg
import pytest
from psycopg import sql

from pgheadroom.demo.servers.cluster import Cluster
from terminal.emulator import Terminal

WIDE = {"columns": 200, "lines": 40}

# Database, its encoding, what an application of it sends, and what is to be seen.
SPOKEN = (
    ("latin", "LATIN1", "SELECT 'Müller'".encode("latin-1"), "SELECT 'Müller'"),
    ("plain", "SQL_ASCII", b"SELECT 'M\xfcller'", r"SELECT 'M\xfcller'"),
    ("japanese", "EUC_JP", "SELECT '請求書'".encode("euc_jp"), "SELECT '請求書'"),
    ("請求書", "UTF8", "SELECT '請求 😀'".encode(), "SELECT '請求 😀'"),
)


@pytest.fixture
def speaking(new_cluster: Callable[..., Cluster]) -> Iterator[Cluster]:
    """A server with a session of `jürgen` in each database, which has sent its query."""
    cluster = new_cluster()
    with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser, ExitStack() as stack:
        superuser.execute('CREATE ROLE "jürgen" LOGIN SUPERUSER')
        for name, encoding, statement, _ in SPOKEN:
            made = sql.SQL("CREATE DATABASE {} ENCODING {} TEMPLATE template0")
            superuser.execute(made.format(sql.Identifier(name), sql.Literal(encoding)))
            conninfo = cluster.conninfo("jürgen", name, application_name="Bücher")
            session = stack.enter_context(psycopg.connect(conninfo, autocommit=True))
            session.pgconn.exec_(b"SET client_encoding = SQL_ASCII")
            assert session.pgconn.exec_(statement).status == psycopg.pq.ExecStatus.TUPLES_OK
        yield cluster


def test_every_encoding_is_shown_wherever_one_looks_from(
    speaking: Cluster, on_sessions: Callable[..., Terminal]
) -> None:
    for database in ("postgres", "plain", "latin", "japanese"):
        terminal = on_sessions(speaking.conninfo(dbname=database), **WIDE)
        for name, _, _, shown in SPOKEN:
            terminal.wait_for_match(rf"jürgen .*{name} .*{re.escape(shown)}")
        # The server itself keeps only ASCII of an application's name: since 16 it writes the other bytes out.
        terminal.wait_for(r"B\xc3\xbccher")
        terminal.press("1").wait_for_match(r"jürgen .*請求書").wait_without("STALE")
        assert terminal.press("q").wait() == 0
    terminal = on_sessions(speaking.conninfo("jürgen", "請求書"), **WIDE)
    terminal.wait_for_match(r"jürgen@\S+/請求書 ").wait_for("as jürgen (superuser slot)")
    terminal.press("/", "請求").wait_for("SELECT '請求 😀'").wait_without("Müller")
