"""`pgheadroom demo`: an outage on servers of its own, and the monitor on it."""

import argparse
import os
import signal
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING

from pgheadroom import config, config_file
from pgheadroom.cli import terminal
from pgheadroom.cli.diagnostics import put, say
from pgheadroom.config import Settings
from pgheadroom.errors import EXIT_OK, UsageError

if TYPE_CHECKING:
    from pgheadroom.demo.stage import Demo
    from pgheadroom.lesson.progress import Guide

DEFAULT_SCENARIO = "idle-leak"


def demo(flags: argparse.Namespace) -> int:
    """Play a scenario for as long as it is looked at; everything is stopped and removed at the end.

    Raises:
        PgHeadroomError: A server is missing or does not start, or there is no such scenario.
    """
    from pgheadroom.demo.stage import SCENARIOS, open_demo

    if flags.scenario == "help":
        return _list_scenarios(SCENARIOS)
    settings = _settings(flags)
    if flags.guide:
        _require_hands(flags, settings)
    show = _wait if flags.no_monitor else _watch if terminal.has_terminal() else _print
    _end_cleanly_on_signals()
    with open_demo(flags.scenario or DEFAULT_SCENARIO, say) as outage:
        there = replace(settings, conninfo=outage.conninfo, pgbouncers=outage.pgbouncers)
        code = show(outage, there, flags)
        # The monitor's event loop has put the signals back to their defaults, which would skip the clearing up.
        _end_cleanly_on_signals()
        return code


def _require_hands(flags: argparse.Namespace, settings: Settings) -> None:
    """A lesson is looked at, and acted in."""
    if flags.no_monitor:
        raise UsageError("--guide is a panel of the monitor: leave --no-monitor away")
    if settings.read_only:
        raise UsageError("--guide teaches to act: it does not go with read-only")
    terminal.require_terminal()


def _list_scenarios(scenarios: dict[str, str]) -> int:
    width = max(map(len, scenarios))
    put("\n".join(f"{name:<{width}}  {description}" for name, description in scenarios.items()))
    return EXIT_OK


def _settings(flags: argparse.Namespace) -> Settings:
    configuration = config_file.load(flags.config, os.environ)
    flag_layer = config.Layer(
        interval=flags.interval,
        read_only=True if flags.read_only else None,
        hide_literals=True if flags.hide_literals else None,
    )
    return config.settle(configuration.general, config.from_environment(os.environ), flag_layer, target="demo")


def _end_cleanly_on_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGHUP):
        # What nohup ignores stays ignored.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def _end(number: int, _: FrameType | None) -> None:
    # An exception, so that every "with" on the way out clears up.
    raise SystemExit(128 + number)


# --- what is done with the outage ------------------------------------------------------------------------------------


def _watch(outage: "Demo", settings: Settings, flags: argparse.Namespace) -> int:
    from pgheadroom.cli.monitor import watch

    return watch(settings, flags, _guide(outage) if flags.guide else None)


def _guide(outage: "Demo") -> "Guide":
    from pgheadroom.demo.dba import put_dba
    from pgheadroom.demo.guides import guide_of

    return guide_of(outage.scenario, put_dba(outage))


def _print(_: "Demo", settings: Settings, flags: argparse.Namespace) -> int:
    from pgheadroom.cli.snapshot import print_snapshot

    return print_snapshot(settings, flags)


def _wait(outage: "Demo", _: Settings, __: argparse.Namespace) -> int:
    lines = [f"postgresql {outage.conninfo}", f"superuser  {outage.superuser_conninfo}"]
    lines += [f"pgbouncer  {console}" for console in outage.pgbouncers]
    put("\n".join(lines))
    say("running until Ctrl-C")
    try:
        while True:
            signal.pause()
    except KeyboardInterrupt:
        return EXIT_OK
