"""Literals of query texts are hidden: whatever PostgreSQL takes for one, and however the text is cut."""

import re
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.postgres.literals import without_literals
from pgheadroom.postgres.sampling import Probe
from pgheadroom.postgres.session_detail import detail
from servers import Sessions, wait_until
from sure import sure

SECRET = "hunter2"

LITERALS = {
    "'hunter2'": "'?'",
    "'it''s hunter2'": "'?'",
    "'''hunter2'''": "'?'",
    "'-- hunter2'": "'?'",
    "'a'\n 'hunter2'": "'?'\n '?'",
    r"E'\'hunter2'": "E'?'",
    r"e'\\\' hunter2\\'": "e'?'",
    r"U&'\0061hunter2'": "U&'?'",
    "N'hunter2'": "N'?'",
    "$$hunter2$$": "$$?$$",
    "$$it's hunter2$$": "$$?$$",
    "$a$ $$hunter2$$ $b$ $a$": "$a$?$a$",
    "$été_1$hunter2$été_1$": "$été_1$?$été_1$",
    "/* /* hunter2 */ 'hunter2 */ 'hunter2'": "/*?*/ '?'",
    "-- it's hunter2\n 'hunter2'": "--?\n '?'",
    "'a' --hunter2\r || 'hunter2'": "'?' --?\r || '?'",
    "text'hunter2'": "text'?'",
    "'{hunter2,x}'::text[]": "'?'::text[]",
    r"'\' || 'hunter2'": "'?",  # it depends on standard_conforming_strings where the first one ends
}

PLAIN = {
    'SELECT a.x1, b_2, "Wo\'rd 3", $4 FROM t5': 'SELECT a.x1, b_2, "Wo\'rd 3", $4 FROM t5',
    "naïve1 = été2 AND a$$b$$c": "naïve1 = été2 AND a$$b$$c",
    'U&"d\\0061ta" "a""\'b"': 'U&"d\\0061ta" "a""\'b"',
    "<insufficient privilege>": "<insufficient privilege>",
    "": "",
}

NUMBERS = {
    "LIMIT 100 OFFSET 5": "LIMIT ? OFFSET ?",
    "x=12.5 AND y=-.5e-3 AND z<1.": "x=? AND y=-? AND z<?",
    "0xCAFE, 0b101, 1_000_000, 1E+10": "?, ?, ?, ?",
    "a[1:2], (3), 4::int8, $1+5": "a[?:?], (?), ?::int8, $1+?",
    "FOR i IN 1..10": "FOR i IN ?",
    "4111-1111-1111-1111": "?-?-?-?",
}

CUT = {
    "ALTER ROLE web PASSWORD 'hunt": "ALTER ROLE web PASSWORD '?",
    "SELECT 'hunter2'' and": "SELECT '?",
    "SELECT E'hunter2\\": "SELECT E'?",
    "SELECT E'hunter2\\'": "SELECT E'?",
    "DO $do$ BEGIN PERFORM 'hunter2' $d": "DO $do$?",
    "SELECT 1 /* hunter2 /* */ 'x'": "SELECT ? /*?",
    "SELECT 1 -- hunter2": "SELECT ? --?",
    "SELECT \"x FROM t WHERE y = 'hunter2'": 'SELECT "?',
    "SELECT 42": "SELECT ?",
}


@pytest.mark.parametrize(("text", "shown"), [*LITERALS.items(), *PLAIN.items(), *NUMBERS.items(), *CUT.items()])
def test_what_is_shown(text: str, shown: str) -> None:
    assert without_literals(text) == shown


@pytest.mark.parametrize("text", [r"x LIKE '%hunter2%' ESCAPE '\' AND y = 'z'", r"x LIKE 'hunter2' escape '\'"])
def test_a_backslash_that_is_an_escape_character_hides_nothing_else(text: str) -> None:
    assert without_literals(text) == re.sub("'[^']*'", "'?'", text)


@pytest.mark.parametrize("literal", [literal for literal in LITERALS if not literal.startswith(r"'\'")])
def test_the_server_calls_them_literals_too(superuser: "psycopg.Connection[Any]", literal: str) -> None:
    (value,) = sure(superuser.execute(f"SELECT ({literal})::text".encode()).fetchone())
    assert SECRET in value


def test_a_setting_that_nobody_else_sees(superuser: "psycopg.Connection[Any]") -> None:
    """The same text: a name for one session, a literal for the other."""
    text = r"SELECT 'a\' AS hunter2, ' AS b--'"
    superuser.execute("SET escape_string_warning = off; SET standard_conforming_strings = on")
    assert sure(superuser.execute(text.encode()).description)[0].name == SECRET
    superuser.execute("SET standard_conforming_strings = off")
    assert superuser.execute(text.encode()).fetchone() == (f"a' AS {SECRET}, ",)
    superuser.execute("RESET standard_conforming_strings; RESET escape_string_warning")
    assert without_literals(text) == "SELECT '?"


# --- any text --------------------------------------------------------------------------------------------------------

_NAMES = ("SELECT", "t1", "e", "E", "été", '"x"', '"it\'s ""quoted"""', "a$b", "$1", "\n", " ", ",", "(", "||", "->>")
_HARMLESS = st.sampled_from(_NAMES).map(lambda name: (f" {name} ", f" {name} "))
_HIDDEN = st.sampled_from([(f" {literal} \n", f" {shown} \n") for literal, shown in LITERALS.items() if shown != "'?"])
_PIECES = st.lists(_HARMLESS | _HIDDEN)


@given(_PIECES)
def test_names_stay_and_literals_go(pieces: list[tuple[str, str]]) -> None:
    text, shown = ("".join(part) for part in zip(*pieces, strict=True)) if pieces else ("", "")
    assert without_literals(text) == shown


@given(_PIECES, st.data())
def test_no_cut_shows_anything(pieces: list[tuple[str, str]], data: st.DataObject) -> None:
    text = "".join(piece for piece, _ in pieces)
    cut = without_literals(text[: data.draw(st.integers(0, len(text)))])
    whole = without_literals(text)
    assert "hunt" not in cut
    # All but the token at the cut is as in the whole text.
    same = next((place for place, (a, b) in enumerate(zip(cut, whole, strict=False)) if a != b), len(cut))
    assert len(cut) - same <= len("$été_1$?") + 1


@given(st.text("'\"\\$/*-eEuUxX&a1. \n?é_") | st.text())
def test_hidden_once_is_hidden_for_good(text: str) -> None:
    once = without_literals(text)
    assert without_literals(once) == once
    assert not re.search(r"(?<![\w$\x80-\U0010ffff\"])[0-9](?![^\"]*\")", once)


# --- a sample --------------------------------------------------------------------------------------------------------


@pytest.fixture
async def probe(server: Cluster) -> AsyncIterator[Probe]:
    opened = await Probe.open(server.conninfo())
    yield opened
    await opened.close()


@pytest.mark.parametrize("hidden", [True, False])
async def test_a_sample_and_a_detail_without_literals(
    server: Cluster, probe: Probe, sessions: Sessions, hidden: bool
) -> None:
    probe.hides_literals = hidden
    (one,) = sessions(1, application_name="shop")
    one.execute(f"SELECT '{SECRET}', 4711, 'cut in the sample {'x' * 300} {SECRET}' AS \"kept\"".encode())
    pid = one.info.backend_pid
    sample = await probe.sample()
    seen = next(session for session in sample.sessions if session.pid == pid)
    told = sure(await detail(probe, seen.id))
    assert sample.literals_hidden is hidden
    for text in (seen.query, told.session.query):
        assert (SECRET in text, "4711" in text) == (not hidden, not hidden)
    assert not hidden or (seen.query, told.session.query) == (
        "SELECT '?', ?, '?",
        "SELECT '?', ?, '?' AS \"kept\"",
    )


async def test_workers_too(
    server: Cluster, probe: Probe, superuser: "psycopg.Connection[Any]", sessions: Sessions
) -> None:
    """A parallel worker shows its leader's text."""
    probe.hides_literals = True
    force = "force_parallel_mode" if server.major < 16 else "debug_parallel_query"
    (leader,) = sessions(1)
    leader.execute(f"SET {force} = on".encode())
    leader.pgconn.send_query(f"SELECT count(*), '{SECRET}' FROM (SELECT pg_sleep(60)) AS x".encode())
    workers = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker' AND query LIKE '%pg_sleep%'"
    try:
        wait_until(lambda: superuser.execute(workers).fetchone() == (1,), "a worker runs")
        sample = await probe.sample()
    finally:
        leader.cancel_safe()
        while leader.pgconn.get_result() is not None:
            pass
    texts = [one.query for one in (*sample.sessions, *sample.processes) if "pg_sleep" in one.query]
    assert len(texts) >= 2
    assert not any(SECRET in text for text in texts)
