"""Names in SQL to copy, read back by the servers themselves."""

from typing import Any

import psycopg
import pytest

from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.words.sql_names import quoted


@pytest.mark.parametrize("name", ["user", 'a"b', "we\u200bb", '\u202e"\\', "n\nl", "\U0001f3fb", "V" * 63])
def test_the_server_reads_the_same_name(server: Cluster, superuser: "psycopg.Connection[Any]", name: str) -> None:
    found = superuser.execute(f"SELECT 1 AS {quoted(name)}".encode())
    assert found.description is not None
    assert found.description[0].name == name
