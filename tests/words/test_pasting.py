"""What is copied of a query does nothing in psql that SQL could not do."""

import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.words.pasting import pastable
from pgheadroom.words.text import REPLACEMENT, copyable


@pytest.mark.parametrize(
    "query",
    [
        r"SELECT '\d+', E'\'\n', $$\w$$, $a$ \x $$ \y $a$, U&'d\0061t' -- \z",
        'SELECT 1 AS "a\\b" /* \\! /* \\! */ \\! */\nFROM t',
        r"SELECT a LIKE '%\%' ESCAPE '!'",
        "SELECT 'a\tb'",
    ],
)
def test_sql_stays_as_it_is(query: str) -> None:
    assert pastable(query) == query


def test_what_psql_would_obey_is_taken_out() -> None:
    assert pastable("\\! touch /tmp/x\n") == f"{REPLACEMENT}! touch /tmp/x"
    assert pastable("SELECT\t1\n\\o |sh\nSELECT 2;\n\n") == f"SELECT    1\n{REPLACEMENT}o |sh\nSELECT 2;"
    # Read with standard_conforming_strings on, the string ends at the second quote; off, it goes on.
    assert "\\!" not in pastable("SELECT '\\' \\! x '")
    assert "\\!" not in pastable("SELECT '' '\\'' ; \\! x")


@given(st.text(st.sampled_from("'\"\\$-/*eEa! \t\n;"), max_size=40))
def test_nothing_else_changes(query: str) -> None:
    shown = pastable(query)
    pattern = "".join(
        r"(?:\t|    )" if char == "\t" else rf"[\\{REPLACEMENT}]" if char == "\\" else re.escape(char)
        for char in copyable(query).rstrip()
    )
    assert re.fullmatch(pattern, shown)


@pytest.mark.parametrize("conforming", ["on", "off"])
def test_psql_itself_obeys_nothing_of_it(one_server: Cluster, conforming: str) -> None:
    """A command that psql took would be told on its output, and one that it does not know on the other."""
    texts = (
        "\\echo OBEYED",
        "SELECT 1 \\echo OBEYED\n",
        "SELECT '\\' \\echo OBEYED\n ' \\echo OBEYED\n'",
        "SELECT E'\\'' \\echo OBEYED\n",
        "SELECT $a$ $b$ $a$ \\echo OBEYED\n",
        "SELECT 1 /* /* */ \\echo OBEYED\n */ \\echo OBEYED\n",
        "SELECT a$a$ \\echo OBEYED\n$a$ \\echo OBEYED\n",
        'SELECT "a\\" \\echo OBEYED\n',
    )
    psql = one_server.installation.program("psql")
    for text in texts:
        script = f"SET standard_conforming_strings = {conforming};\n{pastable(text)}\n"
        command = [str(psql), "-X", "-q", "-d", one_server.conninfo()]
        done = subprocess.run(command, input=script, capture_output=True, text=True, check=False, timeout=60)
        assert "OBEYED" not in done.stdout, text
        assert "invalid command" not in done.stderr, text
