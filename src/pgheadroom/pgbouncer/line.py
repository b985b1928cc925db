"""The one connection to a PgBouncer's admin console: opened when needed, one question or command at a time."""

import asyncio
import os
import random
import time
from contextlib import suppress

import psycopg
from psycopg.pq import DiagnosticField, ExecStatus
from psycopg.pq.abc import PGconn, PGresult

from pgheadroom.access.knocking import JITTER, Knocking, after, pace
from pgheadroom.deadline import arrives
from pgheadroom.errors import NoConnection, PgHeadroomError
from pgheadroom.model import versions
from pgheadroom.model.bouncer import CONSOLE
from pgheadroom.model.refusal import Hindrance
from pgheadroom.pgbouncer.table import NOTHING, Table
from pgheadroom.postgres import libpq
from pgheadroom.postgres.door import Connection, connect, hang_up
from pgheadroom.postgres.exchange import MOST_ROWS
from pgheadroom.postgres.not_let_in import hindrance_of, no_connection
from pgheadroom.postgres.parameters import parameters, place
from pgheadroom.postgres.talk import Bound, Talk, receive, send

LEAST_PAUSE = 0.05
"""The least seconds between two attempts: a console's place is needed in a hurry less than a server's slot."""


class Refused(Exception):  # noqa: N818 - it is what happened, in the user's words
    """The console answered with an error, and the connection lives on."""


# What PG* variables hold of these is for PostgreSQL: PgBouncer would refuse the connection, or what libpq asks over it.
_FOR_A_CONSOLE = {"options": "", "target_session_attrs": "any"}
if libpq.version() >= versions.LIBPQ_PROTOCOL_VERSION_SINCE:
    _FOR_A_CONSOLE |= {"max_protocol_version": "3.0"}
# No parameter overrides these, and nothing of ours needs them.
_LIBPQ_ALWAYS_SENDS = ("PGDATESTYLE", "PGTZ", "PGGEQO")


class Line:
    """A connection that comes back by itself, with longer and longer pauses."""

    def __init__(self, conninfo: str, password: str | None) -> None:
        """Raises:
        UsageError: when the conninfo is not understood.
        """
        self._parameters = parameters(conninfo, password)
        self._parameters.setdefault("dbname", CONSOLE)
        self._parameters = _FOR_A_CONSOLE | self._parameters
        for name in _LIBPQ_ALWAYS_SENDS:
            os.environ.pop(name, None)
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
    results: list[PGresult] = []
    try:
        async with connection.lock:
            await connection.wait(_talk(connection.pgconn, question, results))
    except psycopg.Error as error:
        raise no_connection(error, where) from None
    return _table(results)


def _talk(pgconn: PGconn, question: bytes, results: list[PGresult]) -> Talk:
    pgconn.send_query(question)
    yield from send(pgconn)
    yield from receive(pgconn, results, Bound(), pipeline=False)


def _table(results: list[PGresult]) -> Table:
    """The last answer, its values as they came: what they are is read by the name of their column, not by the type that
    they are said to have.
    """
    if not results:
        return NOTHING
    result = results[-1]
    if result.status == ExecStatus.COMMAND_OK:
        return NOTHING
    if result.status != ExecStatus.TUPLES_OK:
        said = result.error_field(DiagnosticField.MESSAGE_PRIMARY) or result.error_message or b"no reason given"
        raise Refused(said.decode("utf-8", "backslashreplace").strip())
    if result.ntuples > MOST_ROWS:
        raise Refused(f"{result.ntuples} rows")
    fields = range(result.nfields)
    columns = tuple((result.fname(field) or b"").decode("utf-8", "backslashreplace") for field in fields)
    return Table(columns, [tuple(result.get_value(row, field) for field in fields) for row in range(result.ntuples)])


def server_version(connection: Connection) -> str:
    """For instance `1.18.0/bouncer`."""
    return (connection.pgconn.parameter_status(b"server_version") or b"").decode("ascii", "replace")
