"""Signals that reach what was shown and confirmed, or nothing."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from pgheadroom.model.action import Outcome, Result, Target, Verb
from pgheadroom.model.session import SessionId
from pgheadroom.postgres.door import Connection
from pgheadroom.postgres.exchange import Answer, NoSample, Question, Row, Unanswered, ask_together
from pgheadroom.postgres.queries import query

_SIGNALLED = {
    Verb.CANCEL: "asked to cancel its query",
    Verb.TERMINATE: "asked to end",
}
_VERDICTS = {
    "gone": (Outcome.GONE, "it was gone before"),
    "ourselves": (Outcome.PROTECTED, "it is our own session"),
    "hidden": (Outcome.REFUSED, "its start is hidden, so it cannot be told apart: GRANT pg_read_all_stats to our role"),
    "another session": (Outcome.CHANGED, "it was gone before; its pid belongs to another session now"),
    "no client": (Outcome.PROTECTED, "it is not a client's session"),
    "starting": (Outcome.PROTECTED, "it has not logged in yet, or its role was dropped"),
    "superuser": (Outcome.PROTECTED, "it is a superuser's session"),
    "superusers only": (Outcome.REFUSED, "only a superuser may signal a superuser's session"),
    "forbidden": (Outcome.REFUSED, "not permitted: GRANT pg_signal_backend, or the session's role, to our role"),
    "no query": (Outcome.CHANGED, "it runs no query now"),
    "another query": (Outcome.CHANGED, "it runs another query now"),
}
"""What `signal_cancel.sql` and `signal_terminate.sql` judge. Their rules about roles are the server's own
(src/backend/storage/ipc/signalfuncs.c), so that one target without permission does not stop the others."""


async def signal(
    connection: Connection, verb: Verb, targets: Sequence[Target], *, include_superusers: bool = False
) -> list[Result]:
    """Signal all targets that are still what was shown, in one statement.

    Nothing is waited for: `still_there` says later who is gone.

    Args:
        include_superusers: Superusers' sessions too; it takes a superuser.

    Returns:
        One result for each target, in their order.

    Raises:
        NoConnection: when the connection is lost; then it is not known who was signalled.
        NoSample: when the server refuses the statement.
    """
    if not targets:
        return []
    answer = await _ask(connection, verb, targets, include_superusers)
    if isinstance(answer, Unanswered) and answer.forbidden:
        # A rule that we do not know, of a managed server perhaps, refused one, and with it the whole statement.
        return [await _one(connection, verb, target, include_superusers) for target in targets]
    if isinstance(answer, Unanswered):
        raise NoSample(f"nothing was signalled: {answer.reason}")
    return [_result(verb, target, row) for target, row in zip(targets, answer, strict=True)]


async def _one(connection: Connection, verb: Verb, target: Target, include_superusers: bool) -> Result:
    answer = await _ask(connection, verb, [target], include_superusers)
    if isinstance(answer, Unanswered):
        return Result(target, Outcome.REFUSED, answer.reason)
    return _result(verb, target, answer[0])


async def _ask(connection: Connection, verb: Verb, targets: Sequence[Target], include_superusers: bool) -> Answer:
    values = (
        array(target.pid for target in targets),
        array(target.backend_start for target in targets),
        array(target.query_start for target in targets),
        include_superusers,
    )
    statement = query(f"signal_{verb}", connection.info.server_version)
    return (await ask_together(connection, [Question("signal", statement, values)]))[0]


def _result(verb: Verb, target: Target, row: Row) -> Result:
    verdict, sent = bytes(row[0]).decode(), row[1]
    if verdict != "signal":
        outcome, message = _VERDICTS[verdict]
        return Result(target, outcome, message)
    if not sent:
        # It ended between the look and the signal; the server only warns then.
        return Result(target, Outcome.GONE, "it ended by itself at that moment")
    return Result(target, Outcome.SIGNALLED, _SIGNALLED[verb])


async def still_there(connection: Connection, targets: Iterable[Target | SessionId]) -> set[SessionId]:
    """Which of these sessions still exist.

    Raises:
        NoConnection: when the connection is lost.
        NoSample: when the server does not say.
    """
    asked = {SessionId(target.pid, target.backend_start) for target in targets}
    statement = query("still_there", connection.info.server_version)
    (answer,) = await ask_together(connection, [Question("sessions", statement, (array(t.pid for t in asked),))])
    if isinstance(answer, Unanswered):
        raise NoSample(f"the server does not tell its sessions: {answer.reason}")
    return asked & {SessionId(pid, backend_start) for pid, backend_start in answer}


def array(values: Iterable[int | datetime | None]) -> str:
    """An array as PostgreSQL writes it. Moments keep their microseconds: a rounded one would match nothing."""
    return "{" + ",".join("NULL" if value is None else f'"{value}"' for value in values) + "}"
