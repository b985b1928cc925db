"""A server's own words to a newcomer, with their SQLSTATE: libpq keeps only the text, in the server's language.

A startup packet is sent, and what comes back is read until an error; no password is ever sent. When the server asks for
one, or lets us in, we leave at once. Source: the manual's chapter on the frontend/backend protocol, "Message
Formats" and "Error and Notice Message Fields".
"""

import asyncio
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

_PROTOCOL = 3 << 16
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_AUTHENTICATED = struct.pack("!i", 0)
"""Of an Authentication message: nothing (more) is asked. Limits of roles and databases are checked after it."""
_TERMINATE = b"X\x00\x00\x00\x04"
_LONGEST = 30_000
"""Bytes of the longest message that a server may send before it knows us; libpq has the same bound."""
_WITHOUT_TLS = ("disable", "allow")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a startup packet goes, as libpq worked it out.

    Attributes:
        host: A name, an address, or the folder of a Unix socket.
        sslmode: libpq's word.
    """

    host: str
    port: int
    user: str
    database: str
    sslmode: str = "prefer"
    replication: bool = False


@dataclass(frozen=True, slots=True)
class ServerError:
    """An ErrorResponse.

    Attributes:
        routine: The function of the server's source that raised it; empty from a pooler.
    """

    sqlstate: str
    message: str
    routine: str = ""
    file: str = ""


class _Line(NamedTuple):
    """How to read and write on a connection, with TLS or without."""

    read_exactly: Callable[[int], Awaitable[bytes]]
    write: Callable[[bytes], object]


async def first_error(address: Address, deadline: float = 2.0) -> ServerError | None:
    """The error with which the server meets a newcomer who shows no password.

    Returns:
        None when it has none (it asks for a password, or lets us in), and when nothing readable came in time.
    """
    try:
        async with asyncio.timeout(deadline):
            return await _ask(address)
    except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
        return None


async def _ask(address: Address) -> ServerError | None:
    reader, writer = await _connect(address)
    try:
        line = _Line(reader.readexactly, writer.write)
        if not address.host.startswith("/") and address.sslmode not in _WITHOUT_TLS:
            line = await _encrypted(reader, writer, address) or line
        line.write(startup_message(address))
        await writer.drain()
        return await _first_error(line)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _connect(address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if address.host.startswith("/"):
        return await asyncio.open_unix_connection(f"{address.host}/.s.PGSQL.{address.port}")
    return await asyncio.open_connection(address.host, address.port)


async def _encrypted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: Address) -> _Line | None:
    """TLS if the server has it, without proof of who it is: it hears nothing but the name of our role.

    Raises:
        ValueError: The server has no TLS, and the user wants nothing said without it.
    """
    writer.write(_SSL_REQUEST)
    await writer.drain()
    answer = await reader.readexactly(1)
    if answer == b"S":
        from pgheadroom.postgres.encrypted import Encrypted  # here: it loads a second OpenSSL, see tls_later.py

        encrypted = Encrypted(reader, writer, address.host)
        await encrypted.shake_hands()
        return _Line(encrypted.readexactly, encrypted.write)
    if answer != b"N" or address.sslmode != "prefer":
        raise ValueError("no TLS")
    return None


def startup_message(address: Address) -> bytes:
    """A StartupMessage."""
    given = {"user": address.user, "database": address.database, "application_name": "pgheadroom"}
    if address.replication:
        given["replication"] = "true"
    body = b"".join(part.encode() + b"\x00" for pair in given.items() for part in pair) + b"\x00"
    return struct.pack("!ii", 8 + len(body), _PROTOCOL) + body


async def _first_error(line: _Line) -> ServerError | None:
    while True:
        kind, length = struct.unpack("!ci", await line.read_exactly(5))
        if not 4 <= length <= _LONGEST:
            raise ValueError("not a message")
        body = await line.read_exactly(length - 4)
        if kind == b"E":
            return error_of(body)
        if kind == b"Z" or (kind == b"R" and body[:4] != _AUTHENTICATED):
            line.write(_TERMINATE)
            return None


def error_of(body: bytes) -> ServerError:
    """The fields of an ErrorResponse's body."""
    fields = {part[:1]: part[1:].decode(errors="replace") for part in body.split(b"\x00") if part}
    return ServerError(fields.get(b"C", ""), fields.get(b"M", ""), fields.get(b"R", ""), fields.get(b"F", ""))
