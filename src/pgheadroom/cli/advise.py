"""`pgheadroom advise`: what keeps it from happening again, computed from what is seen and what is set."""

import argparse
import asyncio
import json
import os

from pgheadroom.advice.bouncer_plan import Upstream
from pgheadroom.advice.ground import Ground
from pgheadroom.advice.registry import counsel
from pgheadroom.cli import bouncer_set, terminal
from pgheadroom.cli.connection import settings_of
from pgheadroom.cli.diagnostics import put, say
from pgheadroom.cli.looking import ground_of
from pgheadroom.cli.source import open_source
from pgheadroom.config import Settings
from pgheadroom.errors import EXIT_OK, UsageError
from pgheadroom.model.thresholds import Thresholds

_TOO_FEW = "--snippet needs to know how sessions are used: --watch 10m, for instance"


def advise(flags: argparse.Namespace) -> int:
    """Look, once or for `--watch`, and print the advice; or apply one, or undo it.

    Raises:
        UsageError: A flag, a file or a variable is wrong.
        NoConnection: The server is not reached, or lost.
        NoAnswer: It does not answer in time.
        PgHeadroomError: Files cannot be written.
    """
    if flags.sql or flags.sql_uninstall:
        put(_monitoring(flags))
        return EXIT_OK
    if flags.apply is not None or flags.undo is not None or flags.list_applied:
        from pgheadroom.cli.applying import apply_advice

        return apply_advice(flags)
    bouncer_set.check_flags(flags)
    if flags.snippet is not None and flags.watch is None:
        raise UsageError(_TOO_FEW)
    ground, upstream = asyncio.run(_ground(settings_of(flags, os.environ), flags))
    written = flags.write_pgbouncer is not None
    if flags.snippet is not None:
        put(_snippet(ground, upstream, flags.snippet))
    else:
        put(bouncer_set.write_set(ground, upstream, flags) if written else _printed(ground, flags))
    return EXIT_OK


def _snippet(ground: Ground, upstream: Upstream, library: str) -> str:
    """For the application that has most sessions; the other numbers are said beside."""
    from pgheadroom.advice.pool_sizes import pool_needs
    from pgheadroom.advice.snippets import snippet

    needs = pool_needs(ground)
    if not needs:
        raise UsageError(_TOO_FEW)
    for other in needs[1:]:
        say(f"{other.user}/{other.application}: {other.of_each} for each of {other.instances}")
    unfollowed = any(one.setting("max_prepared_statements") in (None, "0") for one in ground.snapshot.pgbouncers)
    return snippet(library, needs[0], upstream, prepared=not unfollowed)


def _monitoring(flags: argparse.Namespace) -> str:
    """SQL for monitors. No server is asked for it: it is the same for all versions."""
    from pgheadroom.advice.monitoring import monitoring_sql, monitoring_uninstall_sql

    return monitoring_uninstall_sql() if flags.sql_uninstall else monitoring_sql(_thresholds(flags))


def _thresholds(flags: argparse.Namespace) -> Thresholds:
    return settings_of(flags, os.environ).thresholds


async def _ground(settings: Settings, flags: argparse.Namespace) -> tuple[Ground, Upstream]:
    source = await open_source(settings, flags)
    try:
        return await ground_of(source, settings, flags.watch), await source.ask(bouncer_set.upstream_of)
    finally:
        await source.close()


def _printed(ground: Ground, flags: argparse.Namespace) -> str:
    told = counsel(ground)
    if flags.watch is None:
        say("this was one look; --watch 10m looks for so long, and then knows how sessions are used")
    if flags.format == "json":
        from pgheadroom.output.advice_json import counsel_document

        return json.dumps(counsel_document(told, ground.snapshot), indent=2, ensure_ascii=True)
    from pgheadroom.output.advice_text import render

    return render(told, terminal.text_width())
