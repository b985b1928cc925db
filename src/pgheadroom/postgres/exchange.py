"""Several questions in one network round trip.

psycopg's own pipeline waits at each statement and loses the reason when the server ends the connection, so the
exchange is made with libpq's functions, which psycopg exposes.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakSet

import psycopg
from psycopg.adapt import Transformer
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus, Format
from psycopg.pq.abc import PGconn, PGresult
from psycopg.waiting import Ready, Wait

from pgheadroom.errors import NoConnection, PgHeadroomError
from pgheadroom.postgres.door import LOCK_TIMEOUT, STATEMENT_TIMEOUT, Connection
from pgheadroom.postgres.queries import query
from pgheadroom.postgres.refusal import refusal

INSUFFICIENT_PRIVILEGE = "42501"
LOCK_NOT_AVAILABLE = "55P03"
_GONE = {
    "57P01": "our session was terminated by an administrator, or the server shuts down",
    "57P02": "the server is restarting after the crash of another session",
    "57P03": "the server does not accept connections now",
    "57P05": "our session was ended for being idle",
    "25P03": "our session was ended for being idle in transaction",
    "25P04": "our session was ended for a long transaction",
}
"""SQLSTATEs that end a session. Source: appendix A of the manual."""

Row = tuple[Any, ...]


class NoSample(PgHeadroomError):  # noqa: N818 - it is what happened
    """The server answered, but not with what was asked; the connection is still good."""


@dataclass(frozen=True, slots=True)
class Question:
    """A statement, and the part of the sample that it is for. Its values are written `$1`, each with a cast."""

    part: str
    sql: bytes
    values: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Why a question has no answer.

    Attributes:
        sqlstate: Empty when it was not reached because an earlier question failed.
    """

    reason: str
    sqlstate: str = ""

    @property
    def forbidden(self) -> bool:
        return self.sqlstate == INSUFFICIENT_PRIVILEGE


Answer = list[Row] | Unanswered


@dataclass(frozen=True, slots=True)
class Transaction:
    """Questions that are answered in one transaction.

    They read the same frozen view of the sessions. When one fails, those before it keep their answers and those after
    it have none: ask for what matters most first.

    Attributes:
        lock_timeout: How long one of them may wait for a lock, as PostgreSQL writes it.
    """

    questions: Sequence[Question]
    lock_timeout: str = LOCK_TIMEOUT


async def ask_together(connection: Connection, questions: Sequence[Question]) -> list[Answer]:
    """Ask in one round trip and one transaction.

    Raises:
        NoConnection: when the connection is lost, or was.
    """
    return (await ask(connection, [Transaction(questions)]))[0]


async def ask_apart(connection: Connection, questions: Sequence[Question]) -> list[Answer]:
    """Ask in one round trip, each in a transaction of its own: what fails leaves the others alone.

    Raises:
        NoConnection: when the connection is lost, or was.
    """
    return [answers[0] for answers in await ask(connection, [Transaction((question,)) for question in questions])]


async def ask(connection: Connection, transactions: Sequence[Transaction]) -> list[list[Answer]]:
    """Send all questions, then read all answers: libpq's pipeline, binary results, one round trip.

    Each transaction begins with `pin.sql`, so that nothing in it depends on a search_path that others have set.

    Raises:
        NoConnection: when the connection is lost, or was.
    """
    pinned = connection not in _UNPINNED
    results = await _results(connection, transactions, pinned)
    if pinned and any(_refused(of_one[0]).forbidden for of_one in results if of_one):
        # Every text names what it means in full, so that it means the same without.
        _UNPINNED.add(connection)
        pinned, results = False, await _results(connection, transactions, False)
    answers = [_answers(connection, of_one)[pinned:] for of_one in results]
    return [
        [*told, *[_NOT_TOLD] * (len(transaction.questions) - len(told))]
        for transaction, told in zip(transactions, answers, strict=True)
    ]


_UNPINNED: WeakSet[Connection] = WeakSet()
"""Connections whose role may not call set_config."""
_NOT_TOLD = Unanswered("the server did not answer")


async def _results(connection: Connection, transactions: Sequence[Transaction], pinned: bool) -> list[list[PGresult]]:
    results: list[list[PGresult]] = [[] for _ in transactions]
    try:
        async with connection.lock:
            await connection.wait(_exchange(connection.pgconn, transactions, results, pinned))
    except psycopg.Error as error:
        raise lost(str(error), [result for of_one in results for result in of_one]) from None
    return results


def _exchange(
    pgconn: PGconn, transactions: Sequence[Transaction], results: Sequence[list[PGresult]], pinned: bool
) -> "Talk":
    """Talk to libpq until everything is read; says each time what it waits for."""
    pgconn.enter_pipeline_mode()
    for transaction in transactions:
        for question in (*([_pin(pgconn, transaction)] if pinned else []), *transaction.questions):
            values = [None if value is None else str(value).encode() for value in question.values]
            pgconn.send_query_params(question.sql, values, result_format=Format.BINARY)
        # The end of the implicit transaction.
        pgconn.pipeline_sync()
    yield from _send(pgconn)
    for of_one in results:
        yield from _receive(pgconn, of_one)
    pgconn.exit_pipeline_mode()


def _pin(pgconn: PGconn, transaction: Transaction) -> Question:
    return Question("pin", query("pin", pgconn.server_version), (STATEMENT_TIMEOUT, transaction.lock_timeout))


Talk = Generator[Wait, Ready | int, None]


def _send(pgconn: PGconn) -> Talk:
    while pgconn.flush():
        ready = yield Wait.RW
        if ready & Ready.R:
            pgconn.consume_input()


def _receive(pgconn: PGconn, results: list[PGresult]) -> Talk:
    """Read until the end of a transaction; None separates the results of two statements."""
    while True:
        while pgconn.is_busy():
            ready = yield Wait.R
            if ready:
                pgconn.consume_input()
        result = pgconn.get_result()
        if result is not None and result.status == ExecStatus.PIPELINE_SYNC:
            return
        if result is not None and result.status in _COPIES:
            # Nobody asked for one, and libpq would hand out the same result for ever.
            raise psycopg.OperationalError("the server does not keep to the protocol")
        if result is not None:
            results.append(result)
        elif pgconn.status == ConnStatus.BAD:
            raise psycopg.OperationalError(pgconn.error_message.decode("utf-8", "replace"))


_COPIES = (ExecStatus.COPY_IN, ExecStatus.COPY_OUT, ExecStatus.COPY_BOTH)


def _answers(connection: Connection, results: Sequence[PGresult]) -> list[Answer]:
    transformer = Transformer(connection)
    answers: list[Answer] = []
    reason = ""
    for result in results:
        if result.status == ExecStatus.TUPLES_OK:
            transformer.set_pgresult(result)
            answers.append(transformer.load_rows(0, result.ntuples, tuple))
        elif result.status == ExecStatus.PIPELINE_ABORTED:
            # The server skips the rest of the transaction after an error.
            answers.append(Unanswered(f"not reached: {reason}"))
        else:
            answers.append(_refused(result))
            reason = _field(result, DiagnosticField.MESSAGE_PRIMARY)
    return answers


def _refused(result: PGresult) -> Unanswered:
    said = _field(result, DiagnosticField.MESSAGE_PRIMARY) or "no reason given"
    return Unanswered(said.strip().partition("\n")[0], _field(result, DiagnosticField.SQLSTATE))


def _field(result: PGresult, field: DiagnosticField) -> str:
    return (result.error_field(field) or b"").decode("utf-8", "replace")


def lost(said: str, results: Sequence[PGresult] = ()) -> NoConnection:
    """The end of an established connection, in the user's words."""
    states = [_field(result, DiagnosticField.SQLSTATE) for result in results if result.status == ExecStatus.FATAL_ERROR]
    for state in states:
        if state in _GONE:
            return NoConnection(_GONE[state])
    return NoConnection(f"the connection was lost: {refusal(said).message}")
