"""The one connection to the server: a question at a time, and an end when it does not answer."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from pgheadroom.deadline import NoAnswer, arrives, forget
from pgheadroom.errors import NoConnection
from pgheadroom.model.budget import Spared
from pgheadroom.postgres.sampling import Probe

Answer = TypeVar("Answer")
Question = Callable[[Probe], Awaitable[Answer]]

HUNG_UP_WITHIN = 2.0
"""Seconds in which a question ends whose connection was given up."""


class Link:
    """Holds the connection while there is one. Questions stand in line for it, whoever asks them.

    Attributes:
        probe: The connection; None while there is none.
        all_ended: With the last one the server ended all sessions, and said so: see `door.Connection.farewell`.
    """

    def __init__(self) -> None:
        self.probe: Probe | None = None
        self.all_ended = False
        self._line = asyncio.Lock()
        self._in_flight: asyncio.Task[object] | None = None
        self._talks = False

    async def ask(self, question: Question[Answer], patience: float) -> Answer:
        """The answer, once the questions before it have theirs.

        Raises:
            NoConnection: when there is no connection, or it is lost.
            NoAnswer: when nothing came within `patience` seconds; its `asked` says whether the question was sent.
        """
        sent = False

        async def tracked(probe: Probe) -> Answer:
            nonlocal sent
            sent = True
            return await question(probe)

        task = self.put(tracked)
        if await arrives(task, patience):
            return task.result()
        if not sent:
            task.cancel()
            raise NoAnswer(f"the server has not answered for {patience:.0f} s: nothing was sent", asked=False)
        raise NoAnswer(f"sent, but no answer for {patience:.0f} s: it may still take effect", asked=True)

    def put(self, question: Question[Answer]) -> "asyncio.Task[Answer]":
        """Put a question in line, without a deadline."""
        task = asyncio.create_task(self._in_turn(question))
        # Whoever asked may have been cancelled by the time it fails.
        forget(task)
        return task

    async def _in_turn(self, question: Question[Answer]) -> Answer:
        async with self._line:
            if self.probe is None:
                raise NoConnection("not connected")
            self._in_flight = asyncio.current_task()
            return await question(self.probe)

    def hurry(self) -> None:
        """Ask for every part in the next sample."""
        if self.probe is not None:
            self.probe.hurry()

    def paced(self, interval: float) -> Spared | None:
        """How often to sample so that the server is spared; None for once an interval, see `Probe.paced`."""
        return self.probe.paced(interval) if self.probe is not None else None

    @contextmanager
    def heard(self, unasked: Callable[[], object]) -> Iterator[None]:
        """Call `unasked` once when the server says something that nobody asked for: mostly, the connection has ended.

        After a crash or a restart its slots are taken by who is there first, sooner than the next sample is due. A
        server that goes on to talk by itself is not listened to again before it was quiet for once.
        """
        if self.probe is None or (descriptor := self.probe.line()) is None:
            yield
            return
        loop = asyncio.get_running_loop()

        before, self._talks = self._talks, False

        def said() -> None:
            loop.remove_reader(descriptor)
            self._talks = True
            if not (before or self._line.locked()):  # else who asks gets it
                unasked()

        loop.add_reader(descriptor, said)
        try:
            yield
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)

    # --- its end -----------------------------------------------------------------------------------------------------

    async def drop(self) -> None:
        """Close the connection, which is lost."""
        self._talks = False
        probe, self.probe = self.probe, None
        if probe is not None:
            self.all_ended = bool(probe.connection.farewell)
            await probe.close()

    async def give_up(self, question: "asyncio.Task[Answer]") -> None:
        """Hang up on a server that does not answer; the question in flight ends with an error, and so does this one."""
        self.all_ended = False
        probe, self.probe = self.probe, None
        if probe is not None:
            await probe.hang_up(self._in_flight)
        if not await arrives(question, HUNG_UP_WITHIN):
            question.cancel()
            await arrives(question, HUNG_UP_WITHIN)

    async def close(self) -> None:
        """Give the slot back, also when the server does not answer."""
        probe, self.probe = self.probe, None
        if probe is not None:
            await (probe.hang_up(self._in_flight) if self._line.locked() else probe.close())
