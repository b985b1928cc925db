"""`pgheadroom check` over a connection of its own: servers, side by side."""

import argparse
import asyncio
from collections.abc import Collection, Sequence
from dataclasses import fields, replace

from pgheadroom.access.advice import advice
from pgheadroom.analysis import Analysis, Memory, analyse
from pgheadroom.cli.held import holds_on, pooler_holds
from pgheadroom.cli.source import unattended_source
from pgheadroom.config import Settings
from pgheadroom.deadline import NoAnswer, apart, clock
from pgheadroom.errors import PgHeadroomError, UsageError
from pgheadroom.live.source import LiveSource
from pgheadroom.model.health import Status
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.model.verdict import Verdict
from pgheadroom.output.check import judged, no_room, not_seen
from pgheadroom.postgres.ahead import Ahead
from pgheadroom.postgres.doors import NoDoor
from pgheadroom.rules.verdict.measures import THRESHOLD_OF


def verdicts(
    flags: argparse.Namespace, targets: Sequence[Settings], only: Collection[str], ahead: Sequence[Ahead]
) -> list[Verdict]:
    """Sample and judge.

    Args:
        only: Names of metrics; empty for everything.
        ahead: The attempts to connect to each target, which have begun.

    Raises:
        UsageError: A flag is wrong.
    """
    every = [_with_levels(settings, flags, only) for settings in targets]
    for settings in every:
        _check_metrics(only, settings, flags)
    return asyncio.run(_verdicts(every, flags, only, ahead))


# --- what is asked for -----------------------------------------------------------------------------------------------


def _check_metrics(only: Collection[str], settings: Settings, flags: argparse.Namespace) -> None:
    if "seconds_until_full" in only and flags.watch is None:
        raise UsageError("--metric until_full needs the time before: --watch 60s, for instance")
    if any(metric.startswith("pool_") for metric in only) and not settings.pgbouncers:
        raise UsageError("--metric of pools: no PgBouncer is watched; give its console with --pgbouncer")


def _with_levels(settings: Settings, flags: argparse.Namespace, only: Collection[str]) -> Settings:
    """The settings with the thresholds of the command line.

    Raises:
        UsageError: Names the flag and what is allowed.
    """
    given: dict[str, object] = {}
    for name in (field.name for field in fields(Thresholds)):
        if (text := getattr(flags, f"level_{name}")) is not None:
            given[name] = text if name == "long_query_seconds" else text.split(",")
    chosen = {"warning": flags.warning, "critical": flags.critical}
    if pair := {key: value for key, value in chosen.items() if value is not None}:
        given[_chosen(only)] = pair
    try:
        return replace(settings, thresholds=settings.thresholds.changed(given))
    except ValueError as error:
        raise UsageError(f"thresholds: {error}") from None


def _chosen(only: Collection[str]) -> str:
    metrics = only or {"connection_usage_percent"}
    if len(metrics) > 1:
        raise UsageError("-w and -c are for one --metric; for more, give each its own flag: --pool-maxwait 1s,5s")
    return THRESHOLD_OF[next(iter(metrics))]


# --- asking ----------------------------------------------------------------------------------------------------------


async def _verdicts(
    every: Sequence[Settings], flags: argparse.Namespace, only: Collection[str], ahead: Sequence[Ahead]
) -> list[Verdict]:
    """Of each server, in the order of the settings. No server is waited for beyond the deadline."""
    found: list[Verdict | None] = [None] * len(every)
    patience = flags.timeout + (flags.watch or 0.0)

    async def one(place: int) -> None:
        source = unattended_source(every[place], ahead[place])
        try:
            found[place] = await _verdict(source, every[place], flags, only)
        finally:
            await source.close()

    async def all_of_them() -> None:
        await asyncio.gather(*map(one, range(len(every))))

    # In a thread of its own, which nothing waits for: to give up a question to a server that hangs takes seconds.
    asked = apart(lambda: asyncio.run(all_of_them()), lambda _: None)
    await asyncio.wait({asked}, timeout=patience)
    if asked.done():
        asked.result()
    silence = f"no answer within {patience:g} s"
    late = _when_silent(flags)
    return [one or not_seen(silence, each.target, late) for one, each in zip(found, every, strict=True)]


async def _verdict(source: LiveSource, settings: Settings, flags: argparse.Namespace, only: Collection[str]) -> Verdict:
    doors = source.reconnection.attempts.doors
    try:
        case = await _analysis(source, settings, flags)
    except NoDoor as shut:
        if shut.full:
            return no_room(shut.refusals, advice(shut.refusals, doors.role), settings.target)
        return not_seen(str(shut), settings.target)
    except NoAnswer as silent:
        return not_seen(str(silent), settings.target, _when_silent(flags))
    except PgHeadroomError as trouble:
        return not_seen(str(trouble), settings.target)
    return judged(case, settings.target, only, doors.passed)


def _when_silent(flags: argparse.Namespace) -> Status:
    return Status.CRITICAL if flags.on_timeout == "critical" else Status.UNKNOWN


async def _analysis(source: LiveSource, settings: Settings, flags: argparse.Namespace) -> Analysis:
    """Of one sample, or of those that `--watch` takes."""
    patience = flags.timeout
    if flags.watch is None:
        sample = await source.sample_once(patience)
        holds = await holds_on(source)
        return analyse(sample, settings.thresholds, holds=holds, pooler_holds=pooler_holds())
    memory = Memory(settings.thresholds)
    ends = clock() + flags.watch
    while True:
        began = clock()
        sample = await source.sample_once(patience)
        memory.holds, memory.pooler_holds = await holds_on(source), pooler_holds()
        case = memory.take(sample)
        if clock() >= ends:
            return case
        await asyncio.sleep(max(0.0, min(began + settings.interval, ends) - clock()))
