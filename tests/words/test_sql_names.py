"""Names in SQL to copy, read back by the servers themselves."""

from typing import Any

import psycopg
import pytest

from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.words.sql_names import literal, quoted


@pytest.mark.parametrize("name", ["user", 'a"b', "we\u200bb", '\u202e"\\', "n\nl", "\U0001f3fb", "V" * 63])
def test_the_server_reads_the_same_name(server: Cluster, superuser: "psycopg.Connection[Any]", name: str) -> None:
    found = superuser.execute(f"SELECT 1 AS {quoted(name)}".encode())
    assert found.description is not None
    assert found.description[0].name == name


@pytest.mark.parametrize("text", ["order-4711", "it's", "a\\b'", "we\u200bb", "\x1b[31m\u202e", "n\nl", "\U0001f3fb"])
@pytest.mark.parametrize("conforming", ["on", "off"])
def test_the_server_reads_the_same_text(superuser: "psycopg.Connection[Any]", text: str, conforming: str) -> None:
    superuser.execute(f"SET standard_conforming_strings = {conforming}".encode())
    assert superuser.execute(f"SELECT {literal(text)}".encode()).fetchone() == (text,)


def test_what_is_not_known_to_the_byte_is_not_written_as_sql() -> None:
    assert literal("\\xff") == quoted("\\xff") == ""
