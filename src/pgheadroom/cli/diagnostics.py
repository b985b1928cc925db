"""The two ways out: data to stdout, narration to stderr, line by line and without secrets."""

import io
import os
import sys
from typing import TextIO

from pgheadroom.conninfo import HIDDEN, without_passwords
from pgheadroom.errors import PgHeadroomError
from pgheadroom.words.text import safe

_LONGEST = 2000
"""Characters of one line on stderr: what it quotes may be anything."""

# What an exception's text must not show, learned from arguments, files and prompts as they are read.
_secrets: set[str] = set()


def keep_secret(password: str) -> None:
    """Learn a password as it was typed or parsed."""
    if password:
        _secrets.add(password)


def put(text: str) -> None:
    """Data, with a line break at its end. No line of it holds what a terminal would obey, whoever it is from.

    Raises:
        PgHeadroomError: It cannot be written, to a full disk for instance.
        BrokenPipeError: Nobody reads it any more.
    """
    if sys.stdout is None:
        raise PgHeadroomError("standard output: it is closed")
    try:
        sys.stdout.write("\n".join(map(safe, text.split("\n"))) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        drop_stdout()
        raise PgHeadroomError(f"standard output: {error.strerror}") from None


def print_in_every_locale() -> None:
    """What the locale's encoding lacks is written as an escape, rather than not at all."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def drop_stdout() -> None:
    """Forget what is not written yet: the interpreter would try once more at its end, and complain."""
    _drop(sys.stdout)


def _drop(stream: TextIO) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def say(line: str) -> None:
    """One line of narration, without the passwords of what it quotes. A closed stderr is no reason to fail."""
    told = without_passwords(" ".join(line.split()))
    _write(f"pgheadroom: {told if len(told) <= _LONGEST else told[:_LONGEST] + '...'}\n")


def _write(text: str) -> None:
    if sys.stderr is None:
        return
    try:
        sys.stderr.write("\n".join(map(safe, text.split("\n"))))
        sys.stderr.flush()
    except OSError:
        # What stays in its buffer would cost us our exit code at the end.
        _drop(sys.stderr)


def say_traceback(text: str) -> None:
    """Several lines as they are: the caller has taken the secrets out."""
    _write(text)


def scrubbed(text: str) -> str:
    """Without any secret that was learned."""
    # Every occurrence, whatever it stands for: the text of a foreign exception is not ours to understand. The longest
    # first, because a password may be a piece of another one.
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text
