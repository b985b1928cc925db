"""Everything that tells people: what each server's samples give cause to say, on each channel that is to hear it."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from pgheadroom.analysis import Analysis
from pgheadroom.model.metrics import MetricFamily
from pgheadroom.model.notification import Channel, Message, Timing
from pgheadroom.model.update import Trouble
from pgheadroom.notify.blindness import heard_of
from pgheadroom.notify.deciding import State, decide
from pgheadroom.notify.outbox import RESULTS, Outbox, Way
from pgheadroom.notify.program import Program
from pgheadroom.output.families import counter, gauge

LAST_TRY = 5.0
"""Seconds for what is not sent yet when the agent ends."""


def way_of(channel: Channel) -> Way:
    """What sends on a channel.

    Raises:
        UsageError: Its URL is understood by nobody, or the extra is not installed.
    """
    if channel.command:
        return Program(channel.name, channel.command)
    from pgheadroom.notify.services import Service, need_extra  # here: who has no URL need not wait for it

    need_extra()
    service = Service(channel.name, channel.url)
    service.check()
    return service


class Watcher:
    """Decides what is told of one server."""

    def __init__(self, target: str, timing: Timing, outboxes: Sequence[Outbox]) -> None:
        self._target = target
        self._timing = timing
        self._outboxes = tuple(outboxes)
        self._state = State()

    def take(self, seen: Analysis | Trouble) -> None:
        """An update of the server; waits for nobody."""
        heard = heard_of(seen, time.monotonic(), datetime.now().astimezone())
        self._state, messages = decide(self._state, heard, self._timing, self._target)
        for message in messages:
            self._post(message)

    def _post(self, message: Message) -> None:
        for outbox in self._outboxes:
            outbox.put(message)


class Messenger:
    """The outboxes of all channels, and a watcher for each server.

    Attributes:
        outboxes: By the channel's name.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        """Args:
        say: Takes a line for the log.
        """
        self.outboxes: dict[str, Outbox] = {}
        self._say = say
        self._watchers: dict[str, Watcher] = {}
        self._running: list[asyncio.Task[None]] = []

    def watch(self, target: str, timing: Timing, channels: Sequence[Channel]) -> None:
        """Tell of a server's troubles on these channels; on none where there is none.

        Raises:
            UsageError: As `way_of`.
        """
        for one in channels:
            if one.name not in self.outboxes:
                self.outboxes[one.name] = Outbox(way_of(one), self._say)
        if channels:
            self._watchers[target] = Watcher(target, timing, [self.outboxes[one.name] for one in channels])

    def take_of(self, target: str) -> Callable[[Analysis | Trouble], None] | None:
        """What takes the updates of a server; None where nobody is told of it."""
        watcher = self._watchers.get(target)
        return watcher.take if watcher is not None else None

    def start(self) -> None:
        """Send from now on."""
        self._running = [asyncio.create_task(one.run()) for one in self.outboxes.values()]

    async def finish(self, seconds: float = LAST_TRY) -> None:
        """What is not sent yet gets a last try, all within `seconds`."""
        for outbox in self.outboxes.values():
            outbox.finish()
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.wait(self._running)
        for outbox in self.outboxes.values():
            outbox.give_up()

    def families(self) -> list[MetricFamily]:
        """What became of the messages. Nothing where there is no channel."""
        every = [(one, (("channel", one.name),)) for one in self.outboxes.values()]
        if not every:
            return []
        ends = [((*label, ("result", word)), one.results[word]) for one, label in every for word in RESULTS]
        return [
            counter("notifications", "Messages by how they ended; failed: given up (our channels)", *ends),
            counter("notification_retries", "Tries that failed and were followed by another (our channels)",
                    *((label, one.retries) for one, label in every)),
            gauge("notifications_pending", "Messages that are not sent yet (our channels)",
                  *((label, one.pending) for one, label in every)),
        ]  # fmt: skip
