"""TLS over a stream of asyncio. asyncio's own is not loaded, see `tls_later`."""

import asyncio
import ssl
from collections.abc import Callable
from functools import partial
from typing import TypeVar

_AT_ONCE = 2**16
"""Bytes that are read from the line at once, more than the longest record of TLS."""

Done = TypeVar("Done")


class Encrypted:
    """A line to a server that need not prove who it is. Closing is left to who opened the stream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self._reader, self._writer = reader, writer
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)

    async def shake_hands(self) -> None:
        """Agree on keys.

        Raises:
            OSError: It failed, also as ssl.SSLError.
            asyncio.IncompleteReadError: The line ended.
        """
        await self._until_done(self._tls.do_handshake)

    def write(self, data: bytes) -> None:
        """Send it, as soon as the line takes it."""
        self._tls.write(data)
        self._send()

    async def readexactly(self, count: int) -> bytes:
        """So many bytes.

        Raises:
            OSError: What came is no TLS.
            asyncio.IncompleteReadError: The line ended before.
        """
        data = b""
        while len(data) < count:
            more = await self._until_done(partial(self._tls.read, count - len(data)))
            if not more:
                raise asyncio.IncompleteReadError(data, count)
            data += more
        return data

    async def _until_done(self, step: Callable[[], Done]) -> Done:
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                self._send()
                received = await self._reader.read(_AT_ONCE)
                if not received:
                    raise asyncio.IncompleteReadError(b"", None) from None
                self._incoming.write(received)
            finally:
                self._send()

    def _send(self) -> None:
        if self._outgoing.pending:
            self._writer.write(self._outgoing.read())
