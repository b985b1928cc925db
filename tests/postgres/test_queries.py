"""The SQL files: which one a version gets, and that they are harmless to look at."""

import re

import pytest

from pgheadroom.postgres.queries import query
from sql_texts import FILES, TEXTS, Text, content


def test_the_newest_that_the_server_understands() -> None:
    assert b"l.waitstart AS" not in bytes(query("locks", 130_023, "told"))
    assert b"l.waitstart AS" in bytes(query("locks", 140_000, "told"))
    assert query("locks", 180_004, "told") == query("locks", 140_000, "told")


def test_a_question_that_does_not_exist() -> None:
    with pytest.raises(LookupError, match="no query nonsense"):
        query("nonsense", 160_000)


def test_lines_are_for_a_version_and_for_a_form() -> None:
    assert query("rights", 150_018).endswith(b" false")
    assert query("rights", 160_000).endswith(b"pg_has_role('pg_use_reserved_connections', 'USAGE')")
    assert b"pg_terminate_backend" not in bytes(query("signal", 180_000, "cancel"))


@pytest.mark.parametrize("file", FILES)
def test_a_comment_that_chooses_is_written_as_it_is_read(file: str) -> None:
    behind_code = re.findall(r"^ *[^- ].*-- *(.*)$", content(file), re.M)
    assert [comment for comment in behind_code if not re.fullmatch(r"(from|before) 1\d( on)?|for \w+", comment)] == []


@pytest.mark.parametrize("asked", TEXTS, ids=str)
def test_no_comment_is_sent_and_no_string_is_damaged(asked: Text) -> None:
    sent = bytes(asked.statement)
    assert b"--" not in sent
    assert b"\n" not in sent
    assert sent.count(b"'") % 2 == 0
