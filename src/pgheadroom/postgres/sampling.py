"""A sample of a server: one network round trip over one connection."""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import psycopg

from pgheadroom.conninfo import at_port
from pgheadroom.model import versions
from pgheadroom.model.budget import Budget, Spared
from pgheadroom.model.session import Session
from pgheadroom.model.snapshot import REFUSED, Door, Gap, Server, Snapshot
from pgheadroom.postgres import counted
from pgheadroom.postgres.asking import Asking
from pgheadroom.postgres.authenticating import PART as AUTHENTICATING
from pgheadroom.postgres.authenticating import Authenticating
from pgheadroom.postgres.catalogue import Catalogue, Facts, catalogue_questions
from pgheadroom.postgres.denied import DETAILS, RECOVERY
from pgheadroom.postgres.door import Connecting, Connection, Settling, hang_up, open_door
from pgheadroom.postgres.exchange import Answer, NoSample, Question, Row, Unanswered
from pgheadroom.postgres.gaps import THROUGH_POOLER, UNNAMED_TABLES, UNPINNED, hidden_sessions, unanswered
from pgheadroom.postgres.giving_way import AT_ONCE, give_way
from pgheadroom.postgres.held_locks import PART as HELD_LOCKS
from pgheadroom.postgres.held_locks import HeldLocks
from pgheadroom.postgres.lock_waits import LockWaits, with_blockers
from pgheadroom.postgres.prepared import Prepared
from pgheadroom.postgres.queries import query
from pgheadroom.postgres.refusal import place_of_socket
from pgheadroom.postgres.rows import Activity, Words, read_session
from pgheadroom.postgres.server_log.over_sql import PART as SERVER_LOG
from pgheadroom.postgres.server_log.over_sql import ServerLog
from pgheadroom.postgres.session_list import PRESENT, SessionList

FIRST_ANSWER_WITHIN = 20.0
"""Seconds for the first question, by default: longer than statement_timeout."""
FIRST_LASTS = 1.0
"""Seconds for which the sample that came with the login is one of now."""
IDENTITY = "server_identity"
ESSENTIAL = ("moment", "sessions")
"""Parts without which there is no sample."""
MOST_INTERVALS = 2
"""The most intervals between two lists of sessions."""
_SLOT_SYNC = "slotsync worker"


class _First(NamedTuple):
    """Answers that came with those of the login. `came_at` is by our clock, `round_trip` in seconds."""

    answers: dict[str, Answer]
    round_trip: float
    came_at: float


class Probe:
    """An open connection that answers with samples. One question at a time: the caller sees to it.

    Attributes:
        reads_log: The server's log is read with the samples, where it may be.
        hides_literals: Query texts lose their literals here, before anybody sees them.
        system: The system identifier of the server; None when it could not be read.
    """

    hides_literals = False
    reads_log = True

    def __init__(self, connection: Connection, target: str) -> None:
        self.connection = connection
        self.system: int | None = None
        self._first: _First | None = None
        self._locks = LockWaits()
        self._held = HeldLocks()
        self._prepared = Prepared()
        self._log = ServerLog()
        self._logins = Authenticating()
        budgets = {
            "locks": self._locks.budget,
            "sessions": Budget(),
            AUTHENTICATING: self._logins.budget,
            HELD_LOCKS: self._held.budget,
            SERVER_LOG: self._log.budget,
            **{part: Budget(counted.SHARE) for part in counted.COUNTED},
        }
        other_ways = {"moment": self._moment_question, "sessions": lambda: self._session_questions()[0]}
        self._asking = Asking(connection, budgets, other_ways)
        self._denied = self._asking.denied
        self._in_recovery = False
        self._words = Words()
        self._list = SessionList()
        self._shown: dict[int, Session] = {}
        self._place = place_of(connection)
        self._name = f"{target} {self._place}" if target else self._place

    @classmethod
    async def open(
        cls,
        conninfo: str = "",
        *,
        password: str | None = None,
        read_only: bool = False,
        target: str = "",
        deadline: float | None = None,
        patient: int = 1,
        connecting: Connecting | None = None,
        sampling: bool = False,
    ) -> "Probe":
        """Connect, make the session ours and read the settings: the login, and one round trip more.

        Args:
            target: How the configuration calls the server.
            patient, connecting: As `open_door`.
            sampling: The first sample comes with it, for who asks for it soon.

        Raises:
            NoConnection, UsageError: as `open_door`.
            NoSample: The server does not tell its settings.
        """
        opened: list[Probe] = []

        async def begin(connection: Connection, settling: Settling | None) -> None:
            opened.append(cls(connection, target))
            await opened[-1]._begin(settling, sampling=sampling)

        await open_door(
            conninfo,
            password=password,
            read_only=read_only,
            deadline=deadline,
            patient=patient,
            connecting=connecting,
            first=begin,
            first_within=deadline or FIRST_ANSWER_WITHIN,
        )
        return opened[-1]

    async def _begin(self, settling: Settling | None, *, sampling: bool) -> None:
        rare = catalogue_questions(self._asking.version)
        rare.append(Question(IDENTITY, query(IDENTITY, self._asking.version)))
        began = time.perf_counter()
        answers = await self._asking.ask(self._questions() if sampling else (), rare, settling=settling)
        if not self.catalogue.facts.max_connections:
            raise NoSample(f"the server does not tell its settings: {getattr(answers['settings'], 'reason', '')}")
        identity = answers.pop(IDENTITY)
        self._denied.forget(IDENTITY)
        self.system = identity[0][0] if isinstance(identity, list) else None
        if sampling:
            now = time.perf_counter()
            self._first = _First(answers, now - began, time.monotonic())

    @property
    def called(self) -> str:
        """How the user calls the server."""
        return self._name

    @property
    def catalogue(self) -> Catalogue:
        """Names and limits as last read."""
        return self._asking.catalogue

    @property
    def mistaken(self) -> int:
        """How many sessions a whole list found to be another than was shown: 0, or there is a fault in `carried`."""
        return self._list.mistaken

    def hurry(self) -> None:
        """Ask for everything in the next sample, whatever it costs."""
        self._first = None
        self._list.hurry()
        for budget in self._asking.budgets.values():
            budget.hurry()

    def paced(self, interval: float) -> Spared | None:
        """How often to ask so that the list of sessions costs the server no more than its share; None for as often.

        It is what everything else is about, so that it comes in every other interval at the least.
        """
        budget = self._asking.budgets["sessions"]
        if budget.every <= interval:
            return None
        return Spared("sessions", budget.cost, min(budget.every, MOST_INTERVALS * interval), 0.0)

    async def sample(self) -> Snapshot:
        """Ask for everything at once.

        Names that are new cost a second round trip, at most once a second.

        Raises:
            NoConnection: when the connection is lost.
            NoSample: when the server refuses the question about sessions itself.
        """
        for part in ESSENTIAL:
            if part in self._denied:
                raise NoSample(f"the server does not tell its sessions: {self._denied.reason(part)}")
        answers, began = await self._asked()
        activity = await self._read_sessions(answers)
        if activity is None:
            answers |= await self._asking.ask(self._essential_questions())
            activity = await self._read_sessions(answers)
        round_trip = time.perf_counter() - began
        if activity is None:
            raise NoSample("the server does not tell its sessions: its answers do not fit together")
        await self._look_at_locks(answers, activity)
        return self._snapshot(_rows_of(answers, "moment")[0], activity, answers, round_trip)

    async def _asked(self) -> tuple[dict[str, Answer], float]:
        """The answers, and when they were asked for, in seconds of `perf_counter`."""
        first, self._first = self._first, None
        if first is not None and time.monotonic() - first.came_at < FIRST_LASTS:
            return first.answers, time.perf_counter() - first.round_trip
        totals = [one for one in counted.questions(self._asking.version) if self._asking.is_due(one.part)]
        questions = [*self._questions(), *self._denied.allowed(totals)]
        alone = self._denied.allowed(self._log_questions())
        began = time.perf_counter()
        return await self._asking.ask(questions, self._asking.rare_questions(), alone), began

    async def _read_sessions(self, answers: Mapping[str, Answer]) -> Activity | None:
        """None where everybody has to be asked for."""
        try:
            moment, rows = (_rows_of(answers, part) for part in ESSENTIAL)
        except NoSample:
            self._list.forget()
            raise
        roles, databases = {row[2] for row in rows}, {row[3] for row in rows}  # none in a short row
        if not self.catalogue.knows(roles, databases):
            await self._asking.learn_names()
        told = await self._told(rows)
        activity = self._list.take(moment[0][0], told, answers.get(PRESENT), self.catalogue)
        if not self.catalogue.knows(roles, databases):
            self._list.forget()  # who has no name yet may get one
        return activity

    async def _told(self, rows: Sequence[Row]) -> list[Session] | None:
        """The sessions that are told, so many at a time that whoever else waits for the processor has not to wait long;
        None where a row leaves out what is not known."""
        told: list[Session] = []
        for start in range(0, len(rows), AT_ONCE):
            read = self._list.read(rows[start : start + AT_ONCE], self._words, self._read_row)
            if read is None:
                return None
            told += read
            await give_way(len(rows))
        return told

    def _read_row(self, row: Row) -> Session:
        session = read_session(row, self.catalogue, self._words)
        if not self.hides_literals:
            return session
        from pgheadroom.postgres.literals import without_literals  # here: compiling its patterns takes a while

        return session._replace(query=without_literals(session.query))

    async def _look_at_locks(self, answers: dict[str, Answer], activity: Activity) -> None:
        """Who is the first to wait costs a second round trip, and a lock that nobody waited for before another one, for
        the name of its table."""
        if asked := self._denied.allowed(self._locks.unexpected(activity, self.catalogue.facts.version_num)):
            answers |= await self._asking.ask(asked)
        await give_way(len(activity.sessions))
        self._locks.take(answers, activity, self.catalogue)
        await give_way(len(activity.sessions))
        questions = self._locks.open_questions(self.catalogue)
        if allowed := self._denied.allowed(questions):
            self._locks.take_more(await self._asking.ask(allowed), activity, self.catalogue)
        prepared = self._prepared.questions(self._locks.found().blockers, time.monotonic(), self.catalogue)
        if asked := self._denied.allowed(prepared):
            told = await self._asking.ask(asked)
            self._prepared.take(told.get(prepared[0].part), self.catalogue)
        held = self._held.questions(activity, time.monotonic(), self.catalogue)
        if asked := self._denied.allowed(held):
            told = await self._asking.ask(asked)
            self._held.take(told.get(held[0].part), activity, self.catalogue)

    def _questions(self) -> list[Question]:
        """The clock first, then the sessions, then what depends on them."""
        version = self._asking.version
        questions = self._essential_questions()
        questions += self._logins.questions(version, time.monotonic())
        questions += self._locks.questions(version, logins=self._logins.count > 0, told=self._tells)
        return self._denied.allowed(questions)

    def _essential_questions(self) -> list[Question]:
        return [self._moment_question(), *self._session_questions()]

    def _log_questions(self) -> list[Question]:
        if not self.reads_log:
            return []
        return self._log.questions(self.catalogue.log, self._asking.version, time.monotonic())

    def _session_questions(self) -> list[Question]:
        alone, presence = DETAILS in self._denied, PRESENT not in self._denied
        return self._list.questions(self.catalogue, alone=alone, presence=presence, telling=self._tells)

    @property
    def _tells(self) -> bool:
        """Whether the sessions tell the lock table's question that somebody waits."""
        return self._asking.is_pinned and DETAILS not in self._denied

    def _moment_question(self) -> Question:
        name = "moment_alone" if RECOVERY in self._denied else "moment"
        return Question("moment", query(name, self._asking.version))

    def _snapshot(self, moment: Row, activity: Activity, answers: dict[str, Answer], round_trip: float) -> Snapshot:
        catalogue, facts = self.catalogue, self.catalogue.facts
        taken_at, in_recovery = moment
        # Not told any more: as it was.
        self._in_recovery = self._in_recovery if in_recovery is None else in_recovery
        now = time.monotonic()
        self._logins.take(answers, now)
        refusals = self._log.take(answers, catalogue.codec, taken_at, now)
        waits = self._locks.found()
        sessions = with_blockers(activity.sessions, waits.blockers, self._shown)
        processes = with_blockers(activity.processes, waits.blockers, self._shown)
        self._shown = {one.pid: one for one in (*sessions, *processes) if one.blocked_by}
        activity = replace(activity, sessions=sessions, processes=processes)
        return Snapshot(
            taken_at=taken_at,
            round_trip=round_trip,
            server=Server(self._name, facts.version, facts.version_num, self._in_recovery, facts.started_at),
            door=self._door(facts, activity),
            settings=facts.settings,
            sessions=activity.sessions,
            processes=activity.processes,
            authenticating=self._logins.count,
            slot_sync_takes_slot=slot_sync_takes_slot(facts.version_num, activity.processes),
            exact=activity.exact,
            lock_requests=self._logins.requests(waits, activity),
            held_locks=self._held.found(activity),
            prepared=self._prepared.found(),
            roles=catalogue.roles,
            databases=catalogue.databases,
            gaps=self._gaps(answers, activity),
            literals_hidden=self.hides_literals,
            spared=(*self._locks.spared(), *self._logins.spared(answers, now), *self._log.spared(now)),
            lock_totals=counted.lock_totals(answers),
            session_totals=counted.session_totals(answers),
            refusals=refusals,
        )

    @property
    def through_pooler(self) -> bool:
        """The pid that we were told at connect is not the one that answers."""
        return self.catalogue.facts.backend_pid not in (0, self.connection.info.backend_pid)

    def _door(self, facts: Facts, activity: Activity) -> Door:
        unknown = "rights" in {part for part, _ in self.catalogue.refused}
        return Door(
            user=facts.user,
            database=facts.database,
            slot=self.catalogue.slot,
            pid=0 if self.through_pooler else facts.backend_pid,
            sees_all=activity.exact if unknown else facts.reads_all_stats,
            # The server is the judge of it.
            may_signal=unknown or facts.signals_backends or facts.superuser,
            label=f"{facts.user}@{self._place}/{facts.database}",
        )

    def _gaps(self, answers: Mapping[str, Answer], activity: Activity) -> tuple[Gap, ...]:
        found = unanswered(answers, self._denied, self.catalogue.refused, silent=(PRESENT, *counted.COUNTED))
        if self._locks.unnamed and self._locks.found().requests:
            found.append(UNNAMED_TABLES)
        if self.mistaken and os.environ.get("PGHEADROOM_DEBUG") == "1":
            found.append(Gap("sessions", f"a fault of ours: {self.mistaken} were another than shown, see carried.py"))
        if not activity.exact:
            found.append(hidden_sessions(self.catalogue.facts.user))
        if self.through_pooler:
            found.append(THROUGH_POOLER)
        elif not self._asking.is_pinned:
            found.append(UNPINNED)
        if reason := self._log.unread(self.catalogue.log, self.catalogue.facts.user, self.catalogue.facts.database):
            found.append(Gap(REFUSED, reason, harmless=True))
        return tuple(found)

    def line(self) -> int | None:
        """A descriptor of the socket, the caller's to close: libpq's own is watched while an answer is waited for."""
        try:
            return os.dup(self.connection.pgconn.socket)
        except (OSError, psycopg.Error):
            return None

    async def close(self) -> None:
        """Give the slot back."""
        await self.connection.close()

    async def hang_up(self, in_flight: asyncio.Task[object] | None = None) -> None:
        """Give up a connection that does not answer, see `door.hang_up`."""
        await hang_up(self.connection, in_flight)


def place_of(connection: Connection) -> str:
    """`host:port`, or the socket's folder."""
    pgconn = connection.pgconn
    host, port = pgconn.host.decode("utf-8", "replace"), pgconn.port.decode("ascii")
    return place_of_socket(host, port) if host.startswith("/") else at_port(host, port)


def _rows_of(answers: Mapping[str, Answer], part: str) -> list[Row]:
    """The rows of an essential part.

    Raises:
        NoSample: There are none.
    """
    answer = answers[part]
    if isinstance(answer, Unanswered):
        raise NoSample(f"the server does not tell its sessions: {answer.reason}")
    return answer


def slot_sync_takes_slot(version_num: int, processes: Sequence[Session]) -> bool:
    """17.0 to 17.2 gave the worker that synchronises replication slots an ordinary slot."""
    if version_num not in versions.SLOT_SYNC_TAKES_A_SLOT:
        return False
    return any(process.backend_type == _SLOT_SYNC for process in processes)
