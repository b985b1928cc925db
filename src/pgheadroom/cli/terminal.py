"""Whether there is a terminal to draw on, and how wide it is."""

import os
import shutil
import sys
from collections.abc import Mapping

from pgheadroom.errors import UsageError

WIDTH_WITHOUT_TERMINAL = 100


def has_terminal() -> bool:
    """Whether keys can be read and a screen can be drawn: no pipe on either side, and no `TERM=dumb`."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return all(stream is not None and stream.isatty() for stream in streams) and os.environ.get("TERM") != "dumb"


def require_terminal() -> None:
    """Refuse where the monitor could not draw.

    Raises:
        UsageError: With the command that works there.
    """
    if not has_terminal():
        reason = "TERM=dumb" if os.environ.get("TERM") == "dumb" else "standard input or output is not a terminal"
        raise UsageError(f"the monitor needs a terminal ({reason}); without one: pgheadroom snapshot")


def text_width() -> int:
    """Columns for printed text: the terminal's, or a width that fits a ticket."""
    return (
        shutil.get_terminal_size((WIDTH_WITHOUT_TERMINAL, 24)).columns
        if sys.stdout is not None and sys.stdout.isatty()
        else WIDTH_WITHOUT_TERMINAL
    )


def only_ascii(environ: Mapping[str, str]) -> bool:
    """Whether the terminal shows no more: the locale is `C` or `POSIX`, said outright, or it is Linux's own console.

    A console's font has 256 or 512 characters, without most of our signs. Where nothing is said, terminals do UTF-8.
    """
    return environ.get("TERM") == "linux" or _locale(environ) in _PLAIN_LOCALES


_PLAIN_LOCALES = frozenset({"C", "POSIX"})
_COERCED = frozenset({"C.UTF-8", "C.utf8", "UTF-8"})


def _locale(environ: Mapping[str, str]) -> str:
    """LC_ALL goes before LC_CTYPE, and that before LANG (POSIX, Environment Variables)."""
    given = {name: environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(name)}
    if given.get("LC_CTYPE") in _COERCED and given.get("LANG") in _PLAIN_LOCALES:
        # Not the user but Python has said so: under LANG=C it sets LC_CTYPE for its own sake (PEP 538).
        del given["LC_CTYPE"]
    return next(iter(given.values()), "")
