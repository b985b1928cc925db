"""Several questions in one network round trip.

psycopg's own pipeline waits at each statement and loses the reason when the server ends the connection, so the
exchange is made with libpq's functions, which psycopg exposes.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakSet

import psycopg
from psycopg import adapters  # ahead of what is inside of it, see two_parts
from psycopg.adapt import AdaptersMap, Transformer
from psycopg.pq import DiagnosticField, ExecStatus, Format
from psycopg.pq.abc import PGconn, PGresult
from psycopg.types.string import ByteaBinaryLoader

from pgheadroom.errors import NoConnection, PgHeadroomError
from pgheadroom.postgres.door import Connection, Settling, check_settled
from pgheadroom.postgres.own_session import LOCK_TIMEOUT, STATEMENT_TIMEOUT
from pgheadroom.postgres.queries import query
from pgheadroom.postgres.refusal import refusal
from pgheadroom.postgres.talk import Bound, Talk, hear_out, receive, send

INSUFFICIENT_PRIVILEGE = "42501"
LOCK_NOT_AVAILABLE = "55P03"
READ_ONLY_TRANSACTION = "25006"
MOST_ROWS = 200_000
"""More than any server has sessions, or waits for locks."""
_UNREADABLE = "cannot be read"
_GONE = {
    "57P01": "our session was terminated by an administrator or a shutdown",
    "57P03": "the server does not accept connections now",
    "57P05": "our session was ended for being idle",
    "25P03": "our session was ended for being idle in transaction",
    "25P04": "our session was ended for a long transaction",
}
"""SQLSTATEs that end a session. Source: appendix A of the manual."""
_POSTMASTER_GONE = "the server's postmaster is gone: it was killed or has crashed"
_NOTICES_POSTMASTER_GONE = ("secure_read", "secure_write")
"""Functions of PostgreSQL in which a session sees that its postmaster has ended; its SQLSTATE is that of a termination.
Source: src/backend/libpq/be-secure.c."""
_NOTICED_IN_READING = "consuming input failed: "
"""What psycopg puts before libpq's words."""

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
        sqlstate: Empty when it was not reached because an earlier question failed, or when it was not understood.
        reached: False when the question was not asked, because an earlier one failed.
    """

    reason: str
    sqlstate: str = ""
    reached: bool = True

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
        alone: Its one question is a statement that stands before and behind no other: nothing is pinned for it.
    """

    questions: Sequence[Question]
    lock_timeout: str = LOCK_TIMEOUT
    alone: bool = False


async def ask_together(connection: Connection, questions: Sequence[Question]) -> list[Answer]:
    """Ask in one round trip and one transaction.

    Raises:
        NoConnection: when the connection is lost, or was.
    """
    return (await ask(connection, [Transaction(questions)]))[0]


async def ask(
    connection: Connection, transactions: Sequence[Transaction], settling: Settling | None = None
) -> list[list[Answer]]:
    """Send all questions, then read all answers: libpq's pipeline, binary results, one round trip.

    Each transaction begins with `pin.sql`, so that nothing in it depends on a search_path that others have set.

    Args:
        settling: Of a new session, ahead of them.

    Raises:
        NoConnection: when the connection is lost, or was.
        psycopg.Error: The same with `settling`, or that was refused.
    """
    pinned = is_pinned(connection)
    results = await _results(connection, transactions, pinned, settling)
    may_tell = [of_one for one, of_one in zip(transactions, results, strict=True) if of_one and not one.alone]
    if pinned and any(_refused(of_one[0]).forbidden for of_one in may_tell):
        # Every text names what it means in full, so that it means the same without.
        _UNPINNED.add(connection)
        pinned, results = False, await _results(connection, transactions, False)
    asked = [_questions(transaction, pinned) for transaction in transactions]
    answers = [_answers(questions, told) for questions, told in zip(asked, results, strict=True)]
    return [told[pinned and not one.alone :] for one, told in zip(transactions, answers, strict=True)]


def is_pinned(connection: Connection) -> bool:
    """Whether our transactions begin with our search_path and our timeouts."""
    return connection not in _UNPINNED


_UNPINNED: WeakSet[Connection] = WeakSet()
"""Connections whose role may not call set_config."""


async def _results(
    connection: Connection, transactions: Sequence[Transaction], pinned: bool, settling: Settling | None = None
) -> list[list[PGresult]]:
    results: list[list[PGresult]] = [[] for _ in transactions]
    settled: list[PGresult] = []
    told = results if settling is None else [settled, *results]
    try:
        async with connection.lock:
            await connection.wait(_exchange(connection.pgconn, transactions, told, pinned, settling))
        check_settled(settled)
    except psycopg.Error as error:
        if settling is not None:
            raise
        raise lost(connection.farewell, str(error), [result for of_one in results for result in of_one]) from None
    return results


def _exchange(
    pgconn: PGconn,
    transactions: Sequence[Transaction],
    results: Sequence[list[PGresult]],
    pinned: bool,
    settling: Settling | None,
) -> Talk:
    """Talk to libpq until everything is read; says each time what it waits for."""
    pgconn.enter_pipeline_mode()
    try:
        _put(pgconn, transactions, pinned, settling)
        yield from send(pgconn)
    except psycopg.Error:
        hear_out(pgconn, results[0])
        raise
    bound = Bound()
    for of_one in results:
        yield from receive(pgconn, of_one, bound)
    pgconn.exit_pipeline_mode()


def _put(pgconn: PGconn, transactions: Sequence[Transaction], pinned: bool, settling: Settling | None) -> None:
    """Queue all questions; some are sent on the way."""
    if settling is not None:
        pgconn.send_query_params(settling.statement, settling.values)
        pgconn.pipeline_sync()  # what it sets stays, whatever becomes of the questions
    for transaction in transactions:
        for question in _questions(transaction, pinned):
            values = [None if value is None else str(value).encode() for value in question.values]
            pgconn.send_query_params(question.sql, values, result_format=Format.BINARY)
        # The end of the implicit transaction.
        pgconn.pipeline_sync()


def _questions(transaction: Transaction, pinned: bool) -> list[Question]:
    pin = Question("pin", query("pin", 0), (STATEMENT_TIMEOUT, transaction.lock_timeout))
    return [pin, *transaction.questions] if pinned and not transaction.alone else list(transaction.questions)


def _answers(questions: Sequence[Question], results: Sequence[PGresult]) -> list[Answer]:
    answers: list[Answer] = []
    reason = ""
    for question, result in zip(questions, results, strict=False):
        if result.status == ExecStatus.TUPLES_OK:
            answers.append(_read(question, result))
        elif result.status == ExecStatus.COMMAND_OK and _answers_nothing(question):
            answers.append([])
        elif result.status == ExecStatus.PIPELINE_ABORTED:
            # The server skips the rest of the transaction after an error.
            answers.append(Unanswered(f"not reached: {reason}", reached=False))
        else:
            answers.append(_refused(result))
            reason = _field(result, DiagnosticField.MESSAGE_PRIMARY)
    missing = len(questions) - len(answers)
    return answers + [Unanswered("the server did not answer")] * missing


def _answers_nothing(question: Question) -> bool:
    shape = getattr(question.sql, "shape", None)
    return shape is not None and not shape.types


_ADAPTERS = AdaptersMap(adapters)
# Text is read by us, see `raw_text`, whatever encoding the server claims to speak.
_ADAPTERS.register_loader("text", ByteaBinaryLoader)
_LOADERS_RAISE = (psycopg.Error, ValueError, OverflowError, IndexError, struct.error)
"""For what is no value of its type, or none that Python has: a date after the year 9999."""


def _read(question: Question, result: PGresult) -> Answer:
    """The rows, if they are what was asked for. Who answers may be anything that speaks the protocol."""
    shape = getattr(question.sql, "shape", None)
    if shape and shape.types != tuple(result.ftype(column) for column in range(result.nfields)):
        return Unanswered(f"{_UNREADABLE}: other columns than were asked for")
    if result.ntuples > MOST_ROWS:
        return Unanswered(f"{_UNREADABLE}: {result.ntuples} rows")
    transformer = Transformer(_ADAPTERS)
    transformer.set_pgresult(result)
    try:
        rows = transformer.load_rows(0, result.ntuples, tuple)
    except _LOADERS_RAISE as error:
        return Unanswered(f"{_UNREADABLE}: {' '.join(str(error).split())}")
    objection = shape.objection(rows) if shape else ""
    return Unanswered(f"{_UNREADABLE}: {objection}") if objection else rows


def _refused(result: PGresult) -> Unanswered:
    said = _field(result, DiagnosticField.MESSAGE_PRIMARY) or "no reason given"
    return Unanswered(said.strip().partition("\n")[0], _field(result, DiagnosticField.SQLSTATE))


def _field(result: PGresult, field: DiagnosticField) -> str:
    return (result.error_field(field) or b"").decode("utf-8", "replace")


def lost(farewell: str, said: str, results: Sequence[PGresult] = ()) -> NoConnection:
    """The end of an established connection, in the user's words.

    Args:
        farewell: Of the connection.
        said: By psycopg.
        results: Of what was asked last.
    """
    if farewell:
        return NoConnection(farewell)
    for error in (result for result in results if result.status == ExecStatus.FATAL_ERROR):
        if _field(error, DiagnosticField.SOURCE_FUNCTION) in _NOTICES_POSTMASTER_GONE:
            return NoConnection(_POSTMASTER_GONE)
        state = _field(error, DiagnosticField.SQLSTATE)
        if state in _GONE:
            return NoConnection(_GONE[state])
    return NoConnection(f"the connection was lost: {refusal(said.removeprefix(_NOTICED_IN_READING)).message}")
