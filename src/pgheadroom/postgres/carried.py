"""What a sample takes over from the one before: the sessions that cannot have changed. Pure.

Of a session that idles, and waits for nothing but its client's next statement, nothing changes and leaves
`state_change` as it is: each statement sets it (`pgstat_report_activity`), and so does each ReadyForQuery;
application_name, settings and transactions change in statements only. What happens without one shows in the row while
it lasts: a LISTENer that is notified, or takes up invalidations, has no wait event and may have a transaction or a
snapshot for an instant. So both a row that is odd now and one that was odd in the last sample are asked for.
`activity.sql` says the same in SQL.

Of a session that does something, but has done so since before the last sample, the row tells only `TOLD_AGAIN`: what
sets its state, its query or their times sets `state_change` with them, and the rest never changes.

Source: src/backend/utils/activity/backend_status.c, src/backend/tcop/postgres.c. A test on real servers holds it.
"""

import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from pgheadroom.model.session import IN_TRANSACTION_BUT_IDLE, Session, State

CLIENT_READ = "ClientRead"
TOLD_AGAIN = (
    "application", "wait_event_type", "wait_event", "xact_start", "backend_xid", "backend_xmin", "leader_pid",
    "blocked_by",
)  # fmt: skip
"""What of a session can be another while its `state_change` stays: within a statement, or by what others do."""
_IDLE = frozenset({State.IDLE, *IN_TRANSACTION_BUT_IDLE})
"""A session that leaves any other state comes with a new `state_change`, if with any."""


def is_settled(session: Session) -> bool:
    """Whether it idles and waits for its client, and for nothing else."""
    if session.wait_event != CLIENT_READ or session.state_change is None or session.backend_start is None:
        return False
    if session.backend_xmin is not None:
        return False
    return session.xact_start is None if session.state is State.IDLE else session.state in IN_TRANSACTION_BUT_IDLE


def odd_pids(sessions: Iterable[Session]) -> list[int]:
    """Whose rows are to be asked for, because they may have returned to what they were, and do not show it."""
    return [one.pid for one in sessions if one.state in _IDLE and not is_settled(one)]


def read_pids(raw: bytes | None) -> "array[int] | None":
    """The pids of `present.sql`; None where it cannot be that."""
    pids = array("i")
    if not raw or len(raw) % pids.itemsize:
        return None
    pids.frombytes(raw)
    if sys.byteorder == "little":
        pids.byteswap()
    return pids


def merged(
    before: Mapping[int, Session], told: Iterable[Session], present: Sequence[int]
) -> tuple[Session, ...] | None:
    """Everybody who is present, in that order: as told now, or as before.

    Returns:
        None where that cannot be right: somebody was not there before and is not told, or is told and not there.
    """
    now = {one.pid: one for one in told}
    try:
        sessions = tuple([now.get(pid) or before[pid] for pid in present])
    except KeyError:
        return None
    return sessions if now.keys() <= set(present) and len(set(present)) == len(present) else None


def same_where_equal(before: Mapping[int, Session], told: Iterable[Session]) -> list[Session]:
    """The sessions, those that are as before as the very same objects."""
    return [one if (known := before.get(one.pid)) is None or known != one else known for one in told]


def missed(before: Mapping[int, Session], odd: Iterable[int], whole: Iterable[Session], bound: datetime) -> list[int]:
    """Pids of those that would have been taken over, all or in part, although they are another than before: there
    should be none.

    Args:
        odd: Whose rows would have been asked for.
        bound: Who is in its state since then would have been told.
    """
    asked = set(odd)
    return [
        one.pid
        for one in whole
        if one.state_change is not None
        and one.state_change < bound
        and (known := before.get(one.pid)) is not None
        and known != one
        and ((is_settled(one) and one.pid not in asked) or _with_told(known, one) != one)
    ]


def _with_told(known: Session, now: Session) -> Session:
    return known._replace(**{name: getattr(now, name) for name in TOLD_AGAIN})
