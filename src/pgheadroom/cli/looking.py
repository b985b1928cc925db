"""What advice stands on, for commands: looked at once, or for so long."""

import asyncio
import os

from pgheadroom.advice.ground import Ground
from pgheadroom.advice.observed import Watching
from pgheadroom.analysis import Analysis, Memory
from pgheadroom.config import Settings
from pgheadroom.deadline import clock
from pgheadroom.live.source import LiveSource
from pgheadroom.postgres.backend_memory import private_memory


async def ground_of(source: LiveSource, settings: Settings, seconds: float | None) -> Ground:
    """What advice stands on, after looking once or for so long. Errors as `advise`."""
    watching = Watching()
    newest = await _look(source, settings, seconds, watching)
    settled = await source.server_settings()
    memory = _memory(newest)
    return Ground(newest, watching.observed(), settled, memory, os.cpu_count() if memory else None)


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
