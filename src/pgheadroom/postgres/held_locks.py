"""Strong locks of sessions that idle in a transaction: who comes next to the table will wait, and nobody does yet."""

from pgheadroom.model.budget import Budget
from pgheadroom.model.session import IN_TRANSACTION_BUT_IDLE, Session, SessionId
from pgheadroom.model.snapshot import HeldLock
from pgheadroom.postgres.catalogue import Catalogue
from pgheadroom.postgres.exchange import Answer, Question, Row
from pgheadroom.postgres.lock_target import lock_target
from pgheadroom.postgres.queries import query
from pgheadroom.postgres.rows import Activity, database_of, lock_row

PART = "held locks"
EVERY = 10.0
"""Seconds between two readings of the lock table for this: it is a warning ahead of time."""
MOST_ASKED = 100
_TABLES = ("table ", "partitioned table ", "materialized view ", "relation ")


class HeldLocks:
    """Asks now and then, and remembers for as long as the sessions stay as they are.

    Attributes:
        budget: What a reading costs the server; told by whoever measures it. A table of many locks is read less often.
    """

    def __init__(self) -> None:
        self.budget = Budget()
        self._asked_at = float("-inf")
        self._found: tuple[tuple[SessionId, HeldLock], ...] = ()

    def questions(self, activity: Activity, now: float, catalogue: Catalogue) -> list[Question]:
        """`now` is of our own clock. Nothing while nobody idles in a transaction."""
        idlers = [one.pid for one in activity.sessions if _idles(one)]
        if not idlers or now - self._asked_at < EVERY or not self.budget.is_due(now):
            return []
        self._asked_at = now
        pids = "{" + ",".join(map(str, idlers[:MOST_ASKED])) + "}"
        facts = catalogue.facts
        return [Question(PART, query("held_locks", facts.version_num), (pids, facts.database_oid))]

    def take(self, answer: Answer | None, activity: Activity, catalogue: Catalogue) -> None:
        if isinstance(answer, list):
            ids = {one.pid: one.id for one in activity.sessions}
            told = (_held(row, catalogue) for row in answer)
            tables = (one for one in told if one.target.startswith(_TABLES))
            self._found = tuple((ids[one.pid], one) for one in tables if one.pid in ids)

    def found(self, activity: Activity) -> tuple[HeldLock, ...]:
        """Those whose session still idles in a transaction."""
        if not self._found:
            return ()
        idle = {one.id for one in activity.sessions if one.state in IN_TRANSACTION_BUT_IDLE}
        return tuple(held for session, held in self._found if session in idle)


def _idles(one: Session) -> bool:
    return one.state in IN_TRANSACTION_BUT_IDLE and one.state_change is not None and one.is_client


def _held(row: Row, catalogue: Catalogue) -> HeldLock:
    pid, mode, database, relation, name = row
    lock = lock_row(b"relation", (database, relation, *(None,) * 7, name, None), catalogue)
    return HeldLock(pid, mode.decode("ascii", "replace"), lock_target(lock, database_of(lock, catalogue)))
