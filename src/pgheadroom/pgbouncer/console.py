"""PgBouncer's admin console: one connection, kept open, because each takes one of `max_client_conn`."""

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import psycopg
from psycopg import AsyncClientCursor
from psycopg.rows import dict_row

from pgheadroom.deadline import arrives
from pgheadroom.errors import NoConnection, PgHeadroomError
from pgheadroom.model.bouncer import ServerConnection
from pgheadroom.model.pool import PgBouncer
from pgheadroom.pgbouncer.parsing import (
    CONSOLE,
    NEEDED,
    Record,
    Sizes,
    missing_columns,
    read_pools,
    read_servers,
    read_sizes,
)
from pgheadroom.postgres.door import Connection, connect, in_time, no_connection, parameters, patience, place

RARELY = 30.0
"""Seconds after which pool sizes are read again."""
ROWS_A_SECOND = 100
"""Server connections are listed the more rarely the more there are: on average so many rows a second."""
ANSWER_WITHIN = 10.0
"""Seconds after which a console that does not answer is given up; it has no statement_timeout."""
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 5.0
_SIGN = "/bouncer"
"""The end of PgBouncer's `server_version`."""


class Console:
    """One PgBouncer's console. At most one connection, and one question at a time; it never raises for trouble."""

    def __init__(self, conninfo: str, *, password: str | None = None, name: str = "") -> None:
        """Args:
            conninfo: The database is `pgbouncer` if it names none.
            name: How the user calls it; by default where it is.

        Raises:
            UsageError: when the conninfo is not understood.
        """
        self._parameters = parameters(conninfo, password)
        self._parameters.setdefault("dbname", CONSOLE)
        # What PGOPTIONS holds is for PostgreSQL; PgBouncer would refuse the connection for it.
        self._parameters.setdefault("options", "")
        self._place = place(self._parameters)
        self._patience = patience(self._parameters)
        self.name = name or self._place
        self._connection: Connection | None = None
        self._question: asyncio.Task[None] | None = None
        self._asked_at = 0.0
        self._seen = PgBouncer(self.name, age=None)
        self._seen_at: float | None = None
        self._trouble = ""
        self._pause = FIRST_PAUSE
        self._not_before = 0.0
        self._sizes = Sizes()
        self._sizes_at: float | None = None
        self._servers: tuple[ServerConnection, ...] = ()
        self._servers_due = 0.0

    async def sample(self, patience: float = 2.0) -> PgBouncer:
        """Ask, wait up to `patience` seconds, and say what is known then."""
        question = self.begin()
        if question is not None:
            await arrives(question, patience)
        return self.latest()

    def begin(self) -> asyncio.Task[None] | None:
        """Ask, unless a question is already in flight or it is too early to connect again.

        Returns:
            What is in flight now. It never raises.
        """
        if self._question is not None and not self._question.done():
            return self._question
        if self._connection is None and time.monotonic() < self._not_before:
            return None
        self._asked_at = time.monotonic()
        self._question = asyncio.create_task(self._refresh())
        return self._question

    def latest(self) -> PgBouncer:
        """What was seen last, with its age, and why it is not fresh."""
        age = None if self._seen_at is None else time.monotonic() - self._seen_at
        if self._question is not None and not self._question.done():
            waited = time.monotonic() - self._asked_at
            return replace(self._seen, trouble=self._trouble or f"no answer for {waited:.1f} s", age=age)
        if self._trouble:
            return replace(self._seen, trouble=self._trouble, age=age)
        return self._seen

    async def close(self) -> None:
        """Give the connection back."""
        if self._question is not None and not self._question.done():
            self._question.cancel()
            await arrives(self._question, 1.0)
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _refresh(self) -> None:
        try:
            if self._connection is None:
                self._connection = await connect(self._parameters, self._place, self._patience)
                self._sizes_at = None
            await self._see(self._connection)
        except PgHeadroomError as trouble:
            self._trouble = str(trouble)
            await self._drop()
        else:
            self._trouble = ""
            self._pause = FIRST_PAUSE

    async def _see(self, connection: Connection) -> None:
        try:
            self._seen = await in_time(connection, self._read(connection), ANSWER_WITHIN)
            self._seen_at = time.monotonic()
        except psycopg.Error as error:
            raise no_connection(error, self._place) from None

    async def _drop(self) -> None:
        """Close what is broken, and wait a little longer each time before the next attempt."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                await connection.close()
        self._not_before = time.monotonic() + self._pause * random.uniform(0.8, 1.2)  # noqa: S311 - not a secret
        self._pause = min(LONGEST_PAUSE, 2 * self._pause)

    async def _read(self, connection: Connection) -> PgBouncer:
        version = (connection.pgconn.parameter_status(b"server_version") or b"").decode("ascii", "replace")
        if self._sizes_at is None or time.monotonic() - self._sizes_at >= RARELY:
            self._sizes = await _sizes(connection)
            self._sizes_at = time.monotonic()
        try:
            rows, names = await _show(connection, b"SHOW POOLS")
        except psycopg.Error:
            if connection.closed or version.endswith(_SIGN):
                raise
            raise NoConnection(f"{self._place}: {_not_quite(version, NEEDED)}") from None
        if time.monotonic() >= self._servers_due:
            self._servers = read_servers(await _show_if_known(connection, b"SHOW SERVERS"))
            self._servers_due = time.monotonic() + len(self._servers) / ROWS_A_SECOND
        pools, version, trouble = read_pools(rows, self._sizes), version.removesuffix(_SIGN), _not_quite(version, names)
        return PgBouncer(self.name, version, pools, trouble, servers=self._servers)


async def _sizes(connection: Connection) -> Sizes:
    databases = await _show_if_known(connection, b"SHOW DATABASES")
    return read_sizes(databases, await _show_if_known(connection, b"SHOW CONFIG"))


async def _show_if_known(connection: Connection, question: bytes) -> list[Record]:
    """No rows where the console does not know the question, as look-alikes."""
    try:
        return (await _show(connection, question))[0]
    except psycopg.Error:
        if connection.closed:
            raise
        return []


async def _show(connection: Connection, question: bytes) -> tuple[list[Record], list[str]]:
    """One question in the simple protocol; the console knows no other (08P01, and it hangs up)."""
    async with AsyncClientCursor(connection, row_factory=dict_row) as cursor:
        await cursor.execute(question)
        rows: list[Record] = list(await cursor.fetchall())
        return rows, [column.name for column in cursor.description or ()]


def _not_quite(version: str, names: Sequence[str]) -> str:
    """Why what answers is not, or not quite, a PgBouncer."""
    missing = missing_columns(names)
    if not version.endswith(_SIGN):
        return f"this is not a PgBouncer (it calls itself {version or 'nothing'})"
    return f"SHOW POOLS has no {', '.join(missing)}" if missing else ""
