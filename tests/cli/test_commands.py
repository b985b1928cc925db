"""A command is one file and one row."""

import argparse
import sys
import types

import pytest

from pgheadroom.cli import flags, main
from pgheadroom.cli.commands import COMMANDS, MONITOR, Command


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_row_names_a_function_that_there_is(name: str) -> None:
    assert callable(COMMANDS[name].load())


def test_a_new_row_is_a_command_that_is_read_told_and_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def greet(given: argparse.Namespace) -> int:
        print("hello", given.words[0])
        return 3 if given.twice else 0

    def add_flags(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--twice", action="store_true")

    file = types.ModuleType("greeting")
    file.greet = greet  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "greeting", file)
    monkeypatch.setitem(COMMANDS, "greet", Command("say hello", "greeting:greet", add_flags))
    assert main(["greet", "shop", "--twice"]) == 3
    assert capsys.readouterr().out == "hello shop\n"
    assert "pgheadroom greet      say hello" in flags.build_parser(MONITOR).format_help()
    assert main(["gret"]) == 2
    assert "pgheadroom greet?" in capsys.readouterr().err
