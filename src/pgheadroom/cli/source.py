"""The live source of a command, opened with a password where one is wanted."""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pgheadroom.cli.connection import may_ask, opened
from pgheadroom.cli.diagnostics import say
from pgheadroom.cli.loading import load_beside
from pgheadroom.config import Settings
from pgheadroom.errors import NoConnection
from pgheadroom.postgres.ahead import Ahead

if TYPE_CHECKING:
    from pgheadroom.live.source import LiveSource


def begin(settings: Settings, flags: argparse.Namespace, *, may_wait: bool = False) -> Ahead | None:
    """Begin to connect, and load meanwhile what `open_source` needs. None where the user is asked for a password first.

    Raises:
        UsageError: The conninfo is not understood.
    """
    ahead = None if flags.password else Ahead(settings.conninfo, read_only=settings.read_only, again=may_wait)
    load_beside("pgheadroom.live.source")
    return ahead


@contextmanager
def begun(settings: Settings, flags: argparse.Namespace, *, beside: str) -> Iterator[Ahead | None]:
    """What `begin` begins, given up where the command ends before it has opened its source.

    Args:
        beside: The module of the rest of the command, loaded meanwhile.
    """
    ahead = begin(settings, flags)
    try:
        load_beside(beside)
        yield ahead
    finally:
        if ahead is not None:
            ahead.leave()


@contextmanager
def begun_unattended(targets: Sequence[Settings], *, beside: str) -> Iterator[list[Ahead]]:
    """As `begun`, to each of the targets, for `unattended_source`."""
    ahead = [Ahead(settings.conninfo, read_only=True, again=False) for settings in targets]
    try:
        load_beside(beside)
        yield ahead
    finally:
        for one in ahead:
            one.leave()


async def open_source(
    settings: Settings, flags: argparse.Namespace, *, may_wait: bool = False, ahead: Ahead | None = None
) -> "LiveSource":
    """Connect.

    Args:
        may_wait: A server without room is no error: the source goes on trying while it runs.
        ahead: What `begin` has begun.

    Raises:
        NoConnection: The server is not reached, or refuses us.
        UsageError: `-W` without a terminal to ask on.
    """
    source = _source(settings, read_only=settings.read_only, asks_password=may_ask(flags), ahead=ahead)
    try:
        await opened(source.open, settings, flags)
    except NoConnection as shut:
        if may_wait and shut.full:
            # The screens are still being loaded: every free slot until then would be somebody else's.
            source.keep_trying()
            return source
        await source.close()
        if settings.meant:
            raise NoConnection(f"{shut} (did you mean the target {settings.meant}?)") from None
        raise
    if source.detour and not may_wait:
        # On a screen it is said there; here a stronger role must not work unseen.
        say(source.detour)
    return source


def unattended_source(settings: Settings, ahead: Ahead | None = None) -> "LiveSource":
    """One that changes nothing and asks nobody for a password; not connected yet."""
    return _source(settings, read_only=True, asks_password=False, ahead=ahead)


def _source(settings: Settings, *, read_only: bool, asks_password: bool, ahead: Ahead | None) -> "LiveSource":
    from pgheadroom.live.source import LiveSource  # here: `begin` has an attempt under way while it is loaded

    return LiveSource(
        settings.conninfo,
        doors=settings.doors,
        pgbouncers=settings.pgbouncers,
        interval=settings.interval,
        read_only=read_only,
        target=settings.target,
        asks_password=asks_password,
        hide_literals=settings.hide_literals,
        server_log=settings.server_log,
        ahead=ahead,
        samples_soon=True,
    )
