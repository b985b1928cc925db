"""The live monitor."""

import argparse
import asyncio
import os
from typing import TYPE_CHECKING

from pgheadroom.cli import terminal
from pgheadroom.cli.connection import settings_of
from pgheadroom.cli.loading import load_beside
from pgheadroom.cli.source import begin, open_source
from pgheadroom.config import Settings
from pgheadroom.errors import EXIT_OK, AuditFailed
from pgheadroom.postgres import conninfo
from pgheadroom.postgres.ahead import Ahead

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgheadroom.acting.powers import Powers
    from pgheadroom.lesson.progress import Guide
    from pgheadroom.live.source import LiveSource
    from pgheadroom.tui.app import Monitor
    from pgheadroom.tui.coach import Coach


def monitor(flags: argparse.Namespace) -> int:
    """Open the server, then the screen, until the user quits.

    Raises:
        UsageError: There is no terminal, or a flag, a file or a variable is wrong.
        NoConnection: The server cannot be reached at the start. Once it was, trouble is shown on the screen.
    """
    terminal.require_terminal()
    return watch(settings_of(flags, os.environ), flags)


def watch(settings: Settings, flags: argparse.Namespace, guide: "Guide | None" = None) -> int:
    """As `monitor`, with settings that are settled already, and with a lesson where one is given."""
    # What is not needed for connecting is loaded later: a slot that falls free goes to who asks first.
    ahead = begin(settings, flags, may_wait=True)
    return asyncio.run(_watch(settings, flags, guide, ahead))


async def _watch(settings: Settings, flags: argparse.Namespace, guide: "Guide | None", ahead: Ahead | None) -> int:
    # Loading the screens takes longer than connecting: both at once.
    screens = asyncio.create_task(asyncio.to_thread(load_beside, "pgheadroom.tui.app"))
    source = await open_source(settings, flags, may_wait=True, ahead=ahead)
    try:
        await screens
        return await _show(source, settings, guide, required_audit=not flags.no_audit)
    except Exception as error:
        from pgheadroom.cli.fault import WITHOUT_SCREEN

        error.add_note(WITHOUT_SCREEN)
        raise
    finally:
        await source.close()


async def _show(source: "LiveSource", settings: Settings, guide: "Guide | None", *, required_audit: bool) -> int:
    from pgheadroom.tui.app import Monitor
    from pgheadroom.tui.options import Options

    powers, lacking = (None, "") if settings.read_only else _powers(source, settings, required_audit)
    options = Options(
        title=settings.target or conninfo.label(settings.conninfo),
        thresholds=settings.thresholds,
        read_only=settings.read_only,
        ascii_only=settings.ascii_only or terminal.only_ascii(os.environ),
        inquiries=source,
        advisory=source,
        powers=powers,
        lacking=lacking,
    )
    app = Monitor(source, options, None if guide is None else _coach(guide))
    code = await app.run_async()
    if app.fault is not None:
        raise app.fault
    return int(code if code is not None else app.return_code or EXIT_OK)


def _coach(guide: "Guide") -> "Callable[[Monitor], Coach]":
    from pgheadroom.tui.coach import Coach

    return lambda monitor: Coach(monitor, guide)


def _powers(source: "LiveSource", settings: Settings, required_audit: bool) -> "tuple[Powers | None, str]":
    """What acts, or why nothing does: a monitor that cannot act is better than none."""
    from pgheadroom.acting.powers import Powers
    from pgheadroom.audit import audit_of

    try:
        audit = audit_of(os.environ, required=required_audit)
    except AuditFailed as error:
        return None, f"no cancel and no terminate: {error}, or start with --no-audit"
    return Powers(source, audit, source, settings.protected_roles, source, source, source), ""
