"""The admin consoles of a server's PgBouncers, asked at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pgheadroom.errors import UsageError
from pgheadroom.model.pool import PgBouncer

if TYPE_CHECKING:
    from pgheadroom.model.bouncer_command import BouncerCommand, CommandResult
    from pgheadroom.pgbouncer.console import Console


class Consoles:
    """One for each PgBouncer, in the order in which they were given; there may be none."""

    def __init__(self, conninfos: Sequence[str]) -> None:
        """Raises:
        UsageError: when a conninfo is not understood.
        """
        self._consoles = [_console(conninfo) for conninfo in conninfos]

    def __bool__(self) -> bool:
        return bool(self._consoles)

    def begin(self) -> list[asyncio.Task[None]]:
        """Ask all of them; each has at most one question in flight.

        Returns:
            What is in flight now. None of it raises.
        """
        begun = [console.begin() for console in self._consoles]
        return [question for question in begun if question is not None]

    async def settle(self, patience: float, ends: float) -> None:
        """Wait for what is in flight, see `Console.settle`."""
        await asyncio.gather(*(console.settle(patience, ends) for console in self._consoles))

    def latest(self) -> tuple[PgBouncer, ...]:
        """What was seen last of each."""
        return tuple(console.latest() for console in self._consoles)

    def hurry(self) -> None:
        """Ask for everything with the next question."""
        for console in self._consoles:
            console.hurry()

    async def command(self, bouncer: str, command: BouncerCommand) -> CommandResult:
        """Give a command to the PgBouncer of this name.

        Raises:
            UsageError: when there is none.
        """
        console = next((console for console in self._consoles if console.name == bouncer), None)
        if console is None:
            raise UsageError(f"there is no PgBouncer {bouncer}")
        return await console.run(command)

    async def close(self) -> None:
        """Give all connections back."""
        await asyncio.gather(*(console.close() for console in self._consoles))


def _console(conninfo: str) -> Console:
    from pgheadroom.pgbouncer.console import Console  # here: most servers have no PgBouncer, and do without

    return Console(conninfo)
