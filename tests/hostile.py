"""A server that speaks PostgreSQL's protocol and answers what it is told to: nonsense too."""

import asyncio
import struct
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

Answer = bytes | None
"""Messages for one statement; None closes the connection."""


def message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def rows(
    columns: Sequence[tuple[bytes, int]], values: Sequence[Sequence[bytes | None]], binary: bool
) -> tuple[bytes, bytes]:
    """The description of the columns, and the rows with the end of the statement."""
    described = struct.pack("!h", len(columns)) + b"".join(
        name + b"\0" + struct.pack("!ihihih", 0, 0, oid, -1, -1, binary) for name, oid in columns
    )
    told = b"".join(
        message(b"D", struct.pack("!h", len(row)) + b"".join(
            struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value for value in row
        ))
        for row in values
    )  # fmt: skip
    return message(b"T", described), told + message(b"C", b"SELECT 1\0")


def error(sqlstate: bytes, text: bytes) -> bytes:
    return message(b"E", b"SERROR\0VERROR\0C" + sqlstate + b"\0M" + text + b"\0\0")


class Hostile:
    """Listens on a loopback port. `answer` gives the description and the rows of a statement by its text."""

    def __init__(self, answer: Callable[[bytes, bool], tuple[bytes, bytes] | None], version: bytes = b"18.4") -> None:
        self._answer = answer
        self._version = version
        self._writers: list[asyncio.StreamWriter] = []
        self.connections = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()

    def conninfo(self, dbname: str = "shop") -> str:
        plain = "sslmode=disable gssencmode=disable user=web connect_timeout=5"
        return f"host=127.0.0.1 port={self.port} dbname={dbname} {plain}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self.connections += 1
        try:
            await self._hear(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (length,) = struct.unpack("!i", await reader.readexactly(4))
        await reader.readexactly(length - 4)
        told = ((b"server_version", self._version), (b"client_encoding", b"SQL_ASCII"), (b"TimeZone", b"UTC"))
        greeting = message(b"R", struct.pack("!i", 0)) + message(b"K", struct.pack("!ii", 4242, 1))
        greeting += b"".join(message(b"S", name + b"\0" + value + b"\0") for name, value in told)
        writer.write(greeting + message(b"Z", b"I"))
        found: tuple[bytes, bytes] = (b"", b"")
        skips = False
        while True:
            kind = await reader.readexactly(1)
            (length,) = struct.unpack("!i", await reader.readexactly(4))
            body = await reader.readexactly(length - 4)
            if kind == b"X":
                return
            if kind in (b"P", b"Q"):
                statement = body.split(b"\0")[1 if kind == b"P" else 0]
                given = self._answer(statement, kind == b"P") if not skips else (b"", b"")
                if given is None:
                    return
                found = given
            if kind == b"S":
                skips = False
                writer.write(message(b"Z", b"I"))
            elif kind == b"Q":
                writer.write(b"".join(found) + message(b"Z", b"I"))
            elif not skips:
                reply = {b"P": message(b"1"), b"B": message(b"2"), b"D": found[0], b"E": found[1]}.get(kind, b"")
                writer.write(reply)
                skips = reply[:1] == b"E"
            await writer.drain()
