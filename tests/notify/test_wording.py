"""What a message says."""

import json
from dataclasses import replace

import pytest

from notify.staged import LEAK, message
from pgheadroom.model.action import Verb
from pgheadroom.model.finding import Finding, Proposal, Severity
from pgheadroom.model.notification import Kind
from pgheadroom.notify.wording import command, document, text, title
from samples import ago

EVIL = "x\x1b[31m\u202e @everyone @HERE <!channel> \n2"


def test_a_message_says_what_since_when_who_the_numbers_and_what_to_run() -> None:
    assert title(message()) == "CRITICAL shop: web/shop leaks: 3 to 40 sessions in 5m"
    assert text(message(times=3, untold=1)).splitlines() == [
        "Since 2026-03-14 03:03:48 +0000 (3m12s), came 3 times",
        "",
        "CRITICAL: web/shop leaks: 3 to 40 sessions in 5m",
        "  40 sessions, 38 idle",
        "  the oldest is idle for 7m",
        "now: End the idle ones, then fix the pool.",
        "for good: Limit the role.",
        "note: New sessions only.",
        "SQL: ALTER ROLE web CONNECTION LIMIT 20;",
        "",
        "run: pgheadroom terminate shop --filter 'user=web state:idle age>5m'",
        "",
        "1 trouble came and went before this while no message was allowed",
    ]


def test_what_lasts_is_told_once() -> None:
    assert "for good" not in text(
        message(finding=replace(LEAK, remedy="End some; then limit the role.", lasting="Limit the role"))
    )


def test_it_says_whether_it_is_worse_or_over_or_only_a_test() -> None:
    assert title(message(Kind.WORSE)) == "CRITICAL shop is worse: web/shop leaks: 3 to 40 sessions in 5m"
    assert title(message(Kind.END)) == "OK shop: over after 3m12s: web/shop leaks: 3 to 40 sessions in 5m"
    assert title(message(Kind.END, over=ago(60))).startswith("OK shop: over after 2m12s: ")
    assert text(message(Kind.END, over=ago(60))).splitlines() == [
        "From 2026-03-14 03:03:48 +0000 to 2026-03-14 03:06:00 +0000",
        "",
        "web/shop leaks: 3 to 40 sessions in 5m",
    ]
    tested = message(Kind.TEST, findings=())
    assert title(tested) == "TEST shop"
    assert "Nothing is wrong" in text(tested)
    assert json.loads(document(tested))["findings"] == []


def test_the_json_has_the_same_and_the_findings_whole() -> None:
    told = json.loads(document(message()))
    expected = {"schema": 1, "kind": "begin", "target": "shop", "severity": "critical", "seconds": 192.0, "times": 1}
    assert {key: told[key] for key in expected} == expected
    assert (told["title"], told["text"], told["command"]) == (title(message()), text(message()), command(message()))
    assert told["findings"][0]["now"]["filter"] == "user=web state:idle age>5m"
    assert told["since"] == "2026-03-14T03:03:48.000000+00:00"


def test_nothing_in_a_message_is_obeyed_by_a_terminal_or_calls_a_whole_chat() -> None:
    evil = Finding("leak:x", Severity.WARNING, EVIL, (EVIL,), EVIL, lasting=EVIL, caution=EVIL, sql="SELECT\n'\x1b'")
    told = message(finding=evil, target=EVIL)
    for said in (title(told), text(told), document(told)):
        assert not {"\x1b", "\u202e"} & set(said)
    for said in (title(told), text(told)):
        assert not any(call in said.lower() for call in ("@everyone", "@here", "<!channel"))
    assert len(title(told).splitlines()) == 1


@pytest.mark.parametrize(
    ("target", "proposal", "run"),
    [
        ("shop", None, "pgheadroom shop"),
        ("me@db1:5432/shop", None, "pgheadroom"),
        ("shop", Proposal(None, "pid:3", "look"), "pgheadroom shop"),
        ("shop", Proposal(Verb.CANCEL, "app:'a b'", "x"), """pgheadroom cancel shop --filter 'app:'"'"'a b'"'"''"""),
        (
            "shop",
            Proposal(Verb.TERMINATE, "pid:3", "x", True),
            "pgheadroom terminate shop --filter pid:3 --include-poolers",
        ),
        ("shop", Proposal(Verb.TERMINATE, "user=\x1b", "x"), "pgheadroom shop"),
    ],
)
def test_the_command_can_be_copied_into_a_shell(target: str, proposal: Proposal | None, run: str) -> None:
    assert command(message(finding=replace(LEAK, proposal=proposal), target=target)) == run


def test_a_long_message_ends_where_a_line_ends() -> None:
    long = replace(LEAK, evidence=("x" * 10_000,) * 50, remedy="y" * 10_000)
    said = text(message(findings=(long,) * 20))
    assert len(said) <= 4010
    assert said.endswith("\n...")
