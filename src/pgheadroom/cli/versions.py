"""What the program runs on, in words: for a bug report, and for whoever asks which version this is."""

import os
import platform
from importlib import metadata

from pgheadroom import __version__

UNKNOWN = "not found"


def versions() -> list[str]:
    """Lines without secrets: the program and Python, the libraries that matter, the system and the terminal."""
    return [
        f"pgheadroom {__version__}, Python {platform.python_version()} ({platform.python_implementation()})",
        f"Textual {_installed('textual')}, Rich {_installed('rich')}, plotext {_installed('plotext')},"
        f" psycopg {_installed('psycopg')}, libpq {_libpq()}",
        f"{platform.system()} {platform.release()} {platform.machine()}, TERM={os.environ.get('TERM') or 'not set'}",
    ]


def _installed(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return UNKNOWN


def _libpq() -> str:
    """The libpq that psycopg has loaded, and which of psycopg's builds that is."""
    try:
        from pgheadroom.postgres.libpq import described
    except ImportError:  # the one thing that is looked for: what a report has to say
        return UNKNOWN
    return described()
