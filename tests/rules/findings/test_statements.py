"""SQL to copy: only where it binds, whole, and with what it does besides."""

import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgheadroom.analysis import analyse
from pgheadroom.model.action import Verb
from pgheadroom.model.finding import Finding
from pgheadroom.model.session import Session, State
from pgheadroom.model.snapshot import Role, Server, Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.findings.statements import grant, role_limit, role_setting
from pgheadroom.words.sql_names import quoted
from pgheadroom.words.text import safe
from samples import ago, many, roles, session, snapshot
from sure import sure

PLAIN = Thresholds()


def told(sample: Snapshot) -> dict[str, Finding]:
    return {finding.key: finding for finding in analyse(sample, PLAIN).findings}


def case(sessions: Sequence[Session] = (), **given: Any) -> Case:
    return Case(snapshot(sessions, **given), PLAIN)


def test_a_limit_below_present_use_says_what_it_does() -> None:
    statement = role_limit(case(many(12)), "web", 1)
    assert statement.sql == "ALTER ROLE web CONNECTION LIMIT 1;"
    assert (
        statement.caution == "web has 12 sessions now: they stay, and new ones are refused until fewer than 1 are left"
    )
    assert role_limit(case(many(12)), "web", 12).caution == ""


def test_no_statement_for_whom_it_does_not_bind() -> None:
    known = roles(Role("postgres", True, None), Role("web", False, None))
    superuser = case(many(38, user="postgres"), roles=known)
    assert role_limit(superuser, "postgres", 21).sql == ""
    assert "ordinary role" in role_setting(superuser, "postgres", "idle_session_timeout", "10min").instead
    dropped = role_limit(case(many(3, user="oid 16391"), roles=known), "oid 16391", 8)
    assert (dropped.sql, "dropped" in dropped.instead) == ("", True)
    assert role_limit(case(roles=known), None, 8).sql == ""


def test_an_application_that_logs_in_as_a_superuser_is_told_so() -> None:
    sample = snapshot(many(95, user="postgres", since=900), roles=roles(Role("postgres", True, None)))
    full = told(sample)["server-slots"]
    assert full.sql == ""
    assert "an ordinary role of its own" in full.lasting
    assert sure(full.proposal).verb is None  # the preview would leave all of them out


def test_a_remedy_is_for_somebody_whom_the_preview_takes() -> None:
    known = roles(Role("postgres", True, None), Role("web", False, None))
    busy = many(96, state=State.ACTIVE, since=60)
    sample = snapshot([*busy, session(9, user="postgres", since=900)], roles=known)
    full = told(sample)["server-slots"]
    assert sure(full.proposal).verb is Verb.TERMINATE
    assert sure(full.proposal).filter == "running>30s"


def test_on_a_standby_it_is_for_the_primary() -> None:
    standby = Server("db2:5432", "18.4", 180_004, in_recovery=True, started_at=ago(3600))
    sample = snapshot(many(95, since=900), server=standby)
    full = told(sample)["server-slots"]
    assert full.sql.startswith("ALTER ROLE web")
    assert full.caution.startswith("run it on the primary")
    assert "primary" in grant(case(server=standby), "pg_monitor", "me").caution


def test_a_timeout_for_the_idle_warns_of_pools_and_of_who_is_idle_already() -> None:
    caution = told(snapshot(many(95, since=900)))["server-slots"].caution
    assert "who is idle now stays" in caution
    assert "pool" in caution


def test_many_failed_transactions_are_a_swallowed_error_no_forgotten_commit() -> None:
    found = told(snapshot(many(20, state=State.ABORTED, since=30)))["idle-in-transaction"]
    assert found.sentence.startswith("20 sessions idle in failed transactions")
    assert "swallows" in found.lasting


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("web", "web"),
        ("user", '"user"'),
        ("Web App", '"Web App"'),
        ('a"b', '"a""b"'),
        ("we\u200bb", 'U&"we\\200Bb"'),
        ('\u202e"\\', 'U&"\\202E""\\\\"'),
        ("n\nl", 'U&"n\\000Al"'),
        ("\U0001f3fb", 'U&"\\+01F3FB"'),
        ("v" * 63, "v" * 63),
        ("V" * 63, '"' + "V" * 63 + '"'),
        ("caf\\xe9", ""),
        ("", ""),
    ],
)
def test_a_name_is_whole_and_another_one_never(name: str, expected: str) -> None:
    assert quoted(name) == expected


def read_by_postgresql(text: str) -> str:
    """What PostgreSQL makes of an identifier (https://www.postgresql.org/docs/current/sql-syntax-lexical.html)."""
    if text.startswith("U&"):
        inner = text[3:-1].replace('""', '"')
        return re.sub(
            r"\\(?:(\\)|([0-9A-F]{4})|\+([0-9A-F]{6}))",
            lambda found: found[1] or chr(int(found[2] or found[3], 16)),
            inner,
        )
    return text[1:-1].replace('""', '"') if text.startswith('"') else text


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12))
def test_what_is_copied_from_the_screen_is_the_same_name(name: str) -> None:
    written = quoted(name)
    assert safe(written) == written
    assert not written or read_by_postgresql(written) == name


def test_a_long_role_is_not_clipped_in_what_is_copied() -> None:
    role = "v-kubernetes-shop-" + "0123456789" * 4
    sample = snapshot(many(95, user=role, since=0.4))
    assert told(sample)["server-slots"].sql == f'ALTER ROLE "{role}" CONNECTION LIMIT 57;'
    assert session().user == "web"
