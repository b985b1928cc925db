"""The SQL files: which one a version gets, and that they are harmless to look at."""

import re
from importlib import resources

import pytest

from pgheadroom.postgres.queries import query

SQL = resources.files("pgheadroom.postgres").joinpath("sql")


def test_the_newest_that_the_server_understands() -> None:
    assert b"l.waitstart AS" not in query("locks", 130_023)
    assert b"l.waitstart AS" in query("locks", 140_000)
    assert query("locks", 180_004) == query("locks", 140_000)


def test_a_question_that_does_not_exist() -> None:
    with pytest.raises(LookupError, match="no query nonsense"):
        query("nonsense", 160_000)


@pytest.mark.parametrize("file", [file.name for file in SQL.iterdir()])
def test_no_comment_is_sent_and_no_string_is_damaged(file: str) -> None:
    name = re.sub(r"(_\d{6})?\.sql$", "", file)
    sent = query(name, 999_999)
    assert b"--" not in sent
    assert b"\n" not in sent
    assert sent.count(b"'") % 2 == 0
