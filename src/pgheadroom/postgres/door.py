"""Opening a connection that stays polite: recognisable, impatient, and harmless to the server."""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import psycopg
from psycopg import AsyncConnection
from psycopg.errors import Diagnostic
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult

from pgheadroom.access.knocking import ONCE, Pace
from pgheadroom.deadline import Answer, arrives
from pgheadroom.errors import NoConnection, PgHeadroomError
from pgheadroom.model import versions
from pgheadroom.model.refusal import Hindrance
from pgheadroom.postgres.attempt import Attempt
from pgheadroom.postgres.connecting import Attempt as AnyAttempt
from pgheadroom.postgres.connecting import connected
from pgheadroom.postgres.not_let_in import NotLetIn, no_connection
from pgheadroom.postgres.own_session import session_settings, startup_options
from pgheadroom.postgres.parameters import parameters, patience, place, timeout
from pgheadroom.postgres.queries import query
from pgheadroom.postgres.refusal import Said
from pgheadroom.postgres.talk import Bound, Talk, receive, send

# psycopg warns on stderr where no handler is set, and there is our screen.
logging.getLogger("psycopg").addHandler(logging.NullHandler())


class Connection(AsyncConnection[tuple[Any, ...]]):
    """One of ours.

    Attributes:
        farewell: Why the server ends all sessions at once, in the user's words; empty before it has said so.
    """

    def __init__(self, pgconn: PGconn) -> None:
        super().__init__(pgconn)
        self.farewell = ""
        self.add_notice_handler(self._hear)

    def _hear(self, said: Diagnostic) -> None:
        self.farewell = farewell(said.sqlstate, self.info.server_version) or self.farewell


def farewell(sqlstate: str | None, version_num: int) -> str:
    """Why the server ends all sessions, by the SQLSTATE of a warning: the end of one session alone is an error.

    Source: `quickdie` in src/backend/tcop/postgres.c.
    """
    if sqlstate == "57P01":
        return "the server shuts down at once, without waiting for any session"
    if sqlstate != "57P02":
        return ""
    if version_num < versions.IMMEDIATE_SHUTDOWN_IS_TOLD_SINCE:
        return "an immediate shutdown, or the crash of another session"
    return "the server is restarting after the crash of another session"


Connecting = Callable[[Mapping[str, Any], str, float, str], Coroutine[Any, Any, Connection]]
"""From libpq's parameters, the name of the place, seconds, and the `options` of our own to a connection."""


class Settling(NamedTuple):
    """What makes a session ours: the first statement over it, in a transaction of its own.

    It sets what only this version knows, and all again. Where it finds itself behind a pooler it sets nothing: there
    the session belongs to whoever comes next, and our timeouts would hit applications. A pooler is recognised by the
    backend's pid: the one it told us is not the one that answers. Who may not call set_config gets in all the same, and
    hears of it.
    """

    statement: bytes
    values: list[bytes]


First = Callable[[Connection, Settling | None], Coroutine[Any, Any, object]]
"""What is asked first, and with it the settling; without one behind a pooler that has refused our `options`."""


async def open_door(
    conninfo: str = "",
    *,
    password: str | None = None,
    read_only: bool = False,
    deadline: float | None = None,
    patient: int = 1,
    connecting: Connecting | None = None,
    first: First | None = None,
    first_within: float = 1.0,
) -> Connection:
    """Connect, and make the session ours.

    libpq reads `PG*` variables, `service=` and the password file. The encoding of the client is SQL_ASCII: text comes
    as the server's raw bytes (see `text`).

    Args:
        conninfo: psql's: a connection string or a URI.
        password: Given by the user at a prompt.
        deadline: Seconds for everything; by default what `connect_timeout` allows, and a little.
        patient: How many times its `connect_timeout` it may take.
        connecting: By default `connect`.
        first: By default the settling alone. It raises psycopg's errors where it was given one.
        first_within: Seconds that it has at the least.

    Raises:
        NoConnection: with one line that says why.
        UsageError: when the conninfo is not understood.
    """
    first = first or _settle
    given = parameters(conninfo, password)
    given["connect_timeout"] = patient * timeout(given)
    ends = asyncio.get_running_loop().time() + (patience(given) if deadline is None else deadline)
    try:
        return await _opened(given, read_only, ends, connecting or connect, first, first_within)
    except _ThrownOut as thrown_out:
        with suppress(NoConnection):
            return await _opened(given, read_only, ends, connect, first, first_within, thrown_out.version_num)
        raise thrown_out.refused from None


class _ThrownOut(Exception):  # noqa: N818 - nobody sees it
    """The session, or its first statement, ended before it was ours: by a timeout that our role or database has.

    Ours go into the startup packet then. The version is known by now: a server refuses a timeout that it does not know.
    """

    def __init__(self, refused: NotLetIn, version_num: int) -> None:
        super().__init__(str(refused))
        self.refused = refused
        self.version_num = version_num


async def _opened(
    given: Mapping[str, Any],
    read_only: bool,
    ends: float,
    connecting: Connecting,
    first: First,
    first_within: float,
    version_num: int = 0,
) -> Connection:
    clock, where = asyncio.get_running_loop().time, place(given)
    options = startup_options(session_settings(version_num, read_only=read_only))
    connection = await connecting(given, where, ends - clock(), options)
    # A pooler has refused them: nothing is set in the sessions that it hands on to others.
    pooled = options.encode() not in connection.pgconn.options
    server_version = connection.info.server_version
    settling = None if pooled else _settling(connection, read_only)
    try:
        await in_time(connection, first(connection, settling), max(first_within, ends - clock()))
    except PgHeadroomError:
        await connection.close()
        raise
    except psycopg.Error as error:
        thrown_out = connection.broken or isinstance(error, psycopg.errors.QueryCanceled)
        refused = no_connection(error, where)
        await connection.close()
        if thrown_out and not version_num:
            raise _ThrownOut(refused, server_version) from None
        raise refused from None
    return connection


async def connect(
    given: Mapping[str, Any], where: str, deadline: float, ours: str = "", pace: Pace = ONCE
) -> Connection:
    """Connect with these parameters within `deadline` seconds, in autocommit, without prepared statements.

    Args:
        ours: As of `Attempt`.

    Raises:
        NoConnection: with one line that says why.
    """
    return await let_in(Attempt(given, pace=pace, ours=ours), where, deadline)


async def let_in(attempt: AnyAttempt, where: str, deadline: float) -> Connection:
    """The connection that an attempt makes within `deadline` seconds. Errors as of `connect`."""
    try:
        pgconn = await connected(attempt, deadline)
    except TimeoutError:
        silence = f"{where}: no answer in {deadline:.0f} s"
        raise NotLetIn(Said(silence, hindrance=Hindrance.SILENCE), None) from None
    except psycopg.Error as error:
        raise no_connection(error, where) from None
    pgconn.nonblocking = 1
    connection = Connection(pgconn)
    await connection.set_autocommit(True)
    connection.prepare_threshold = None
    return connection


def _settling(connection: Connection, read_only: bool) -> Settling:
    version_num = connection.info.server_version
    settings = session_settings(version_num, read_only=read_only)
    values = [_array(settings), _array(settings.values()), str(connection.info.backend_pid).encode()]
    return Settling(query("session_settings", version_num), values)


async def _settle(connection: Connection, settling: Settling | None) -> None:
    if settling is not None:
        results: list[PGresult] = []
        async with connection.lock:
            await connection.wait(_answered(connection.pgconn, settling, results))
        check_settled(results)


def check_settled(results: Iterable[PGresult]) -> None:
    """Raises:
    psycopg.Error: It was refused, and not for lack of the right to it.
    """
    with suppress(psycopg.errors.InsufficientPrivilege):
        for result in results:
            if result.status == ExecStatus.FATAL_ERROR:
                raise psycopg.errors.error_from_result(result)


def _answered(pgconn: PGconn, settling: Settling, results: list[PGresult]) -> Talk:
    """As psycopg's own `execute`, but an answer without an end is given up."""
    pgconn.send_query_params(settling.statement, settling.values)
    yield from send(pgconn)
    yield from receive(pgconn, results, Bound(), pipeline=False)


def _array(texts: Iterable[str]) -> bytes:
    """A text[] as PostgreSQL writes it; none of ours has a quote or a backslash."""
    return ("{" + ",".join(f'"{text}"' for text in texts) + "}").encode()


async def in_time(connection: Connection, question: Coroutine[Any, Any, Answer], seconds: float) -> Answer:
    """The answer to a question over this connection; without one in time the connection is given up.

    Raises:
        NoConnection: when there was none.
    """
    task = asyncio.create_task(question)
    try:
        if await arrives(task, seconds):
            return task.result()
    except asyncio.CancelledError:
        await hang_up(connection, task)
        raise
    await hang_up(connection, task)
    raise NoConnection(f"connected, but no answer for {seconds:.0f} s")


async def hang_up(connection: Connection, in_flight: asyncio.Task[Any] | None = None) -> None:
    """End a connection that does not answer, at once, and with it the question that is in flight.

    The socket is shut down before it is closed, so that the question ends by itself with an error: to close a
    descriptor that the event loop still watches would hand its number to the next connection.
    """
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.pgconn.socket)) as line:
        line.shutdown(socket.SHUT_RDWR)
    if in_flight is not None and not await arrives(in_flight, 2.0):
        in_flight.cancel()
    if in_flight is not None and in_flight.done() and not in_flight.cancelled():
        in_flight.exception()
    connection.pgconn.finish()
