"""The live monitor."""

import argparse
import asyncio
import importlib
import os
from typing import TYPE_CHECKING, Any

from pgheadroom.cli import terminal
from pgheadroom.cli.connection import settings_of
from pgheadroom.cli.source import open_source
from pgheadroom.config import Settings
from pgheadroom.errors import EXIT_OK
from pgheadroom.postgres import conninfo

if TYPE_CHECKING:
    from pgheadroom.sampler import Source


def monitor(flags: argparse.Namespace) -> int:
    """Open the server, then the screen, until the user quits.

    Raises:
        UsageError: There is no terminal, or a flag, a file or a variable is wrong.
        NoConnection: The server cannot be reached at the start. Once it was, trouble is shown on the screen.
    """
    terminal.require_terminal()
    return watch(settings_of(flags, os.environ), flags)


def watch(settings: Settings, flags: argparse.Namespace) -> int:
    """As `monitor`, with settings that are settled already."""
    return asyncio.run(_watch(settings, flags))


async def _watch(settings: Settings, flags: argparse.Namespace) -> int:
    # Loading the screens takes longer than connecting: both at once.
    loading = asyncio.create_task(asyncio.to_thread(importlib.import_module, "pgheadroom.tui.app"))
    source = await open_source(settings, flags)
    try:
        return await _show(await loading, source, settings)
    finally:
        await source.close()


async def _show(screens: Any, source: "Source", settings: Settings) -> int:
    options = screens.Options(
        title=settings.target or conninfo.label(settings.conninfo),
        thresholds=settings.thresholds,
        read_only=settings.read_only,
        ascii_only=settings.ascii_only,
    )
    app = screens.Monitor(source, options)
    code = await app.run_async()
    return int(code if code is not None else app.return_code or EXIT_OK)
