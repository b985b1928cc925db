"""`pgheadroom notify --test`: one message to each channel, and what became of it."""

import argparse
import asyncio
import os
import socket
from collections.abc import Sequence
from datetime import datetime

from pgheadroom import config
from pgheadroom.cli.connection import configuration_of
from pgheadroom.cli.diagnostics import put
from pgheadroom.cli.notifying import channels_of
from pgheadroom.config import Layer
from pgheadroom.config_file import Configuration
from pgheadroom.errors import EXIT_NOT_ALL, EXIT_OK, UsageError
from pgheadroom.model.finding import Severity
from pgheadroom.model.notification import COMMAND, Channel, Kind, Message
from pgheadroom.notify.messenger import way_of
from pgheadroom.notify.outbox import NotSent, Way


def notify(flags: argparse.Namespace) -> int:
    """Send it, and print a line for each channel. No server is asked.

    Raises:
        UsageError: There is no such channel, or one cannot be used at all.
    """
    if not flags.test:
        raise UsageError(
            "notify sends a message that says nothing is wrong: say --test; troubles are told by the agent"
        )
    ways = [way_of(one) for one in _channels(configuration_of(flags, os.environ), flags.names)]
    if not ways:
        raise UsageError("the configuration has no channel: write a table [channels.NAME]")
    sent = asyncio.run(_send(ways))
    return EXIT_OK if all(sent) else EXIT_NOT_ALL


def _channels(configuration: Configuration, names: Sequence[str]) -> list[Channel]:
    """Those that are named, or all: also the commands that targets have for themselves."""
    found: dict[str, Channel] = {}
    layers = dict(configuration.targets) or {"": Layer()}
    wanted = [name for name in names if name != COMMAND] if names else list(configuration.channels)
    for one in channels_of(configuration, wanted, (), ""):
        found[one.name] = one
    commands: dict[tuple[str, ...], Channel] = {}
    for target, layer in layers.items() if not names or COMMAND in names else ():
        command = config.settle(configuration.general, layer).notify_command
        for one in channels_of(configuration, (), command, target):
            commands.setdefault(one.command, one)
    if COMMAND in names and not commands:
        raise UsageError("no target has a notify_command")
    return [*found.values(), *commands.values()]


async def _send(ways: Sequence[Way]) -> list[bool]:
    now = datetime.now().astimezone()
    message = Message(Kind.TEST, f"pgheadroom on {socket.gethostname()}", "test", Severity.NOTICE, (), now, now)

    async def one(way: Way) -> bool:
        try:
            await way.send(message)
        except NotSent as trouble:
            put(f"{way.name}: not sent: {trouble}")
            return False
        put(f"{way.name}: sent")
        return True

    return list(await asyncio.gather(*map(one, ways)))
