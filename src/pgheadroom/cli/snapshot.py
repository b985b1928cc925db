"""`pgheadroom snapshot`: one sample on stdout."""

import argparse
import asyncio
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pgheadroom.cli import terminal
from pgheadroom.cli.connection import settings_of
from pgheadroom.cli.diagnostics import put
from pgheadroom.cli.held import holds_on, pooler_holds
from pgheadroom.cli.source import begin, open_source
from pgheadroom.config import Settings
from pgheadroom.errors import EXIT_OK, PgHeadroomError, UsageError
from pgheadroom.postgres.ahead import Ahead

if TYPE_CHECKING:
    from pgheadroom.analysis import Analysis
    from pgheadroom.model.hold import Hold
    from pgheadroom.model.metrics import MetricFamily
    from pgheadroom.model.snapshot import Snapshot

_READABLE = 0o644
"""As node_exporter, which is another user, needs it."""


def snapshot(flags: argparse.Namespace) -> int:
    """Take one sample of the server and its PgBouncers, and print it.

    Raises:
        UsageError: A flag, a file or a variable is wrong.
        NoConnection: The server is not reached, or refuses us.
    """
    if (flags.format == "csv") is not (flags.table is not None):
        raise UsageError("--format csv and --table go together")
    return print_snapshot(settings_of(flags, os.environ), flags)


def print_snapshot(settings: Settings, flags: argparse.Namespace) -> int:
    """As `snapshot`, with settings that are settled already."""
    ahead = begin(settings, flags)
    sample, holds = asyncio.run(_sample(settings, flags, ahead))
    if (path := getattr(flags, "textfile", None)) is not None:
        from pgheadroom.output.exposition import prometheus_text

        write_whole(Path(path), prometheus_text(_families(_analysed(sample, holds, settings), settings)) + "\n")
        return EXIT_OK
    analysis = _analysed(sample, holds, settings)
    put(_printed(analysis, settings, flags.format, getattr(flags, "table", None)))
    return EXIT_OK


def write_whole(path: Path, text: str) -> None:
    """Write a file that its readers see whole, as it was or as it is.

    Raises:
        PgHeadroomError: It cannot be written; what was there before is left.
    """
    try:
        # In the same folder, for a file is only renamed within a file system; hidden, so that no collector reads it.
        file, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(file, "w", encoding="utf-8") as written:
                written.write(text)
            Path(name).chmod(_READABLE)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise PgHeadroomError(f"{path}: {error.strerror}") from None


def _analysed(sample: "Snapshot", holds: "tuple[Hold, ...]", settings: Settings) -> "Analysis":
    from pgheadroom.analysis import analyse

    return analyse(sample, settings.thresholds, holds=holds, pooler_holds=pooler_holds())


def _families(analysis: "Analysis", settings: Settings) -> "list[MetricFamily]":
    from pgheadroom.output.families import Families

    return Families(settings.target).of(analysis)


async def _sample(
    settings: Settings, flags: argparse.Namespace, ahead: Ahead | None
) -> "tuple[Snapshot, tuple[Hold, ...]]":
    source = await open_source(settings, flags, ahead=ahead)
    try:
        return await source.sample_once(), await holds_on(source)
    finally:
        await source.close()


def _printed(analysis: "Analysis", settings: Settings, form: str, table: str | None) -> str:
    if form == "openmetrics":
        from pgheadroom.output.exposition import openmetrics

        return openmetrics(_families(analysis, settings))

    if form == "json":
        from pgheadroom.output.json_ import to_json

        return to_json(analysis)
    if form == "csv" and table is not None:
        from pgheadroom.output.tables import to_csv

        return to_csv(analysis, table)
    from pgheadroom.output.text import render

    return render(analysis, terminal.text_width()).rstrip("\n")
