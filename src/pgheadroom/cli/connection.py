"""From the command line, the environment and the configuration to one connection, and the password on the way."""

import argparse
import contextlib
import difflib
import getpass
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from pgheadroom import config, config_file
from pgheadroom.cli.commands import COMMANDS, MONITOR
from pgheadroom.cli.diagnostics import keep_secret, say
from pgheadroom.config import Layer, Settings
from pgheadroom.config_file import Configuration
from pgheadroom.conninfo import SECRET_PARAMETERS, is_conninfo
from pgheadroom.errors import NoConnection, UsageError
from pgheadroom.postgres import conninfo

_Opened = TypeVar("_Opened")


def settings_of(flags: argparse.Namespace, environ: Mapping[str, str]) -> Settings:
    """What holds for this run: defaults < file < environment < flags.

    Raises:
        UsageError: Too many words, or a mistake in the file, the environment or a conninfo.
    """
    configuration = configuration_of(flags, environ)
    _check_target(flags, configuration)
    target, place = locate(flags, configuration)
    chosen = configuration.targets.get(target, Layer())
    settings = config.settle(
        configuration.general, chosen, config.from_environment(environ), _from_flags(flags, place), target=target
    )
    _learn_secrets(settings, environ)
    return replace(settings, meant="" if target else _meant(flags, configuration))


def settings_of_target(name: str, flags: argparse.Namespace, environ: Mapping[str, str]) -> Settings:
    """As `settings_of`, for one of several targets of the configuration."""
    return settings_of(argparse.Namespace(**{**vars(flags), "words": [name]}), environ)


def configuration_of(flags: argparse.Namespace, environ: Mapping[str, str]) -> Configuration:
    """The configuration file, its warnings said.

    Raises:
        ConfigError: It has a mistake.
    """
    configuration = config_file.load(flags.config, environ)
    for warning in configuration.warnings:
        say(warning)
    return configuration


def _check_target(flags: argparse.Namespace, configuration: Configuration) -> None:
    """A conninfo that libpq cannot read is told by its place in the file."""
    name = next(iter(getattr(flags, "words", ())), "")
    layer = configuration.targets.get(name, Layer())
    keys = {"conninfo": (layer.conninfo or "",), "doors": layer.doors or (), "pgbouncer": layer.pgbouncers or ()}
    for key, texts in keys.items():
        for text in texts:
            _parsed(text, configuration.place("targets", name, key))


def _meant(flags: argparse.Namespace, configuration: Configuration) -> str:
    words = getattr(flags, "words", ())
    return next(iter(difflib.get_close_matches(words[0], configuration.targets, n=1) if words else ()), "")


def _from_flags(flags: argparse.Namespace, place: str | None) -> Layer:
    doors, consoles = getattr(flags, "door", None), getattr(flags, "pgbouncer", None)
    return Layer(
        conninfo=place,
        doors=tuple(doors) if doors else None,
        pgbouncers=tuple(consoles) if consoles else None,
        server_log=getattr(flags, "server_log", None),
        interval=flags.interval,
        read_only=True if flags.read_only else None,
        hide_literals=True if flags.hide_literals else None,
    )


def _learn_secrets(settings: Settings, environ: Mapping[str, str]) -> None:
    keep_secret(environ.get("PGPASSWORD", ""))
    given = [conninfo.parse(settings.conninfo)]
    given += [_parsed(door, f"door {number}") for number, door in enumerate(settings.doors, 1)]
    given += [_parsed(console, f"PgBouncer {number}") for number, console in enumerate(settings.pgbouncers, 1)]
    for parameters in given:
        for name in SECRET_PARAMETERS:
            keep_secret(parameters.get(name, ""))


def _parsed(text: str, whose: str) -> dict[str, str]:
    try:
        return conninfo.parse(text)
    except UsageError as error:
        raise UsageError(f"{whose}: {error}") from None


def locate(flags: argparse.Namespace, configuration: Configuration) -> tuple[str, str | None]:
    """The target's name (empty when none was meant) and the conninfo that all the flags together make.

    Words are read as psql reads them: the first is the database, the second the user, each only where no flag said
    it. A first word that is a target's name, a conninfo or a URI is the base, and the flags are laid over it.
    """
    words: list[str] = list(getattr(flags, "words", ()))
    base, target = _base(words, flags, configuration)
    given = conninfo.parse(base)
    said = {"host": flags.host, "port": flags.port, "user": flags.username} if hasattr(flags, "host") else {}
    parameters = {key: value for key, value in said.items() if value is not None}
    if words and "user" not in parameters:
        parameters["user"] = _user_word(words.pop(0))
    if words:
        raise UsageError(f"too many words on the command line: '{words[0]}'")
    database = conninfo.parse(getattr(flags, "dbname", None) or "")
    return target, _merged(given, database, parameters)


def _base(words: list[str], flags: argparse.Namespace, configuration: Configuration) -> tuple[str, str]:
    if words and words[0] in configuration.targets:
        target = words.pop(0)
        return configuration.targets[target].conninfo or "", target
    if words and (is_conninfo(words[0]) or getattr(flags, "dbname", None) is None):
        return words.pop(0), ""
    return "", ""


def _user_word(word: str) -> str:
    if word in COMMANDS and word != MONITOR:
        raise UsageError(f"write the command first: pgheadroom {word} ... (for a role of that name: -U {word})")
    return word


def _merged(base: Mapping[str, str], database: Mapping[str, str], parameters: Mapping[str, str]) -> str:
    given = dict(base)
    if "host" in parameters or "host" in database:
        # libpq prefers hostaddr, so the base's would silently win over the host that was asked for.
        given.pop("hostaddr", None)
    return conninfo.merge(given, database, parameters)


# --- the password ----------------------------------------------------------------------------------------------------


async def opened(
    attempt: Callable[[str | None], Awaitable[_Opened]], settings: Settings, flags: argparse.Namespace
) -> _Opened:
    """What `attempt` opens, given a password when the user was asked for one.

    As psql: `-W` asks at once, `-w` never, otherwise it is asked once when the server wants one that nobody gave.

    Raises:
        NoConnection: The last attempt failed.
        UsageError: `-W` without a terminal to ask on.
    """
    if flags.password:
        return await attempt(ask_password(settings.conninfo))
    try:
        return await attempt(None)
    except NoConnection as error:
        if not error.password_needed or not may_ask(flags):
            raise
    return await attempt(ask_password(settings.conninfo))


def may_ask(flags: argparse.Namespace) -> bool:
    """Whether the user can be asked for a password."""
    return not flags.no_password and _terminal_is_there()


def ask_password(text: str) -> str:
    """A password that the user types; it lives in memory only.

    Raises:
        UsageError: There is no terminal to ask on.
    """
    if not _terminal_is_there():
        raise UsageError("no terminal to ask for a password on; use ~/.pgpass, a service file or PGPASSWORD")
    user = conninfo.parse(text).get("user", "")
    with _interruptible():
        password = getpass.getpass(f"Password for user {user}: " if user else "Password: ")
    keep_secret(password)
    return password


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    # Under asyncio, Ctrl-C only cancels the task, which cannot see that while it waits for the keyboard.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _terminal_is_there() -> bool:
    # What getpass would open; without it getpass falls back on stdin, and would show what is typed.
    try:
        Path("/dev/tty").open("rb").close()
    except OSError:
        return False
    return True
