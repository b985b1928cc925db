"""Signals that reach what was shown and confirmed, or nothing."""

import re
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from datetime import datetime

from pgheadroom.model.action import CHANGES, NEVER, Outcome, Result, Target, Verb
from pgheadroom.postgres.door import Connection
from pgheadroom.postgres.exchange import (
    LOCK_NOT_AVAILABLE,
    Answer,
    Question,
    Transaction,
    Unanswered,
    ask,
)
from pgheadroom.postgres.queries import query
from pgheadroom.postgres.raw_text import codec_for

AT_ONCE = 100
"""Targets in one round trip: few enough for an answer in a moment."""
PATIENCE, NO_PATIENCE = "500ms", "5ms"
"""How long one statement waits for a lock on the roles, and how long when they are known to be locked."""

_SIGNALLED = {
    Verb.CANCEL: "asked to cancel its query",
    Verb.TERMINATE: "asked to end",
}
_VERDICTS = {
    "gone": (Outcome.GONE_BEFORE, "it was gone before"),
    "ourselves": (Outcome.PROTECTED, "it is our own session"),
    "hidden": (Outcome.REFUSED, "its start is hidden, so it cannot be told apart: GRANT pg_monitor to our role"),
    "another session": (Outcome.CHANGED, "it was gone before; its pid belongs to another session now"),
    "no client": (Outcome.PROTECTED, "it is not a client's session"),
    "starting": (Outcome.PROTECTED, "it has not logged in yet"),
    "protected": (Outcome.PROTECTED, "its role is protected by the configuration"),
    "superuser": (Outcome.PROTECTED, "it is a superuser's session"),
    "superusers only": (Outcome.REFUSED, "only a superuser may signal a superuser's session"),
    "forbidden": (Outcome.REFUSED, "not permitted: GRANT pg_signal_backend, or the session's role, to our role"),
    **{word: (Outcome.CHANGED, sentence) for word, sentence in CHANGES.items()},
}
"""What `signal.sql` judges. Its rules about roles are the server's own
(src/backend/storage/ipc/signalfuncs.c), so that its log is not filled with refusals."""

ROLES_UNREAD = "roles cannot be read: who is a superuser, and what roles are called, is judged from the last reading"


async def signal(
    connection: Connection,
    verb: Verb,
    targets: Sequence[Target],
    *,
    include_superusers: bool = False,
    protected_roles: Collection[str] = (),
    not_superusers: Collection[int] = (),
) -> list[Result]:
    """Signal all targets that are still what was chosen: a statement and a transaction each.

    Nothing is waited for: a later sample says who is gone.

    Args:
        include_superusers: Superusers' sessions too; it takes a superuser.
        protected_roles: Names of roles whose sessions are left alone, whatever they were called when they were shown.
        not_superusers: OIDs of members of the first superuser's role that are no superusers, as last read: for when
            that cannot be read now.

    Returns:
        One result for each target, in their order.

    Raises:
        NoConnection: when the connection is lost; then it is not known who was signalled.
    """
    if not targets:
        return []
    known = await look_up_roles(connection)
    protected = known_as(connection, protected_roles)
    others = not_superusers if known is None else known
    patience = NO_PATIENCE if known is None else PATIENCE
    reservation = ROLES_UNREAD if known is None else ""
    results: list[Result] = []
    for first in range(0, len(targets), AT_ONCE):
        some = targets[first : first + AT_ONCE]
        values = [_values(connection, verb, target, include_superusers, protected, others) for target in some]
        questions = [Question("signal", _sql(connection, "signal", verb.value), those) for those in values]
        answers = await ask(connection, [Transaction([question], patience) for question in questions])
        results += [_result(verb, target, answer, reservation) for target, (answer,) in zip(some, answers, strict=True)]
    return results


async def look_up_roles(connection: Connection) -> list[int] | None:
    """Look up the roles of all sessions, and who only has the first superuser's rights.

    Returns:
        OIDs of members of the first superuser's role that are no superusers; None when roles cannot be read.

    Raises:
        NoConnection: when the connection is lost.
    """
    question = Question("roles", _sql(connection, "look_up_roles"))
    ((answer,),) = await ask(connection, [Transaction([question], PATIENCE)])
    return None if isinstance(answer, Unanswered) else answer[0][0]


def _sql(connection: Connection, name: str, form: str = "") -> bytes:
    return query(name, connection.info.server_version, form)


def _values(
    connection: Connection,
    verb: Verb,
    target: Target,
    include_superusers: bool,
    protected: str,
    not_superusers: Collection[int],
) -> tuple[object, ...]:
    """In the order of `signal.sql`."""
    still = target.still
    return (
        target.pid,
        target.backend_start,
        include_superusers,
        protected,
        None if still.role is None else known_as(connection, [still.role]),
        None if still.application is None else _bytea(still.application.encode()),
        verb is Verb.CANCEL,
        target.query_start,
        None if still.state is None else still.state.value,
        _moment(still.transaction),
        _moment(still.query),
        _moment(still.moved),
        still.longer_than,
        still.wait,
        array(not_superusers),
    )


def _moment(value: datetime | None) -> object:
    return "-infinity" if value is NEVER else value


def _result(verb: Verb, target: Target, answer: Answer, reservation: str) -> Result:
    if isinstance(answer, Unanswered):
        unknown = "its role cannot be read now: " if answer.sqlstate == LOCK_NOT_AVAILABLE else ""
        return Result(target, Outcome.REFUSED, unknown + answer.reason)
    verdict, sent = bytes(answer[0][0]).decode(), answer[0][1]
    if verdict != "signal":
        outcome, message = _VERDICTS[verdict]
        return Result(target, outcome, message, reservation if outcome is Outcome.PROTECTED else "")
    if not sent:
        # It ended between the look and the signal; the server only warns then.
        return Result(target, Outcome.GONE_BEFORE, "it ended by itself at that moment")
    return Result(target, Outcome.SIGNALLED, _SIGNALLED[verb], reservation)


def array(values: Iterable[int | datetime | None]) -> str:
    """An array as PostgreSQL writes it. Moments keep their microseconds: a rounded one would match nothing."""
    return "{" + ",".join("NULL" if value is None else f'"{value}"' for value in values) + "}"


def known_as(connection: Connection, names: Iterable[str]) -> str:
    """Role names as an array of all the bytes that they can be on the server: see `raw_text.read_text`."""
    codec = codec_for(connection.info.parameter_status("server_encoding") or "UTF8")
    spellings = {raw for name in names for raw in _spellings(name, codec)}
    return "{" + ",".join(f'"\\{_bytea(raw)}"' for raw in sorted(spellings)) + "}"


_DROPPED = re.compile(r"oid (\d+)")
_UNREADABLE = re.compile(r"\\x([89a-f][0-9a-f])")


def _spellings(name: str, codec: str) -> set[bytes]:
    """The name in UTF-8 and in the database's encoding, with the bytes that could not be read, and as the server calls
    a dropped role that we show by its number."""
    unread = _UNREADABLE.sub(lambda byte: chr(0xDC00 + int(byte[1], 16)), name)
    dropped = _DROPPED.sub(r"unknown (OID=\1)", name)
    found = {text.encode("utf-8", "surrogateescape") for text in (name, unread, dropped)}
    with suppress(UnicodeEncodeError):
        found.add(name.encode(codec))
    return found


def _bytea(raw: bytes) -> str:
    return "\\x" + raw.hex()
