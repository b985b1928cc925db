"""Several questions in one network round trip."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from pgheadroom.errors import NoConnection, PgHeadroomError
from pgheadroom.postgres.door import Connection
from pgheadroom.postgres.refusal import refusal

INSUFFICIENT_PRIVILEGE = "42501"
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
    """A statement, and the part of the sample that it is for."""

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


async def ask_together(connection: Connection, questions: Sequence[Question]) -> list[Answer]:
    """Send all questions, then read all answers: psycopg's pipeline mode, binary results, one implicit transaction.

    In one transaction all questions read the same frozen view of the sessions. When one fails, those before it keep
    their answers and those after it have none: ask for what matters most first.

    Raises:
        NoConnection: when the connection is lost.
    """
    cursors: list[psycopg.AsyncCursor[Row]] = []
    failure: psycopg.Error | None = None
    try:
        async with connection.pipeline():
            for question in questions:
                cursor = connection.cursor(binary=True)
                await cursor.execute(question.sql, question.values or None)
                cursors.append(cursor)
    except psycopg.Error as error:
        failure = error
    if connection.closed:
        raise lost(failure)
    return await _answers(questions, cursors, failure)


async def _answers(
    questions: Sequence[Question], cursors: Sequence[psycopg.AsyncCursor[Row]], failure: psycopg.Error | None
) -> list[Answer]:
    answers: list[Answer] = []
    reason = unanswered(failure) if failure else Unanswered("not asked")
    for number, _ in enumerate(questions):
        if number < len(cursors) and cursors[number].pgresult is not None:
            answers.append(await cursors[number].fetchall())
        else:
            answers.append(reason)
            # The server skips the rest after an error: the reason is that of the first.
            reason = Unanswered(f"not reached: {reason.reason.removeprefix('not reached: ')}")
    return answers


def unanswered(error: psycopg.Error) -> Unanswered:
    """The server's refusal of a statement, in one line."""
    said = error.diag.message_primary or str(error)
    return Unanswered(said.strip().partition("\n")[0], error.sqlstate or "")


def lost(error: psycopg.Error | None) -> NoConnection:
    """The end of an established connection, in the user's words."""
    if error is None:
        return NoConnection("the connection is closed")
    if known := _GONE.get(error.sqlstate or ""):
        return NoConnection(known)
    said = str(error)
    if "terminating connection due to administrator command" in said:
        return NoConnection(_GONE["57P01"])
    return NoConnection(f"the connection was lost: {refusal(said).message}")
