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
    """Whether the locale asks for ASCII: `C` or `POSIX` said outright. Where nothing is said, terminals do UTF-8."""
    # LC_ALL goes before LC_CTYPE, and that before LANG (POSIX, Environment Variables).
    locale = next((environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(name)), "")
    return locale in {"C", "POSIX"}
