"""The one connection to a PgBouncer's admin console: opened when needed, one question or command at a time."""

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import AsyncClientCursor

from pgheadroom.deadline import arrives
from pgheadroom.model.bouncer import CONSOLE
from pgheadroom.pgbouncer.table import Table
from pgheadroom.postgres.door import Connection, connect, hang_up, no_connection, parameters, place

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 5.0
"""Seconds between attempts to connect again, doubling."""


class Refused(Exception):  # noqa: N818 - it is what happened, in the user's words
    """The console answered with an error, and the connection lives on."""


class Line:
    """A connection that comes back by itself, with longer and longer pauses."""

    def __init__(self, conninfo: str, password: str | None) -> None:
        """Raises:
        UsageError: when the conninfo is not understood.
        """
        self._parameters = parameters(conninfo, password)
        self._parameters.setdefault("dbname", CONSOLE)
        # What PGOPTIONS holds is for PostgreSQL; PgBouncer would refuse the connection for it.
        self._parameters.setdefault("options", "")
        self.place = place(self._parameters)
        self.connection: Connection | None = None
        self._pause = FIRST_PAUSE
        self._not_before = 0.0

    @property
    def may_ask(self) -> bool:
        """Whether it is connected, or may try to connect again."""
        return self.connection is not None or time.monotonic() >= self._not_before

    async def connected(self) -> tuple[Connection, bool]:
        """The connection, and whether it is a new one.

        Raises:
            NoConnection: with one line that says why.
        """
        if self.connection is not None:
            return self.connection, False
        patience = 2.0 * float(self._parameters["connect_timeout"]) + 1.0
        self.connection = await connect(self._parameters, self.place, patience)
        return self.connection, True

    def well(self) -> None:
        """It answered: the next attempt to connect need not wait long."""
        self._pause = FIRST_PAUSE

    async def drop(self, at_least: float = 0.0) -> None:
        """Close what is broken, and wait a little longer each time before the next attempt."""
        await self.close()
        pause = max(at_least, self._pause * random.uniform(0.8, 1.2))  # noqa: S311 - not a secret
        self._not_before = time.monotonic() + pause
        self._pause = min(LONGEST_PAUSE, 2 * self._pause)

    async def close(self) -> None:
        """Give the connection back."""
        connection, self.connection = self.connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                await connection.close()

    async def give(self, connection: Connection, words: str, patience: float) -> bool:
        """Send a command. Whether it was answered; if not, the connection is given up, because it is taken.

        Raises:
            Refused: with what the console says.
            NoConnection: when the connection is lost.
        """
        task = asyncio.create_task(ask(connection, words.encode(), self.place))
        try:
            if await arrives(task, patience):
                task.result()
                return True
        except asyncio.CancelledError:
            await self._give_up(connection, task)
            raise
        await self._give_up(connection, task)
        return False

    async def _give_up(self, connection: Connection, task: asyncio.Task[Table]) -> None:
        self.connection = None
        await hang_up(connection, task)


async def ask(connection: Connection, question: bytes, where: str) -> Table:
    """One question in the simple protocol; the console knows no other (08P01, and it hangs up).

    Raises:
        Refused: with what the console says.
        NoConnection: when the connection is lost.
    """
    try:
        async with AsyncClientCursor(connection) as cursor:
            await cursor.execute(question)
            columns = tuple(column.name for column in cursor.description or ())
            return Table(columns, await _rows(cursor) if columns else ())
    except psycopg.Error as error:
        if connection.closed:
            raise no_connection(error, where) from None
        raise Refused(error.diag.message_primary or str(error).strip()) from None


async def _rows(cursor: AsyncClientCursor[tuple[Any, ...]]) -> Sequence[tuple[object, ...]]:
    try:
        return await cursor.fetchall()
    except UnicodeDecodeError:
        # We asked for bytes as they are (SQL_ASCII), and were promised UTF-8 by who does not keep the promise.
        result = cursor.pgresult
        if result is None:
            return ()
        fields = range(result.nfields)
        return [tuple(result.get_value(row, field) for field in fields) for row in range(result.ntuples)]


def server_version(connection: Connection) -> str:
    """For instance `1.18.0/bouncer`."""
    return (connection.pgconn.parameter_status(b"server_version") or b"").decode("ascii", "replace")
