"""The command line as it is read. Standard library only, so that `--help` is there at once."""

import argparse
import difflib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from pgheadroom import quantities
from pgheadroom.cli import values
from pgheadroom.cli.commands import COMMANDS, MONITOR, Command
from pgheadroom.cli.diagnostics import put
from pgheadroom.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

_VALUE_FLAGS = ("-h", "-p", "-U", "-d", "-i")
_LONG_VALUE_FLAGS = ("--host", "--port", "--username", "--dbname", "--interval", "--pgbouncer", "--door", "--config",
                     "--server-log")  # fmt: skip


class _Parser(argparse.ArgumentParser):
    """Says what is wrong as one line, through our exit codes, and what was probably meant."""

    def error(self, message: str) -> NoReturn:
        # The value would be the password of somebody who takes --password for another program's flag.
        message = re.sub("ignored explicit argument '.*'", "takes no value", message, flags=re.DOTALL)
        raise UsageError(f"{message}{self._meant(message)} (see {self.prog} --help)")

    def _print_message(self, message: str, file: "SupportsWrite[str] | None" = None) -> None:
        # The help and the version are data; argparse would leave the writing to the end of the interpreter.
        put(message.rstrip("\n"))

    def _meant(self, message: str) -> str:
        _, _, rest = message.partition("unrecognized arguments: ")
        wrong = rest.split(" ")[0].split("=")[0]
        near = difflib.get_close_matches(wrong, self._option_string_actions, n=1) if wrong.startswith("--") else []
        return f"; did you mean {near[0]}?" if near else ""


class _Version(argparse.Action):
    """Prints the versions, and ends. They are looked up only then."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:  # noqa: A002 - argparse's word
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from pgheadroom.cli.versions import versions

        put("\n".join(versions()))
        parser.exit()


# --- the parser ------------------------------------------------------------------------------------------------------


def build_parser(name: str) -> argparse.ArgumentParser:
    """The parser of one command, with the flags that every command has."""
    command = COMMANDS[name]
    called = "pgheadroom" if name == MONITOR else f"pgheadroom {name}"
    parser = _Parser(
        prog=called,
        add_help=False,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage=f"{called} [FLAGS]" + (" [DBNAME | CONNINFO | URI | TARGET] [USERNAME]" if command.connects else ""),
        description=_description(name),
    )
    command.add_flags(parser)
    if command.connects:
        _add_connection_flags(parser, command)
    _add_common_flags(parser, command)
    return parser


def _description(name: str) -> str:
    if name != MONITOR:
        summary = COMMANDS[name].summary
        return summary[0].upper() + summary[1:] + "."
    lines = ["PostgreSQL connection headroom: how many slots are left, and who holds the rest.", "", "commands:"]
    lines += [f"  pgheadroom {word:<10} {command.summary}" for word, command in COMMANDS.items() if word != MONITOR]
    lines += ["", "Without a command it is the live monitor. Each command has its own --help."]
    return "\n".join(lines)


def _add_connection_flags(parser: argparse.ArgumentParser, command: Command) -> None:
    parser.add_argument("words", nargs="*", metavar="TARGET", help=argparse.SUPPRESS)
    to = parser.add_argument_group("connection (as psql; PG* variables, service= and ~/.pgpass work)")
    to.add_argument("-h", "--host", metavar="HOST", help="server, or the folder of its Unix socket")
    to.add_argument("-p", "--port", metavar="PORT", type=values.port, help="its port")
    to.add_argument("-U", "--username", metavar="ROLE", help="role to connect as")
    to.add_argument("-d", "--dbname", metavar="DBNAME", help="database, or a conninfo or URI")
    if command.never_asks:
        to.add_argument("--no-password", action="store_true", help=argparse.SUPPRESS)  # it never asks
    else:
        password = to.add_mutually_exclusive_group()
        password.add_argument("-w", "--no-password", action="store_true", help="never ask for a password")
        password.add_argument("-W", "--password", action="store_true", help="ask for a password before connecting")
    to.add_argument(
        "--door",
        metavar="CONNINFO",
        action="append",
        help="another way in when the server is full, in order; repeat it for more (PGHEADROOM_DOOR)",
    )
    to.add_argument(
        "--pgbouncer",
        metavar="CONNINFO",
        action="append",
        help="a PgBouncer's admin console; repeat it for more (PGHEADROOM_PGBOUNCER)",
    )
    to.add_argument(
        "--server-log",
        metavar="LOG",
        help="the server's log, for who is turned away: a file here, or '|COMMAND' that writes it",
    )


def _add_common_flags(parser: argparse.ArgumentParser, command: Command) -> None:
    common = parser.add_argument_group("general")
    # Where a flag changes nothing it is taken and not offered: an alias of the program may carry it.
    common.add_argument(
        "-i",
        "--interval",
        metavar="TIME",
        type=values.interval,
        help=f"time between samples: {quantities.INTERVAL_RULE}" if command.samples_on else argparse.SUPPRESS,
    )
    common.add_argument(
        "--read-only",
        action="store_true",
        help="no cancel, no terminate, no hold; the session is read-only",
    )
    common.add_argument(
        "--hide-literals",
        action="store_true",
        help="replace literals and comments of query texts, on screen and in all that is written",
    )
    common.add_argument("--config", metavar="FILE", help="configuration file (PGHEADROOM_CONFIG)")
    common.add_argument("-V", "--version", action=_Version, help="print it, and the versions of what it runs on")
    common.add_argument("-?", "--help", action="help", help="print this help")


def parse(arguments: Sequence[str]) -> tuple[str, argparse.Namespace]:
    """The command and its flags.

    Raises:
        UsageError: In one line.
        SystemExit: After `--help` and `--version`.
    """
    name, rest = split_command(arguments)
    return name, build_parser(name).parse_intermixed_args(rest)


def split_command(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """The command's name and the arguments without it.

    The command is the first word that is neither a flag nor a flag's value, if it is one of ours. So `pgheadroom
    snapshot` is the command, and `pgheadroom -d snapshot` the database of that name.
    """
    position = _first_word(arguments)
    if position is None or arguments[position] not in COMMANDS or arguments[position] == MONITOR:
        if position is not None:
            _refuse_misspelt(arguments[position])
        return MONITOR, list(arguments)
    return arguments[position], [*arguments[:position], *arguments[position + 1 :]]


def _refuse_misspelt(word: str) -> None:
    """A word that is nearly a command is hardly the name of a database.

    Raises:
        UsageError: Says which command was meant, and how the database of that name is given.
    """
    meant = f"--{word}" if word in ("help", "version") else ""
    if not meant and word.isalpha():
        near = difflib.get_close_matches(word, [name for name in COMMANDS if name != MONITOR], n=1, cutoff=0.75)
        # `demos` and `snapshots` are names of their own.
        meant = near[0] if near and not word.startswith(near[0]) else ""
    if meant:
        raise UsageError(f"there is no command '{word}': pgheadroom {meant}? The database of that name is -d {word}")


def _first_word(arguments: Sequence[str]) -> int | None:
    position = 0
    while position < len(arguments):
        argument = arguments[position]
        if argument == "--":
            return None
        if not argument.startswith("-") or argument == "-":
            return position
        position += 2 if _takes_next(argument) else 1
    return None


def _takes_next(argument: str) -> bool:
    if argument.startswith("--"):
        return argument in _LONG_VALUE_FLAGS
    # Short flags may be joined: in -wU the value of -U is the next argument, in -Uwho it is here already.
    for place, letter in enumerate(argument[1:], 1):
        if f"-{letter}" in _VALUE_FLAGS:
            return place == len(argument) - 1
    return False
