"""A listener that takes a server's part to get at passwords."""

import asyncio
import base64
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

_SSL, _GSS = 80877103, 80877104


def authentication(code: int, more: bytes = b"") -> bytes:
    """An Authentication message: 3 asks for a password in clear text, 10 for SASL."""
    return struct.pack("!cii", b"R", 8 + len(more), code) + more


CLEAR_TEXT = authentication(3)
SASL = authentication(10, b"SCRAM-SHA-256\x00\x00")


def endless_work(said: bytes) -> bytes:
    """The answer to a client that begins SCRAM: to repeat its hash as often as there are numbers."""
    nonce = said.partition(b"r=")[2] + b"more"
    return authentication(11, b"r=" + nonce + b",s=" + base64.b64encode(b"salt and pepper") + b",i=2147483647")


Question = bytes | Callable[[bytes], bytes]
"""What is asked, or how it follows from what was said last."""


class Thief:
    """What was said to it.

    Attributes:
        passwords: Of messages that carry one, or the proof of one.
        visitors: Startup packets.
    """

    def __init__(self, asks: Sequence[Question]) -> None:
        self.asks = asks
        self.passwords: list[bytes] = []
        self.visitors: list[bytes] = []

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await self._meet(reader, writer)
        writer.close()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            (length,) = struct.unpack("!i", await reader.readexactly(4))
            packet = await reader.readexactly(length - 4)
            if struct.unpack("!i", packet[:4])[0] not in (_SSL, _GSS):
                break
            writer.write(b"N")
        self.visitors.append(packet)
        for question in self.asks:
            writer.write(question if isinstance(question, bytes) else question(self.passwords[-1]))
            _, length = struct.unpack("!ci", await reader.readexactly(5))
            self.passwords.append(await reader.readexactly(length - 4))


@asynccontextmanager
async def on_port(*asks: Question) -> AsyncIterator[tuple[Thief, int]]:
    """On a port of the loopback address."""
    thief = Thief(asks)
    async with await asyncio.start_server(thief.meet, "127.0.0.1", 0) as server:
        yield thief, server.sockets[0].getsockname()[1]


@asynccontextmanager
async def on_socket(folder: Path, port: int, *asks: Question) -> AsyncIterator[Thief]:
    """On a Unix socket."""
    thief = Thief(asks)
    async with await asyncio.start_unix_server(thief.meet, folder / f".s.PGSQL.{port}"):
        yield thief


@contextmanager
def beside(*asks: Question) -> Iterator[tuple[Thief, int]]:
    """As `on_port`, in a thread of its own: for tests that are no coroutines."""
    loop = asyncio.new_event_loop()
    thief = Thief(asks)
    server = loop.run_until_complete(asyncio.start_server(thief.meet, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield thief, server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
