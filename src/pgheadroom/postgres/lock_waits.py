"""Who waits for which lock behind whom: from the lock table, read once, and from the server's function for a few.

What it remembers between samples: names, and what the lock table said when it was read last, for it may be too dear to
be read each time.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from pgheadroom.model import versions
from pgheadroom.model.budget import SHARE, Budget, Spared
from pgheadroom.model.locks import PREPARED
from pgheadroom.model.session import Session
from pgheadroom.model.snapshot import LockRequest
from pgheadroom.postgres.catalogue import Catalogue
from pgheadroom.postgres.exchange import LOCK_NOT_AVAILABLE, Answer, Question, Row, Unanswered
from pgheadroom.postgres.lock_target import LockRow, lock_target
from pgheadroom.postgres.queries import query
from pgheadroom.postgres.rows import Activity, Words, database_of, lock_row
from pgheadroom.rules.facts.lock_queues import Blockers, Holder, Queue, Waiter, direct_blockers

SHARE_OF_CHANGES = 0.04
"""The part of the time that the lock table may take of the server while waits come and go; unchanged ones `SHARE`."""
FEW = 20
"""So many waiters are asked for with `pg_blocking_pids`, where the lock table does not say who blocks them."""
UNNAMED_FOR = 30.0
"""Seconds for which names are not asked for after pg_class was found locked."""
MOST_NAMES = 200
"""Names that are asked for at once."""
_COLUMNS = 10
"""Those of a row of `locks.sql` that say what is locked."""
_SHARED = 0

Since = Mapping[int, tuple[datetime | None, datetime | None]]
"""By the pid of who waits for a lock, a leader's for its workers: when its session and its query began."""


class Locked(NamedTuple):
    """A lock that is waited for: what it is on, as `pg_locks` says it, and who holds it and waits for it."""

    tag: Row
    queue: Queue


class Found(NamedTuple):
    """What is known of the waits of a sample."""

    requests: tuple[LockRequest, ...] = ()
    blockers: Blockers = {}  # noqa: RUF012 - a default that nobody changes


class LockWaits:
    """The lock part of one server's samples."""

    def __init__(self) -> None:
        self.budget = Budget(SHARE_OF_CHANGES)
        self._words = Words()
        self._names: dict[int, bytes | None] = {}
        self._unnamed_until = 0.0
        self._locked: Sequence[Locked] = ()
        self._read_at = 0.0
        self._waiting: Since = {}
        self._expects, self._asked = True, False
        self._found = Found()
        self._age = 0.0

    @property
    def unnamed(self) -> bool:
        """Whether pg_class was locked a moment ago, so that relations have numbers in place of names."""
        return time.monotonic() < self._unnamed_until

    def questions(self, version: int, *, logins: bool = False, told: bool = False) -> list[Question]:
        """What a sample begins with: nothing where the last one saw everybody, and nobody waited.

        Args:
            logins: Whether backends that have no row, because they still log in, may be those that wait.
            told: Whether the question about the sessions, before it in the transaction, tells whether anybody waits.
        """
        self._asked = self._expects or logins
        return self._questions(version, read=logins, told=told) if self._asked else []

    def unexpected(self, activity: Activity, version: int) -> list[Question]:
        """The same, where somebody waits and it was not asked."""
        if self._asked or not _waiting(activity):
            return []
        self._asked = True
        return self._questions(version, read=True, told=False)

    def _questions(self, version: int, *, read: bool, told: bool) -> list[Question]:
        """The lock table where it is within its budget; else, and before 14, the function, if few wait."""
        table = self.budget.is_due(time.monotonic())
        asked = [lock_table(version, read=read, told=told)] if table else []
        if version < versions.WAITSTART_SINCE or (not table and 0 < len(self._waiting) <= FEW):
            asked.append(_function(version))
        return asked

    def take(self, answers: Mapping[str, Answer], activity: Activity, catalogue: Catalogue) -> None:
        """The first answers of a sample."""
        waiting = _waiting(activity)
        self.budget.share = SHARE if waiting == self._waiting else SHARE_OF_CHANGES
        before, self._waiting = self._waiting, waiting
        self._expects = bool(waiting) or not activity.exact  # who is hidden may wait
        rows, named = answers.get("locks"), _named(answers.get("lock holders"), activity.leaders)
        if isinstance(rows, list):
            self._locked = _locked(rows, self._words)
            self._read_at = time.monotonic()
            self._found = self._judged(activity, catalogue)
        fresh = isinstance(rows, list) or len(named) == len(waiting)
        self._age = 0.0 if fresh or not self._read_at else time.monotonic() - self._read_at
        if not isinstance(rows, list):
            self._found = _still(self._found, before, waiting, activity)
        self._found = self._found._replace(blockers=self._found.blockers | named)

    def open_questions(self, catalogue: Catalogue) -> list[Question]:
        """What the first answers left open: waits that the table does not explain, then names that are new."""
        version = catalogue.facts.version_num
        riddles = [request.pid for request in self._found.requests if not self._found.blockers.get(request.pid)]
        asked = [_function(version, riddles[:FEW])] if riddles and not self._age else []
        missing = [] if self.unnamed or self._age else self._missing_names(catalogue)
        if missing:
            asked.append(Question("lock names", query("lock_names", version), (_array(missing),)))
        return asked

    def take_more(self, answers: Mapping[str, Answer], activity: Activity, catalogue: Catalogue) -> None:
        """The answers to `open_questions`."""
        named, names = _named(answers.get("lock holders"), activity.leaders), answers.get("lock names")
        if isinstance(names, Unanswered) and names.sqlstate == LOCK_NOT_AVAILABLE:
            self._unnamed_until = time.monotonic() + UNNAMED_FOR
        elif isinstance(names, list):
            # What has no name is gone, and is not asked for again.
            self._names |= dict.fromkeys(self._missing_names(catalogue)) | dict(names)
            self._found = self._found._replace(requests=self._requests(activity.leaders, catalogue))
        self._found = self._found._replace(blockers=self._found.blockers | named)

    def found(self) -> Found:
        return self._found

    def spared(self) -> Iterable[Spared]:
        """Says that what is shown is not of this sample."""
        if self._age and self._waiting:
            yield Spared("locks", self.budget.cost, self.budget.every, self._age)

    def _judged(self, activity: Activity, catalogue: Catalogue) -> Found:
        wanted = {oid for locked in self._locked for oid in _relations(locked.tag, catalogue)}
        self._names = {oid: name for oid, name in self._names.items() if oid in wanted}
        queues = [locked.queue for locked in self._locked]
        if catalogue.facts.version_num < versions.WAITSTART_SINCE:
            queues = [_by_query(queue, activity) for queue in queues]
        blockers = direct_blockers(queues, activity.leaders)
        return Found(self._requests(activity.leaders, catalogue), blockers)

    def _requests(self, leaders: Mapping[int, int], catalogue: Catalogue) -> tuple[LockRequest, ...]:
        return tuple(request for locked in self._locked for request in self._requests_for(locked, leaders, catalogue))

    def _requests_for(self, locked: Locked, leaders: Mapping[int, int], catalogue: Catalogue) -> Iterable[LockRequest]:
        lock = self._named_row(locked.tag, catalogue)
        target = lock_target(lock, database_of(lock, catalogue))
        for pid, mode, since in locked.queue.waiters:
            yield LockRequest(leaders.get(pid, pid), lock.locktype, mode, target, since)

    def _named_row(self, tag: Row, catalogue: Catalogue) -> LockRow:
        relation, catalog = (self._names.get(oid) for oid in _relation_and_class(tag, catalogue))
        # What is NULL in the lock table comes as 0 here.
        columns = (*tag[1:2], tag[2] or None, *tag[3:])
        return lock_row(tag[0], (*columns, relation, catalog and catalog.rpartition(b".")[2]), catalogue)

    def _missing_names(self, catalogue: Catalogue) -> list[int]:
        wanted = dict.fromkeys(oid for locked in self._locked for oid in _relations(locked.tag, catalogue))
        return [oid for oid in wanted if oid not in self._names][:MOST_NAMES]


def lock_table(version: int, *, read: bool, told: bool) -> Question:
    """`read`: also where no session waits."""
    return Question("locks", query("locks", version, "told" if told else "looking"), (read,))


def _function(version: int, pids: Sequence[int] | None = None) -> Question:
    # One more than few: then it is seen that there are more.
    return Question("lock holders", query("blocking_pids", version), (None if pids is None else _array(pids), FEW))


def _array(numbers: Iterable[int]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"


def _locked(rows: Sequence[Row], words: Words) -> list[Locked]:
    """Rows of `locks.sql`, those of one lock together; a holder without a process is a prepared transaction."""
    holders: dict[Row, list[Holder]] = {}
    waiters: dict[Row, list[Waiter]] = {}
    for row in rows:
        tag, (granted, pids, modes, moments) = row[:_COLUMNS], row[_COLUMNS:]
        if granted:
            holders[tag] = [Holder(pid or PREPARED, words[mode]) for pid, mode in zip(pids, modes, strict=False)]
        else:
            each = zip(pids, modes, moments or (), strict=False)
            waiters[tag] = [Waiter(pid, words[mode], since) for pid, mode, since in each]
    return [Locked(tag, Queue(holders.get(tag, ()), queue)) for tag, queue in waiters.items()]


def _relation_and_class(tag: Row, catalogue: Catalogue) -> tuple[int, int]:
    """OIDs that pg_class of our database has names for; 0 for none. Another database's number is a wrong name here."""
    locktype, database, relation, classid = tag[0], tag[1], tag[2], tag[7]
    ours = database in (_SHARED, catalogue.facts.database_oid)
    return (relation or 0) if ours else 0, (classid or 0) if locktype == b"object" else 0


def _relations(tag: Row, catalogue: Catalogue) -> Iterable[int]:
    return (oid for oid in _relation_and_class(tag, catalogue) if oid)


def _waiting(activity: Activity) -> Since:
    everybody = (*activity.sessions, *activity.processes)
    pids = {activity.leaders.get(one.pid, one.pid) for one in everybody if one.waits_for_lock}
    return {one.pid: (one.backend_start, one.query_start) for one in everybody if one.pid in pids} if pids else {}


def _named(answer: Answer | None, leaders: Mapping[int, int]) -> Blockers:
    """Rows of `blocking_pids.sql`: pids as the function names them, each once."""
    found: Blockers = {}
    for pid, blockers in answer if isinstance(answer, list) else ():
        leader = leaders.get(pid, pid)
        found[leader] = tuple(dict.fromkeys((*found.get(leader, ()), *blockers)))
    return found


def _still(found: Found, before: Since, waiting: Since, activity: Activity) -> Found:
    """What was found before, of those who still wait, behind those who still are there."""
    there = {one.pid for one in (*activity.sessions, *activity.processes)} | {PREPARED}
    still = {pid for pid, since in waiting.items() if before.get(pid) == since}
    return Found(
        tuple(request for request in found.requests if request.pid in still),
        {pid: tuple(filter(there.__contains__, found.blockers.get(pid, ()))) for pid in still},
    )


def _by_query(queue: Queue, activity: Activity) -> Queue:
    """Before 14: nobody knows who waits longest; whose query began first is the best guess."""
    began = {one.pid: one.query_start for one in (*activity.sessions, *activity.processes)}
    return queue._replace(waiters=[waiter._replace(since=began.get(waiter.pid)) for waiter in queue.waiters])


def with_blockers(
    processes: Sequence[Session], blockers: Blockers, before: Mapping[int, Session]
) -> tuple[Session, ...]:
    """Those who wait, with whom they wait for; the very same as `before`, by pid, where nothing changed."""
    if not blockers:
        return tuple(processes)
    return tuple(_waiting_for(one, blockers[one.pid], before) if blockers.get(one.pid) else one for one in processes)


def _waiting_for(one: Session, blockers: tuple[int, ...], before: Mapping[int, Session]) -> Session:
    waiting, known = one._replace(blocked_by=blockers), before.get(one.pid)
    return known if known is not None and known == waiting else waiting
