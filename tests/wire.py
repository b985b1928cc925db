"""A wire between a client and a server: it counts round trips, can be long, and can go silent."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from types import TracebackType
from typing import Self


class Wire:
    """A TCP relay on the loopback address.

    Attributes:
        trips: How often the client spoke after the server had: network round trips.
        sent, received: Bytes from the client and from the server.
        answered: Set when the server has said anything.
        connections: How many there have been; `alive` of them are not closed by the client yet, `most` is the most at
            a time.
        delay: Seconds that whatever is sent from now on is under way.
    """

    delay = 0.0

    def __init__(self, port: int) -> None:
        self._to = port
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self._open = asyncio.Event()
        self._open.set()
        self._server_spoke = True
        self.answered = asyncio.Event()
        self.connections = self.alive = self.most = 0
        self.trips = self.sent = self.received = 0

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
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
        self._loop.call_soon_threadsafe(self._open.set)

    def conninfo(self, user: str = "postgres", dbname: str = "postgres", **others: str | int) -> str:
        """How to connect over it, without a round trip that asks for encryption."""
        given = {"host": "127.0.0.1", "port": self.port, "user": user, "dbname": dbname, **others}
        plain = {"gssencmode": "disable", "sslmode": "disable"}
        return " ".join(f"{name}={value}" for name, value in {**plain, **given}.items())

    def leads_to(self, port: int) -> None:
        """From the next connection on."""
        self._to = port

    def reset(self) -> None:
        """Count from here."""
        self.trips = self.sent = self.received = 0

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.alive += 1
        self.most = max(self.most, self.alive)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        self._writers += [writer, far_writer]
        self._begin(self._pass(reader, far_writer, True))
        self._begin(self._pass(far_reader, writer, False))

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        running = asyncio.create_task(work)
        self._tasks.add(running)
        running.add_done_callback(self._tasks.discard)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, from_client: bool) -> None:
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        self._begin(self._arrive(under_way, writer, from_client))
        data = b"?"
        while data:
            try:
                data = await reader.read(65536)
            except OSError:
                data = b""
            under_way.put_nowait((self._loop.time() + self.delay, data))
        self.alive -= from_client

    async def _arrive(
        self, under_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter, from_client: bool
    ) -> None:
        """In the order in which it was sent; the end of a connection too is something that is sent."""
        with contextlib.suppress(OSError):
            while True:
                due, data = await under_way.get()
                await asyncio.sleep(due - self._loop.time())
                await self._open.wait()
                if not data:
                    break
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


@contextlib.contextmanager
def wire_beside(port: int) -> Iterator[Wire]:
    """A wire for tests that are no coroutines: it works in a thread of its own."""
    ready, wire, over = threading.Event(), Wire(port), asyncio.Event()

    async def work() -> None:
        async with wire:
            ready.set()
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=[work()], daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield wire
    finally:
        wire._loop.call_soon_threadsafe(over.set)
        thread.join(10)
