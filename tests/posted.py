"""What a source posted, and a source that runs for as long as a test looks at it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from pgheadroom.live.source import LiveSource
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.update import Trouble, Update, Waiting

PATIENCE = 15.0


@dataclass
class Posted:
    """What a source posted, with the moments."""

    updates: list[tuple[float, Update]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self, update: Update) -> None:
        self.updates.append((time.monotonic(), update))
        self.news.set()

    @property
    def snapshots(self) -> list[Snapshot]:
        return [update for _, update in self.updates if isinstance(update, Snapshot)]

    @property
    def troubles(self) -> list[Trouble]:
        return [update for _, update in self.updates if isinstance(update, Trouble)]

    @property
    def waits(self) -> list[Waiting]:
        return [trouble.waiting for trouble in self.troubles if trouble.waiting is not None]

    def times(self, kind: type) -> list[float]:
        return [moment for moment, update in self.updates if isinstance(update, kind)]

    async def until(self, holds: Callable[[], bool], seconds: float = PATIENCE) -> None:
        async with asyncio.timeout(seconds):
            while not holds():
                self.news.clear()
                await self.news.wait()

    async def more(self, kind: type, count: int = 1, seconds: float = PATIENCE) -> None:
        """Wait for so many more updates of a kind."""
        wanted = len(self.times(kind)) + count
        await self.until(lambda: len(self.times(kind)) >= wanted, seconds)


@asynccontextmanager
async def running(source: LiveSource) -> AsyncIterator[Posted]:
    posted = Posted()
    task = asyncio.create_task(source.run(posted))
    try:
        yield posted
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await source.close()
