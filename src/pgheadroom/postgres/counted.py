"""What the server counts by itself, since it started or was reset."""

from collections.abc import Mapping

from pgheadroom.model import versions
from pgheadroom.model.lock_totals import LockTotal
from pgheadroom.model.session_totals import SessionTotals
from pgheadroom.postgres.exchange import Answer, Question
from pgheadroom.postgres.queries import query

SESSIONS, LOCKS = "session totals", "lock totals"
COUNTED = (SESSIONS, LOCKS)
"""The parts. Nobody misses anything where one does not answer."""
SHARE = 0.005
"""The part of the server's time that each may take: a rate over ten seconds needs few readings. From 15 on one takes a
fraction of a millisecond; 14 has its statistics written to a file first, and read again, for whoever asks."""
_SINCE = {
    SESSIONS: ("session_totals", versions.SESSIONS_ARE_COUNTED_SINCE),
    LOCKS: ("lock_totals", versions.LOCK_WAITS_ARE_COUNTED_SINCE),
}


def questions(version_num: int) -> list[Question]:
    """Those that this version answers."""
    return [Question(part, query(name, version_num)) for part, (name, since) in _SINCE.items() if version_num >= since]


def session_totals(answers: Mapping[str, Answer]) -> SessionTotals | None:
    """Of all databases together; None where it is not told."""
    told = answers.get(SESSIONS)
    return SessionTotals(*told[0]) if isinstance(told, list) else None


def lock_totals(answers: Mapping[str, Answer]) -> tuple[LockTotal, ...] | None:
    """By type of lock; None where it is not told."""
    told = answers.get(LOCKS)
    if not isinstance(told, list):
        return None
    return tuple(LockTotal(bytes(kind).decode("ascii", "replace"), waits) for kind, waits in told)
