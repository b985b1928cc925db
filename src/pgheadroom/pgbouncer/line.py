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
from pgheadroom.errors import NoConnection, PgHeadroomError
from pgheadroom.model.bouncer import CONSOLE
from pgheadroom.model.refusal import Hindrance
from pgheadroom.pgbouncer.table import Table
from pgheadroom.postgres.door import Connection, connect, hang_up, hindrance_of, no_connection, parameters, place
from pgheadroom.rules.knocking import JITTER, Knocking, after, pace

LEAST_PAUSE = 0.05
"""The least seconds between two attempts: a console's place is needed in a hurry less than a server's slot."""


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
        self._knocking = Knocking()
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
        self._knocking = Knocking()

    async def drop(self, trouble: PgHeadroomError, at_least: float = 0.0) -> float:
        """Close what is broken.

        Returns:
            Seconds until the next attempt may be made.
        """
        await self.close()
        now = time.monotonic()
        hindrance = hindrance_of(trouble) if isinstance(trouble, NoConnection) else Hindrance.LOGIN
        self._knocking = after(self._knocking, hindrance, now)
        pause = pace(self._knocking, now, doors=2).pause * random.uniform(*JITTER)  # noqa: S311 - not a secret
        self._not_before = now + max(at_least, LEAST_PAUSE, pause)
        return self._not_before - now

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
