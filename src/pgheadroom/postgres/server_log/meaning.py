"""Which records of a log mean that a client was not let in, and why. Pure."""

from functools import lru_cache
from typing import NamedTuple

from pgheadroom.model.refusal import RefusedBy
from pgheadroom.model.turned_away import Reason, Who
from pgheadroom.postgres.refusal import limit_of
from pgheadroom.postgres.server_log import respelled, translated_logins
from pgheadroom.postgres.server_log.needles import (
    NO_DATABASE,
    NO_RESOURCES,
    NO_ROOM,
    NOT_ALLOWED,
    WRONG_PASSWORD,
)
from pgheadroom.postgres.server_log.records import POOLER, Record
from pgheadroom.postgres.server_log.severities import ENDING, SURE

_BY_STATE = {
    WRONG_PASSWORD: Reason.LOGIN,
    NOT_ALLOWED: Reason.LOGIN,
    NO_DATABASE: Reason.NO_DATABASE,
    **dict.fromkeys(NO_RESOURCES, Reason.RESOURCES),
}
_OF_ROLE = (Reason.ROLE, Reason.LOGIN)
_OF_DATABASE = (Reason.DATABASE, Reason.NO_DATABASE)


class _Meaning(NamedTuple):
    reason: Reason
    name: str


def turned_away(record: Record) -> Who | None:
    """Who was refused, and why; None for everything else that a log tells.

    Only a session that ends by an error of this kind was refused: within one, memory that runs out is an ERROR, and
    costs a statement.
    """
    if record.severity not in ENDING and record.severity != POOLER:
        return None
    told = _meaning(record.sqlstate, record.severity, record.message)
    if told is None:
        return None
    role = record.user or (told.name if told.reason in _OF_ROLE else "")
    database = record.database or (told.name if told.reason in _OF_DATABASE else "")
    return Who(told.reason, record.host, role, database)


@lru_cache(maxsize=512)
def _meaning(sqlstate: str, severity: str, message: str) -> _Meaning | None:
    """By the SQLSTATE where there is one: the words are for what it leaves open."""
    if sqlstate == NO_ROOM:
        limit, name = limit_of(message)
        if limit is RefusedBy.OTHER and (told := respelled.meaning(message, severity, room_only=True)):
            return _Meaning(*told)
        return _Meaning(Reason.of(limit), name)
    if sqlstate in _BY_STATE:
        told = _login(message) or respelled.meaning(message, severity, room_only=False)
        return _Meaning(_BY_STATE[sqlstate], told[1] if told else "")
    return None if sqlstate else _by_words(severity, message)


def _by_words(severity: str, message: str) -> _Meaning | None:
    if severity in (*SURE, POOLER):
        limit, name = limit_of(message)
        if limit is not RefusedBy.OTHER:
            return _Meaning(Reason.of(limit), name)
    told = _login(message) or respelled.meaning(message, severity, room_only=False)
    return _Meaning(*told) if told else None


def _login(message: str) -> _Meaning | None:
    for pattern, reason in translated_logins.patterns():
        if found := pattern.search(message):
            return _Meaning(reason, found.groupdict().get("name") or "")
    return None
