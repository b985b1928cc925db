"""Narration: every line that a command says beside its data goes to stderr through here, without secrets."""

import contextlib
import os
import sys
import traceback

from pgheadroom.conninfo import HIDDEN, without_passwords

# What an exception's text must not show, learned from arguments, files and prompts as they are read.
_secrets: set[str] = set()


def keep_secret(password: str) -> None:
    """Learn a password as it was typed or parsed."""
    if password:
        _secrets.add(password)


def say(line: str) -> None:
    """One line of narration, without the passwords of what it quotes. A closed stderr is no reason to fail."""
    _write(f"pgheadroom: {without_passwords(' '.join(line.split()))}\n")


def _write(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()


def say_bug(error: BaseException) -> None:
    """An exception that is our mistake: one line, and the traceback only where it was asked for."""
    words = " ".join(str(error).split())
    say(_scrubbed(f"unexpected {type(error).__name__}: {words}"))
    if os.environ.get("PGHEADROOM_DEBUG") == "1":
        _write(without_passwords(_scrubbed("".join(traceback.format_exception(error)))))
    else:
        say("this is a mistake in pgheadroom: please report it with the output under PGHEADROOM_DEBUG=1")


def _scrubbed(text: str) -> str:
    # Every occurrence, whatever it stands for: the text of a foreign exception is not ours to understand. The longest
    # first, because a password may be a piece of another one.
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text
