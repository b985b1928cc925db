"""A channel that is a program: it gets each message as JSON on its standard input."""

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import cast

from pgheadroom.conninfo import HIDDEN, without_passwords
from pgheadroom.model.notification import Message
from pgheadroom.notify.outbox import NotSent
from pgheadroom.notify.wording import document
from pgheadroom.words.text import safe

DEADLINE = 30.0
"""Seconds for the program; then it is killed, with what it has started."""
_KEPT = 2000
_SHOWN = 200
_LAST_WORDS = 0.5
_SHORTEST_SECRET = 4


class Program:
    """Runs it once for each message, without a shell.

    Attributes:
        name: Of the channel.
    """

    def __init__(self, name: str, command: Sequence[str], deadline: float = DEADLINE) -> None:
        self.name = name
        self._command = tuple(command)
        self._deadline = deadline

    async def send(self, message: Message) -> None:
        """As `Way.send`."""
        loop = asyncio.get_running_loop()
        try:
            transport, protocol = await loop.subprocess_exec(
                _Listening, *self._command, stderr=asyncio.subprocess.STDOUT, start_new_session=True
            )
        except (OSError, ValueError) as error:
            raise NotSent(
                f"the program does not start: {getattr(error, 'strerror', '') or 'wrong arguments'}"
            ) from None
        try:
            await self._speak(transport, protocol, document(message).encode())
        finally:
            if transport.get_returncode() is None:
                # The group, not only its leader: a script's children would go on without it.
                with suppress(ProcessLookupError):
                    os.killpg(transport.get_pid(), signal.SIGKILL)
            transport.close()

    async def _speak(self, transport: asyncio.SubprocessTransport, program: "_Listening", data: bytes) -> None:
        stdin = cast(asyncio.WriteTransport, transport.get_pipe_transport(0))
        stdin.write(data)
        stdin.write_eof()
        await asyncio.wait({program.ended}, timeout=self._deadline)
        code = transport.get_returncode()
        if code is None:
            raise NotSent(f"the program did not end within {self._deadline:g} s")
        if code:
            await asyncio.wait({program.silent}, timeout=_LAST_WORDS)
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            raise NotSent(f"the program ended with {how}{self._said(program.said)}")

    def _said(self, output: bytes) -> str:
        """The first line of what it said, without its own arguments: one may be a token."""
        first = next((line for line in output.decode(errors="replace").splitlines() if line.strip()), "")
        pieces = {piece for one in self._command[1:] for piece in (one, one.partition("=")[2])}
        for piece in sorted(pieces, key=len, reverse=True):
            if len(piece) >= _SHORTEST_SECRET:
                first = first.replace(piece, HIDDEN)
        told = safe(without_passwords(first.strip()))[:_SHOWN]
        return f": {told}" if told else ""


class _Listening(asyncio.SubprocessProtocol):
    """Keeps the beginning of what a program says, and lets it say the rest."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.said = b""
        self.ended: asyncio.Future[None] = loop.create_future()
        self.silent: asyncio.Future[None] = loop.create_future()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.said += data[: max(0, _KEPT - len(self.said))]

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == 1 and not self.silent.done():
            self.silent.set_result(None)

    def process_exited(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)
