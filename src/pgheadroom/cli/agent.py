"""`pgheadroom agent`: no screen; it holds a slot for each target, and serves metrics."""

import argparse
import asyncio
import contextlib
import importlib.util
import os
import signal
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

from pgheadroom import config_file
from pgheadroom.agent.serving import Pages, Server
from pgheadroom.agent.verdicts import told
from pgheadroom.agent.watched import Watched
from pgheadroom.agent.web_config import WebConfig, load
from pgheadroom.cli.connection import configuration_of, settings_of, settings_of_target
from pgheadroom.cli.diagnostics import say
from pgheadroom.cli.notifying import channels_of
from pgheadroom.cli.source import unattended_source
from pgheadroom.config import Settings
from pgheadroom.errors import EXIT_OK, UsageError
from pgheadroom.model.metrics import MetricFamily
from pgheadroom.model.notification import COMMAND
from pgheadroom.notify.messenger import Messenger
from pgheadroom.output.families import merged
from pgheadroom.postgres import conninfo


def agent(flags: argparse.Namespace) -> int:
    """Watch the targets until SIGTERM or SIGINT, and serve what was seen last.

    Raises:
        UsageError: A flag or a file is wrong, the place cannot be listened on, or the extra is not installed.
    """
    _need_extra()
    every = _settings(flags)
    config = load(Path(flags.web_config)) if flags.web_config else WebConfig()
    asyncio.run(_run(every, flags, config, _messenger(every, flags)))
    return EXIT_OK


def _need_extra() -> None:
    if any(importlib.util.find_spec(name) is None for name in ("prometheus_client", "yaml", "bcrypt")):
        raise UsageError("the agent serves metrics with prometheus_client: pip install 'pgheadroom[metrics]'")


def _settings(flags: argparse.Namespace) -> list[Settings]:
    """Of several targets, or of one server as every command takes it."""
    configuration = configuration_of(flags, os.environ)
    names = list(dict.fromkeys(flags.words))
    if not names or any(name not in configuration.targets for name in names):
        return [settings_of(flags, os.environ)]
    return [settings_of_target(name, flags, os.environ) for name in names]


def _messenger(every: Sequence[Settings], flags: argparse.Namespace) -> Messenger:
    """Who is told of troubles.

    Raises:
        UsageError: There is no such channel, or it cannot be used.
    """
    configuration = config_file.load(flags.config, os.environ)  # its warnings are said already
    if COMMAND in flags.notify and not any(one.notify_command for one in every):
        raise UsageError(f"--notify {COMMAND}: no target has a notify_command")
    messenger = Messenger(say)
    for one in every:
        channels = channels_of(configuration, one.notify, one.notify_command, one.target, flags.notify)
        messenger.watch(_name(one), one.timing, channels)
    return messenger


def _name(settings: Settings) -> str:
    return settings.target or conninfo.label(settings.conninfo)


def _watched(settings: Settings, flags: argparse.Namespace, messenger: Messenger) -> Watched:
    name = _name(settings)
    return Watched(
        name, unattended_source(settings), settings.thresholds, flags.top, flags.compat, messenger.take_of(name)
    )


async def _run(every: Sequence[Settings], flags: argparse.Namespace, config: WebConfig, messenger: Messenger) -> None:
    from pgheadroom.agent.collector import Exposition

    targets = [_watched(settings, flags, messenger) for settings in every]

    def gather() -> list[MetricFamily]:
        return [*merged(one.families() for one in targets), *messenger.families()]

    pages = Pages(
        Exposition(gather).scrape, lambda: all(one.ready for one in targets), lambda only: told(targets, only)
    )
    server = Server(flags.listen, pages, config)
    host, port = server.server_address[:2]
    say(f"serving metrics of {', '.join(one.name for one in targets)} on {_shown(str(host), int(port))}/metrics")
    if not ip_address(str(host)).is_loopback and not config.users:
        say("everybody who reaches this address reads them: --web.config.file can ask for a password")
    if messenger.outboxes:
        say(f"telling of troubles on {', '.join(messenger.outboxes)}")
    server.start()
    messenger.start()
    running = [asyncio.create_task(one.run()) for one in targets]
    try:
        await _until_told()
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running)
        await messenger.finish()
        await asyncio.to_thread(server.stop)


def _shown(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _until_told() -> None:
    """Wait for SIGTERM or SIGINT."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(ValueError):  # not in the main thread: a test
            loop.add_signal_handler(one, told.set)
    await told.wait()
