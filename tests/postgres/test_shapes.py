"""What our SQL files say that they answer is what each server answers."""

import psycopg
import pytest

from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.postgres.shape import Shape
from sql_texts import TEXTS, Text


@pytest.mark.parametrize("asked", [text for text in TEXTS if text.name != "session_settings"], ids=str)
def test_the_columns_that_a_file_promises(server: Cluster, asked: Text) -> None:
    statement = asked.statement
    with psycopg.connect(server.conninfo()) as connection:
        if connection.info.server_version < asked.since:
            pytest.skip("of a later version")
        connection.pgconn.prepare(b"asked", statement)
        told = connection.pgconn.describe_prepared(b"asked")
    assert statement.shape is not None
    assert statement.shape.types == tuple(told.ftype(column) for column in range(told.nfields))


def test_what_is_not_as_promised() -> None:
    shape = Shape.read("-- row: int4, text?")
    assert shape == Shape((23, 25), (0,), True)
    assert shape.objection([(1, None)]) == ""
    assert "missing" in shape.objection([(None, b"a")])
    assert "0 rows" in shape.objection([])
    several = Shape.read("-- rows: int4[]?")
    assert several is not None
    assert several.objection([]) == ""
    assert Shape.read("-- Which sessions are there: those that have a row.") is None
