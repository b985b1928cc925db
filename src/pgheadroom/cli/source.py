"""The live source of a command, opened with a password where one is wanted."""

import argparse

from pgheadroom.cli.connection import opened
from pgheadroom.config import Settings
from pgheadroom.sampler import LiveSource


async def open_source(settings: Settings, flags: argparse.Namespace) -> LiveSource:
    """Connect.

    Raises:
        NoConnection: The server is not reached, or refuses us.
        UsageError: `-W` without a terminal to ask on.
    """
    source = LiveSource(
        settings.conninfo,
        pgbouncers=settings.pgbouncers,
        interval=settings.interval,
        read_only=settings.read_only,
        target=settings.target,
    )
    await opened(source.open, settings, flags)
    return source
