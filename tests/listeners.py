"""A listener that takes a server's part to get at passwords."""

import asyncio
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

_SSL, _GSS = 80877103, 80877104


def authentication(code: int, more: bytes = b"") -> bytes:
    """An Authentication message: 3 asks for a password in clear text, 10 for SASL."""
    return struct.pack("!cii", b"R", 8 + len(more), code) + more


CLEAR_TEXT = authentication(3)


class Thief:
    """What was said to it.

    Attributes:
        passwords: Of messages that carry one, or the proof of one.
        visitors: Startup packets.
    """

    def __init__(self, asks: Sequence[bytes]) -> None:
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
            writer.write(question)
            _, length = struct.unpack("!ci", await reader.readexactly(5))
            self.passwords.append(await reader.readexactly(length - 4))


@asynccontextmanager
async def on_port(*asks: bytes) -> AsyncIterator[tuple[Thief, int]]:
    """On a port of the loopback address."""
    thief = Thief(asks)
    async with await asyncio.start_server(thief.meet, "127.0.0.1", 0) as server:
        yield thief, server.sockets[0].getsockname()[1]


@asynccontextmanager
async def on_socket(folder: Path, port: int, *asks: bytes) -> AsyncIterator[Thief]:
    """On a Unix socket."""
    thief = Thief(asks)
    async with await asyncio.start_unix_server(thief.meet, folder / f".s.PGSQL.{port}"):
        yield thief
