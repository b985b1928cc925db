"""A wire between a client and a server: it counts round trips, and can go silent."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self


class Wire:
    """A TCP relay on the loopback address.

    Attributes:
        trips: How often the client spoke after the server had: network round trips.
        sent, received: Bytes from the client and from the server.
        answered: Set when the server has said anything.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self._open = asyncio.Event()
        self._open.set()
        self._server_spoke = True
        self.answered = asyncio.Event()
        self.connections = 0
        self.trips = self.sent = self.received = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def silence(self) -> None:
        """Swallow nothing, pass nothing: as a network that drops every packet."""
        self._open.clear()

    def resume(self) -> None:
        self._open.set()

    def reset(self) -> None:
        """Count from here."""
        self.trips = self.sent = self.received = 0

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        self._writers += [writer, far_writer]
        for task in (self._pass(reader, far_writer, True), self._pass(far_reader, writer, False)):
            running = asyncio.create_task(task)
            self._tasks.add(running)
            running.add_done_callback(self._tasks.discard)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, from_client: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._open.wait()
                self._count(len(data), from_client)
                writer.write(data)
                await writer.drain()
            writer.close()

    def _count(self, size: int, from_client: bool) -> None:
        if from_client:
            self.trips += self._server_spoke
            self.sent += size
        else:
            self.received += size
            self.answered.set()
        self._server_spoke = not from_client
