"""What is found of a server that does not let us in, or does not answer: that is trouble, too. Pure."""

from collections.abc import Iterator
from datetime import datetime

from pgheadroom.analysis import Analysis
from pgheadroom.conninfo import without_passwords
from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.refusal import Refusal, RefusedBy
from pgheadroom.model.update import Trouble, Waiting
from pgheadroom.notify.deciding import Heard
from pgheadroom.notify.hanging import NO_ROOM
from pgheadroom.words.refusals import limit_words
from pgheadroom.words.text import safe

NO_CONNECTION = "no-connection"
_KEYS = {RefusedBy.ROLE: "role-limit:{}", RefusedBy.DATABASE: "database-limit:{}", RefusedBy.POOLER: "no-room:pooler"}


def heard_of(seen: Analysis | Trouble, now: float, at: datetime) -> Heard:
    """What an update of a source says."""
    if isinstance(seen, Trouble):
        found = _no_room(seen.waiting) if seen.waiting is not None else [_no_answer(seen)]
        return Heard(now, at, tuple({one.key: one for one in found}.values()), blind=True)
    return Heard(now, at, seen.findings)


def _no_room(waiting: Waiting) -> Iterator[Finding]:
    """Of each limit that refuses us; a limit that a sample would find has that finding's key."""
    for one in waiting.refusals:
        if one.full:
            yield _refused(one, waiting)


def _refused(one: Refusal, waiting: Waiting) -> Finding:
    return Finding(
        _KEYS.get(one.limit, NO_ROOM).format(one.name),
        Severity.CRITICAL,
        f"No room for pgheadroom itself at {safe(one.door)}: {limit_words(one)}",
        (safe(without_passwords(one.message)),),
        remedy=safe(" ".join(waiting.advice)),
        refuses=True,
        since=waiting.since,
    )


def _no_answer(trouble: Trouble) -> Finding:
    said = safe(without_passwords(trouble.reason))
    return Finding(
        NO_CONNECTION, Severity.CRITICAL, f"No answer: {said}", remedy=safe(trouble.help), since=trouble.since
    )
