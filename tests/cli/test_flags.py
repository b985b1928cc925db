"""The command line is read as psql reads it, and what is wrong is one line."""

import re
from collections.abc import Sequence

import pytest

from pgheadroom.cli import flags
from pgheadroom.cli.commands import COMMANDS, MONITOR
from pgheadroom.errors import UsageError


@pytest.mark.parametrize(
    ("arguments", "command", "rest"),
    [
        ([], "monitor", []),
        (["shop"], "monitor", ["shop"]),
        (["snapshot"], "snapshot", []),
        (["snapshot", "shop"], "snapshot", ["shop"]),
        (["-h", "db1", "snapshot", "shop"], "snapshot", ["-h", "db1", "shop"]),
        (["-hdb1", "snapshot"], "snapshot", ["-hdb1"]),
        (["--host", "db1", "snapshot"], "snapshot", ["--host", "db1"]),
        (["--host=db1", "snapshot"], "snapshot", ["--host=db1"]),
        (["-wU", "snapshot", "snapshot"], "snapshot", ["-wU", "snapshot"]),
        (["-wUweb", "snapshot"], "snapshot", ["-wUweb"]),
        (["-W", "snapshot"], "snapshot", ["-W"]),
        (["-d", "snapshot"], "monitor", ["-d", "snapshot"]),
        (["--dbname=snapshot"], "monitor", ["--dbname=snapshot"]),
        (["shop", "snapshot"], "monitor", ["shop", "snapshot"]),
        (["--", "snapshot"], "monitor", ["--", "snapshot"]),
        (["monitor"], "monitor", ["monitor"]),
        (["--pgbouncer", "demo", "terminate"], "terminate", ["--pgbouncer", "demo"]),
        (["--door", "demo", "terminate"], "terminate", ["--door", "demo"]),
    ],
)
def test_the_command_is_the_first_word_that_is_no_flags_value(
    arguments: Sequence[str], command: str, rest: Sequence[str]
) -> None:
    assert flags.split_command(arguments) == (command, rest)


def test_every_flag_with_a_value_is_known_to_the_search_for_the_command() -> None:
    for name in COMMANDS:
        for action in flags.build_parser(name)._actions:
            shared = {"-h", "-i", "--config"} & set(action.option_strings) or action.dest in (
                "pgbouncer",
                "door",
                "dbname",
            )
            if shared and action.nargs is None:
                for option in action.option_strings:
                    assert flags._takes_next(option), option


def test_flags_and_words_may_be_mixed() -> None:
    _, parsed = flags.parse(["shop", "-p", "6543", "web", "-h", "db1"])
    assert (parsed.words, parsed.port, parsed.host) == (["shop", "web"], "6543", "db1")


@pytest.mark.parametrize("name", list(COMMANDS))
def test_h_is_the_host_and_help_is_a_question_mark(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = [] if name == "monitor" else [name]
    with pytest.raises(SystemExit) as ended:
        flags.parse([*before, "-?"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert printed.startswith("usage: pgheadroom")
    # From 3.13 on argparse names the value once, behind the last form.
    assert bool(re.search("-h( HOST)?, --host HOST", printed)) is COMMANDS[name].connects


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--pgbuncer", "x"], "did you mean --pgbouncer?"),
        (["--frobnicate"], "unrecognized arguments: --frobnicate"),
        (["-p", "99999"], "allowed: 1 to 65535"),
        (["-p", "x"], "allowed: 1 to 65535"),
        (["-i", "0.1"], "0.2 to 60 seconds"),
        (["-i", "61"], "0.2 to 60 seconds"),
        (["-i", "soon"], "0.2 to 60 seconds"),
        (["-i"], "expected one argument"),
        (["-w", "-W"], "not allowed with"),
        (["snapshot", "--format", "xml"], "invalid choice"),
        (["terminate", "--idle-longer", "later"], "'later' is not a duration"),
        (["terminate", "--limit", "0"], "from 1 on"),
        (["demo", "-h", "db1"], "unrecognized arguments: -h"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_is_allowed(arguments: Sequence[str], words: str) -> None:
    with pytest.raises(UsageError) as raised:
        flags.parse(arguments)
    message = str(raised.value)
    assert words in message
    assert "\n" not in message


@pytest.mark.parametrize(("given", "expected"), [("2", 2.0), ("2s", 2.0), ("500ms", 0.5), ("1m", 60.0), ("0.25", 0.25)])
def test_intervals(given: str, expected: float) -> None:
    assert flags.parse(["-i", given])[1].interval == expected


def test_an_alias_may_carry_general_flags_to_every_command() -> None:
    for name in ("snapshot", "terminate", "cancel", "demo"):
        assert flags.parse(["-i", "2", "--read-only", name])[0] == name


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("help", "--help"),
        ("version", "--version"),
        ("snapshto", "snapshot"),
        ("cancle", "cancel"),
        ("termnate", "terminate"),
    ],
)
def test_a_misspelt_command_is_no_database(word: str, told: str) -> None:
    with pytest.raises(UsageError, match=f"pgheadroom {told}.*-d {word}"):
        flags.parse([word])


@pytest.mark.parametrize("word", ["shop", "demos", "production", "snapshot_db"])
def test_a_database_is_still_one(word: str) -> None:
    assert flags.parse([word])[0] == MONITOR


def test_an_age_without_its_unit_decides_nothing() -> None:
    with pytest.raises(UsageError, match="10 of what"):
        flags.parse(["terminate", "--idle-longer", "10"])
