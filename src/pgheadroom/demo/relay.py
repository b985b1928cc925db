"""Applications of one machine that seem to come from several.

A PostgreSQL client library cannot choose the address it connects from. A relay listens on a Unix socket, and passes
each connection on to a loopback port from an address of its own, so that the server sees who comes from where.
"""

import asyncio
import contextlib
import errno
from pathlib import Path

_CHUNK = 65536


class Relay:
    """A Unix socket whose connections go on to `port` of 127.0.0.1 from `address`."""

    def __init__(self, address: str, port: int, host: Path) -> None:
        self.address = address
        self.port = port
        self.host = str(host)
        self._server: asyncio.Server | None = None

    @classmethod
    async def open(cls, folder: Path, address: str, port: int) -> "Relay":
        """Listen in a folder of its own below `folder`; `host` is then libpq's host, the port is the same."""
        host = folder / address
        host.mkdir(exist_ok=True)
        relay = cls(address, port, host)
        relay._server = await asyncio.start_unix_server(relay._pass_on, host / f".s.PGSQL.{port}", backlog=256)
        return relay

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await self._connect()
        except OSError:
            writer.close()
            return
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            return await asyncio.open_connection("127.0.0.1", self.port, local_addr=(self.address, 0))
        except OSError as trouble:
            if trouble.errno != errno.EADDRNOTAVAIL:
                raise
        # macOS has no other loopback address than 127.0.0.1.
        return await asyncio.open_connection("127.0.0.1", self.port)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until one side closes; then the other side is closed as well."""
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()
        await writer.wait_closed()
