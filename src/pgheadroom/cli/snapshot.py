"""`pgheadroom snapshot`: one sample on stdout."""

import argparse
import asyncio
import os

from pgheadroom.cli import terminal
from pgheadroom.cli.connection import settings_of
from pgheadroom.cli.diagnostics import put
from pgheadroom.cli.source import open_source
from pgheadroom.config import Settings
from pgheadroom.errors import EXIT_OK
from pgheadroom.model.snapshot import Snapshot


def snapshot(flags: argparse.Namespace) -> int:
    """Take one sample of the server and its PgBouncers, and print it.

    Raises:
        UsageError: A flag, a file or a variable is wrong.
        NoConnection: The server is not reached, or refuses us.
    """
    return print_snapshot(settings_of(flags, os.environ), flags)


def print_snapshot(settings: Settings, flags: argparse.Namespace) -> int:
    """As `snapshot`, with settings that are settled already."""
    sample = asyncio.run(_sample(settings, flags))
    put(_printed(sample, settings, flags.format))
    return EXIT_OK


async def _sample(settings: Settings, flags: argparse.Namespace) -> Snapshot:
    source = await open_source(settings, flags)
    try:
        return await source.sample_once()
    finally:
        await source.close()


def _printed(sample: Snapshot, settings: Settings, form: str) -> str:
    from pgheadroom.analysis import analyse

    analysis = analyse(sample, settings.thresholds)
    if form == "json":
        from pgheadroom.output.json_ import to_json

        return to_json(analysis)
    from pgheadroom.output.text import render

    return render(analysis, terminal.text_width()).rstrip("\n")
