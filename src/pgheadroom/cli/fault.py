"""What is said of an exception that is our mistake, and where the whole of it is kept."""

import os
import traceback
from datetime import UTC, datetime
from pathlib import Path

from pgheadroom.audit_place import audit_path
from pgheadroom.cli.diagnostics import say, say_traceback, scrubbed
from pgheadroom.cli.versions import versions
from pgheadroom.conninfo import without_passwords
from pgheadroom.errors import PgHeadroomError

LOG = "fault.log"
"""Beside the audit file. It holds the last fault only."""
WITHOUT_SCREEN = "`pgheadroom snapshot` needs no screen and shows the same numbers meanwhile"


def tell(error: BaseException) -> None:
    """A block on stderr: what happened, what it ran on, what to do now, and where the traceback is.

    Notes of the exception (`add_note`) say what to do now.
    """
    said = f"unexpected {type(error).__name__}: {error}"
    whole = without_passwords(scrubbed("".join(traceback.format_exception(error))))
    say(scrubbed(said))
    for line in [*versions(), *getattr(error, "__notes__", ())]:
        say(line)
    if os.environ.get("PGHEADROOM_DEBUG") == "1":
        say_traceback(whole)
    else:
        say(f"this is a mistake in pgheadroom, or in what it runs on: please report it with {_kept(whole)}")


def _kept(whole: str) -> str:
    """Where the traceback has been written; where it could not be, how to see it."""
    try:
        path = audit_path(os.environ).with_name(LOG)
        _write(path, "\n".join([datetime.now(UTC).isoformat(), *versions(), whole]))
    except (OSError, PgHeadroomError):
        return "the output under PGHEADROOM_DEBUG=1"
    return str(path)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # No link is followed: in a folder that others may write it could lead anywhere.
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
