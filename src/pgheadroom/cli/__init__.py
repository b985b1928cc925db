"""The program: the command line is read, its command is loaded and run, and what goes wrong is one line.

Each command is one function of a file of its own, so that none waits for what another needs; see `commands`.
"""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from pgheadroom.cli import flags
from pgheadroom.cli.commands import COMMANDS
from pgheadroom.cli.diagnostics import drop_stdout, print_in_every_locale, say
from pgheadroom.cli.loading import loading
from pgheadroom.errors import EXIT_BUG, EXIT_INTERRUPTED, EXIT_OK, PgHeadroomError
from pgheadroom.methods_later import put_off_methods

_EXIT_BROKEN_PIPE = 141
"""What a shell reports for a program that SIGPIPE ended."""


def program() -> NoReturn:
    """The whole process: `main`, and an end that waits for nobody."""
    code = main()
    deadline = sys.modules.get("pgheadroom.deadline")  # most runs that connect to nothing do without
    if deadline is not None and deadline.left_behind():
        # A thread is still in C, looking up a name perhaps: what it uses there must not be taken down around it.
        for stream in (sys.stdout, sys.stderr):
            with suppress(AttributeError, OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the result is the exit code. What goes wrong is one line on stderr."""
    print_in_every_locale()
    given = sys.argv[1:] if arguments is None else arguments
    try:
        return run(given)
    except PgHeadroomError as error:
        return _told(error, given)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        drop_stdout()
        return _EXIT_BROKEN_PIPE
    except Exception as error:  # the last door before a traceback on the user's screen
        from pgheadroom.cli import fault  # here: nobody else waits for it

        fault.tell(error)
        return _told(PgHeadroomError(f"unexpected {type(error).__name__}"), given) if _monitors(given) else EXIT_BUG


def _monitors(arguments: Sequence[str]) -> bool:
    """Whether a monitoring system reads what the command says."""
    try:
        return COMMANDS[flags.split_command(arguments)[0]].for_monitoring
    except PgHeadroomError:
        return False


def _told(error: PgHeadroomError, arguments: Sequence[str]) -> int:
    """The exit code, after the one line: on stderr, or where a monitoring system looks for it."""
    if not _monitors(arguments):
        say(str(error))
        return error.exit_code
    from pgheadroom.cli.check import put_unknown  # here: nobody else waits for it

    return put_unknown(str(error))


def run(arguments: Sequence[str]) -> int:
    """Parse and dispatch.

    Raises:
        PgHeadroomError: In one line.
    """
    try:
        name, parsed = flags.parse(arguments)
    except SystemExit:  # argparse has printed the help or the version
        return EXIT_OK
    put_off_methods()
    with loading():
        command = COMMANDS[name].load()
    return command(parsed)
