"""`pgheadroom advise`: what keeps it from happening again, computed from what is seen and what is set."""

import argparse
import asyncio
import json
import os

from pgheadroom.advice.bouncer_plan import Upstream
from pgheadroom.advice.ground import Ground
from pgheadroom.advice.observed import Watching
from pgheadroom.advice.registry import counsel
from pgheadroom.analysis import Analysis, Memory
from pgheadroom.cli import bouncer_set, terminal
from pgheadroom.cli.connection import settings_of
from pgheadroom.cli.diagnostics import put
from pgheadroom.cli.source import open_source
from pgheadroom.config import Settings
from pgheadroom.deadline import clock
from pgheadroom.errors import EXIT_OK
from pgheadroom.live.source import LiveSource
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.postgres.advice_settings import server_settings
from pgheadroom.postgres.backend_memory import private_memory


def advise(flags: argparse.Namespace) -> int:
    """Look, once or for `--watch`, and print the advice. Nothing is changed.

    Raises:
        UsageError: A flag, a file or a variable is wrong.
        NoConnection: The server is not reached, or lost.
        NoAnswer: It does not answer in time.
        PgHeadroomError: Files cannot be written.
    """
    if flags.sql or flags.sql_uninstall:
        put(_monitoring(flags))
        return EXIT_OK
    bouncer_set.check_flags(flags)
    ground, upstream = asyncio.run(_ground(settings_of(flags, os.environ), flags))
    written = flags.write_pgbouncer is not None
    put(bouncer_set.write_set(ground, upstream, flags) if written else _printed(ground, flags))
    return EXIT_OK


def _monitoring(flags: argparse.Namespace) -> str:
    """SQL for monitors. No server is asked for it: it is the same for all versions."""
    from pgheadroom.advice.monitoring import monitoring_sql, monitoring_uninstall_sql

    return monitoring_uninstall_sql() if flags.sql_uninstall else monitoring_sql(_thresholds(flags))


def _thresholds(flags: argparse.Namespace) -> Thresholds:
    return settings_of(flags, os.environ).thresholds


async def _ground(settings: Settings, flags: argparse.Namespace) -> tuple[Ground, Upstream]:
    source = await open_source(settings, flags)
    try:
        watching = Watching()
        newest = await _look(source, settings, flags.watch, watching)
        settled = await source.ask(server_settings)
        upstream = await source.ask(bouncer_set.upstream_of)
        return Ground(newest, watching.observed(), settled, _memory(newest)), upstream
    finally:
        await source.close()


def _memory(newest: Analysis) -> tuple[int, ...]:
    seen = newest.snapshot
    return private_memory((one.pid for one in seen.sessions if one.pid != seen.door.pid), seen.door.pid)


async def _look(source: LiveSource, settings: Settings, seconds: float | None, watching: Watching) -> Analysis:
    """Sample for so long. Ctrl-C ends the looking, not the advice: what was seen by then counts."""
    memory = Memory(settings.thresholds)
    ends = clock() + (seconds or 0.0)
    while True:
        began = clock()
        newest = memory.take(await source.sample_once())
        watching.take(newest)
        if clock() >= ends:
            return newest
        try:
            await asyncio.sleep(max(0.0, min(began + settings.interval, ends) - clock()))
        except asyncio.CancelledError:
            return newest


def _printed(ground: Ground, flags: argparse.Namespace) -> str:
    told = counsel(ground)
    if flags.format == "json":
        from pgheadroom.output.advice_json import counsel_document

        return json.dumps(counsel_document(told, ground.snapshot), indent=2, ensure_ascii=True)
    from pgheadroom.output.advice_text import render

    return render(told, terminal.text_width())
