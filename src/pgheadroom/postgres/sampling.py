"""A sample of a server: one network round trip over one connection."""

import asyncio
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import psycopg

from pgheadroom.conninfo import at_port
from pgheadroom.model import versions
from pgheadroom.model.budget import Budget, Spared
from pgheadroom.model.lock_totals import LockTotal
from pgheadroom.model.session import Session
from pgheadroom.model.session_totals import SessionTotals
from pgheadroom.model.snapshot import Door, Gap, LockRequest, Server, Snapshot
from pgheadroom.postgres.catalogue import (
    CATALOGUE_PARTS,
    LOOKED_UP,
    NOT_SHOWN,
    Catalogue,
    Facts,
    catalogue_questions,
    nothing_read,
    read_catalogue,
)
from pgheadroom.postgres.door import Connecting, Connection, Settling, hang_up, open_door
from pgheadroom.postgres.exchange import (
    LOCK_NOT_AVAILABLE,
    Answer,
    NoSample,
    Question,
    Row,
    Transaction,
    Unanswered,
    ask,
    is_pinned,
)
from pgheadroom.postgres.held_locks import PART as HELD_LOCKS
from pgheadroom.postgres.held_locks import HeldLocks
from pgheadroom.postgres.lock_waits import Found, LockWaits, lock_table, with_blockers
from pgheadroom.postgres.prepared import Prepared
from pgheadroom.postgres.queries import query
from pgheadroom.postgres.refusal import place_of_socket
from pgheadroom.postgres.rows import Activity, Words, read_session
from pgheadroom.postgres.server_log.over_sql import PART as SERVER_LOG
from pgheadroom.postgres.server_log.over_sql import ServerLog
from pgheadroom.postgres.session_list import PRESENT, SessionList
from pgheadroom.postgres.timing import CLOCK, costs, is_clock, timed
from pgheadroom.words.sql_names import quoted

RARELY = 30.0
"""Seconds after which settings and names are read again, and a forbidden question is asked again."""
OFTEN = 5.0
"""The same for as few names as most servers have: who raised a limit wants to see that it helped."""
FEW_NAMES = 200
AT_MOST = 1.0
"""Seconds between two readings of the names because of an unknown role or database."""
FIRST_ANSWER_WITHIN = 20.0
"""Seconds for the first question, by default: longer than statement_timeout."""
FIRST_LASTS = 1.0
"""Seconds for which the sample that came with the login is one of now."""
IDENTITY = "server_identity"
ESSENTIAL = ("moment", "sessions")
"""Parts without which there is no sample."""
MOST_INTERVALS = 2
"""The most intervals between two lists of sessions."""
AT_ONCE, GAP = 1000, 0.001
"""Rows that are read without a gap, and its seconds: 3 ms each."""
NAMES_WAIT = "20ms"
"""How long a question may stand in a queue for a locked catalogue: without names there are numbers, at once."""
NAMES = {"databases", "roles", LOOKED_UP}
TOTALS, LOCK_TOTALS = "session totals", "lock totals"
COUNTED = (
    (TOTALS, "session_totals", versions.SESSIONS_ARE_COUNTED_SINCE),
    (LOCK_TOTALS, "lock_totals", versions.LOCK_WAITS_ARE_COUNTED_SINCE),
)
"""Parts, their questions, and since when there are any."""
BY_NAME, RECOVERY, DETAILS = "settings by name", "recovery", "queries"
_CAN_DO_WITHOUT = {"settings": BY_NAME, "moment": RECOVERY, "sessions": DETAILS}
"""What a part that was refused is asked without from then on."""
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
        self._catalogue = nothing_read(connection.info.server_version)
        self._read_at = time.monotonic()
        self._forbidden: dict[str, tuple[str, float]] = {}
        self._locks = LockWaits()
        self._held = HeldLocks()
        self._prepared = Prepared()
        self._log = ServerLog()
        self._authenticating, self._authenticating_at = 0, 0.0
        self._budgets = {
            "locks": self._locks.budget,
            "sessions": Budget(),
            "authenticating": Budget(),
            HELD_LOCKS: self._held.budget,
            SERVER_LOG: self._log.budget,
            TOTALS: Budget(),
            LOCK_TOTALS: Budget(),
        }
        self._costly = False
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
        rare = catalogue_questions(self._catalogue.facts.version_num)
        rare.append(Question(IDENTITY, query(IDENTITY, self._catalogue.facts.version_num)))
        began = time.perf_counter()
        answers = await self._ask(self._questions() if sampling else (), rare, settling=settling)
        if not self._catalogue.facts.max_connections:
            raise NoSample(f"the server does not tell its settings: {getattr(answers['settings'], 'reason', '')}")
        identity = answers.pop(IDENTITY)
        self._forbidden.pop(IDENTITY, None)  # it is asked for once
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
        return self._catalogue

    @property
    def mistaken(self) -> int:
        """How many sessions a whole list found to be another than was shown: 0, or there is a fault in `carried`."""
        return self._list.mistaken

    def hurry(self) -> None:
        """Ask for everything in the next sample, whatever it costs."""
        self._first = None
        self._list.hurry()
        for budget in self._budgets.values():
            budget.hurry()

    def paced(self, interval: float) -> Spared | None:
        """How often to ask so that the list of sessions costs the server no more than its share; None for as often.

        It is what everything else is about, so that it comes in every other interval at the least.
        """
        budget = self._budgets["sessions"]
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
            if self._is_forbidden(part):
                raise NoSample(f"the server does not tell its sessions: {self._forbidden[part][0]}")
        answers, began = await self._asked()
        activity = await self._read_sessions(answers)
        if activity is None:
            answers |= await self._ask(self._essential_questions())
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
        began = time.perf_counter()
        return await self._ask(
            self._questions(), self._rare_questions(), [*self._totals_questions(), *self._log_questions()]
        ), began

    async def _read_sessions(self, answers: Mapping[str, Answer]) -> Activity | None:
        """None where everybody has to be asked for."""
        try:
            moment, rows = (_rows_of(answers, part) for part in ESSENTIAL)
        except NoSample:
            self._list.forget()
            raise
        roles, databases = {row[2] for row in rows}, {row[3] for row in rows}  # none in a short row
        if not self._catalogue.knows(roles, databases):
            await self._learn_names()
        told = await self._told(rows)
        activity = self._list.take(moment[0][0], told, answers.get(PRESENT), self._catalogue)
        if not self._catalogue.knows(roles, databases):
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
            if len(rows) > AT_ONCE:
                await asyncio.sleep(GAP)
        return told

    def _read_row(self, row: Row) -> Session:
        session = read_session(row, self._catalogue, self._words)
        if not self.hides_literals:
            return session
        from pgheadroom.postgres.literals import without_literals  # here: compiling its patterns takes a while

        return session._replace(query=without_literals(session.query))

    async def _look_at_locks(self, answers: dict[str, Answer], activity: Activity) -> None:
        """A lock that nobody waited for before costs a second round trip, for the name of its table."""
        self._locks.take(answers, activity, self._catalogue)
        questions = self._locks.open_questions(self._catalogue)
        if allowed := [question for question in questions if not self._is_forbidden(question.part)]:
            self._locks.take_more(await self._ask(allowed), activity, self._catalogue)
        prepared = self._prepared.questions(self._locks.found().blockers, time.monotonic(), self._catalogue)
        if prepared and not self._is_forbidden(prepared[0].part):
            told = await self._ask(prepared)
            self._prepared.take(told.get(prepared[0].part), self._catalogue)
        held = self._held.questions(activity, time.monotonic(), self._catalogue)
        if held and not self._is_forbidden(held[0].part):
            told = await self._ask(held)
            self._held.take(told.get(held[0].part), activity, self._catalogue)

    def _questions(self) -> list[Question]:
        """The clock first, then the sessions, then what depends on them."""
        version = self._catalogue.facts.version_num
        questions = self._essential_questions()
        counted = version < versions.AUTHENTICATING_ARE_ROWS_SINCE
        if counted and self._budgets["authenticating"].is_due(time.monotonic()):
            questions.append(Question("authenticating", query("authenticating", version)))
        logins = version < versions.AUTHENTICATING_ARE_ROWS_SINCE and self._authenticating > 0
        questions += self._locks.questions(version, logins=logins, told=self._tells)
        return [question for question in questions if not self._is_forbidden(question.part)]

    def _essential_questions(self) -> list[Question]:
        return [self._moment_question(self._catalogue.facts.version_num), *self._session_questions()]

    def _rare_questions(self) -> list[Question]:
        if time.monotonic() - self._read_at < self._catalogue_lasts:
            return []
        questions = catalogue_questions(self._catalogue.facts.version_num, listed=self._is_forbidden(BY_NAME))
        return [question for question in questions if not self._is_forbidden(question.part)]

    def _totals_questions(self) -> list[Question]:
        """What the server counts by itself, each by its own budget."""
        version, now = self._catalogue.facts.version_num, time.monotonic()
        return [
            Question(part, query(name, version))
            for part, name, since in COUNTED
            if version >= since and not self._is_forbidden(part) and self._budgets[part].is_due(now)
        ]

    def _log_questions(self) -> list[Question]:
        if not self.reads_log:
            return []
        facts = self._catalogue.facts
        questions = self._log.questions(self._catalogue.log, facts.version_num, time.monotonic())
        return [question for question in questions if not self._is_forbidden(question.part)]

    @property
    def _catalogue_lasts(self) -> float:
        """Seconds. A part that did not answer may cost its timeout each time."""
        count = len(self._catalogue.roles) + len(self._catalogue.databases)
        return RARELY if self._costly or count > FEW_NAMES else OFTEN

    def _session_questions(self) -> list[Question]:
        alone, presence = self._is_forbidden(DETAILS), not self._is_forbidden(PRESENT)
        return self._list.questions(self._catalogue, alone=alone, presence=presence, telling=self._tells)

    @property
    def _tells(self) -> bool:
        """Whether the sessions tell the lock table's question that somebody waits."""
        return is_pinned(self.connection) and not self._is_forbidden(DETAILS)

    def _moment_question(self, version: int) -> Question:
        return Question("moment", query("moment_alone" if self._is_forbidden(RECOVERY) else "moment", version))

    async def _ask(
        self,
        questions: Sequence[Question],
        rare: Sequence[Question] = (),
        alone: Sequence[Question] = (),
        *,
        settling: Settling | None = None,
    ) -> dict[str, Answer]:
        """Everything in one round trip; what was not reached because of a refusal is asked for again without that.

        Args:
            rare: Of the catalogue.
            alone: Whose failure shall cost nothing else.
            settling: Of a new session, ahead of them.
        """
        groups = [group for group in (questions, *((one,) for one in (*rare, *alone))) if group]
        clocks = not self._is_forbidden(CLOCK)
        transactions = [Transaction(timed(group) if clocks else group, NAMES_WAIT) for group in groups]
        answers: dict[str, Answer] = {}
        while transactions:
            came, settling = await ask(self.connection, transactions, settling), None
            for transaction, told in zip(transactions, came, strict=True):
                answers |= zip([question.part for question in transaction.questions], told, strict=True)
            transactions = [
                Transaction(again, NAMES_WAIT) for one in transactions if (again := self._again(one.questions, answers))
            ]
        if rare:
            self._read_catalogue(answers)
        self._count_costs(answers)
        return {part: answer for part, answer in answers.items() if not is_clock(part)}

    def _count_costs(self, answers: Mapping[str, Answer]) -> None:
        found, now = costs(answers), time.monotonic()
        for part in self._budgets.keys() & answers.keys():
            self._budgets[part].asked(now, found.get(part))

    def _again(self, questions: Sequence[Question], answers: dict[str, Answer]) -> list[Question]:
        """What to ask once more after a refusal that came at once: another way, and what came behind it."""
        again: list[Question] = []
        for question in questions:
            answer = answers[question.part]
            if not isinstance(answer, Unanswered):
                continue
            if answer.sqlstate:
                again += self._another_way(question, answer)
                if not _came_at_once(answer):
                    return again
            elif not answer.reached and not (is_clock(question.part) and self._is_forbidden(CLOCK)):
                again.append(self._by_itself(question))
        return again

    def _by_itself(self, asked: Question) -> Question:
        """The question as it is asked where those before it have failed."""
        if asked.part != "locks":
            return asked
        return lock_table(self._catalogue.facts.version_num, read=False, told=False)

    def _note(self, part: str, answer: Unanswered) -> None:
        if answer.forbidden:
            function = CLOCK if is_clock(part) else _CAN_DO_WITHOUT.get(part, part)
            refused = part if self._is_forbidden(function) else function
            self._forbidden[refused] = (answer.reason, time.monotonic() + RARELY)

    def _another_way(self, asked: Question, answer: Unanswered) -> list[Question]:
        """How else it can be asked. What was refused for want of a right is not asked like that from now on."""
        version = self._catalogue.facts.version_num
        if not (asked.sql == query("activity", version, "telling") and not is_pinned(self.connection)):
            self._note(asked.part, answer)  # else it was refused for set_config, which is not part of it any more
        match asked.part:
            case "moment":
                other = self._moment_question(version)
            case "sessions":
                other = self._session_questions()[0]
            case "settings":
                other = catalogue_questions(version, listed=self._is_forbidden(BY_NAME))[0]
            case _:
                return []
        return [other] if other.sql != asked.sql else []

    def _is_forbidden(self, part: str) -> bool:
        """What was refused for lack of privilege would fill the server's log if asked each second."""
        if part in self._forbidden and self._forbidden[part][1] <= time.monotonic():
            del self._forbidden[part]
        return part in self._forbidden

    async def _learn_names(self) -> None:
        refused = NAMES & {part for part, _ in self._catalogue.refused}
        if time.monotonic() - self._read_at >= (OFTEN if refused else AT_MOST):
            questions = catalogue_questions(self._catalogue.facts.version_num)
            await self._ask((), [one for one in questions if one.part in NAMES and not self._is_forbidden(one.part)])

    def _read_catalogue(self, answers: dict[str, Answer]) -> None:
        self._read_at = time.monotonic()
        told = {part: answers[part] for part in CATALOGUE_PARTS if part in answers}
        self._costly = any(isinstance(answer, Unanswered) and not _came_at_once(answer) for answer in told.values())
        self._catalogue = read_catalogue(told, self._catalogue) or self._catalogue

    def _snapshot(self, moment: Row, activity: Activity, answers: dict[str, Answer], round_trip: float) -> Snapshot:
        catalogue, facts = self._catalogue, self._catalogue.facts
        taken_at, in_recovery = moment
        # Not told any more: as it was.
        self._in_recovery = self._in_recovery if in_recovery is None else in_recovery
        if "authenticating" in answers:
            self._authenticating, self._authenticating_at = _count(answers["authenticating"]), time.monotonic()
        refusals = self._log.take(answers.pop(SERVER_LOG, None), catalogue.codec, taken_at, time.monotonic())
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
            authenticating=self._authenticating,
            slot_sync_takes_slot=slot_sync_takes_slot(facts.version_num, activity.processes),
            exact=activity.exact,
            lock_requests=self._with_logins(waits, activity),
            held_locks=self._held.found(activity),
            prepared=self._prepared.found(),
            roles=catalogue.roles,
            databases=catalogue.databases,
            gaps=tuple(self._gaps(answers, activity)),
            literals_hidden=self.hides_literals,
            spared=(*self._locks.spared(), *self._spared(answers), *self._log.spared(time.monotonic())),
            lock_totals=_lock_totals(answers.get(LOCK_TOTALS)),
            session_totals=_totals(answers.get(TOTALS)),
            refusals=refusals,
            refusals_unread=self._log.unread(catalogue.log, facts.user, facts.database),
        )

    def _spared(self, answers: Mapping[str, Answer]) -> Iterator[Spared]:
        """That authenticating backends were counted before, where some were."""
        if self._authenticating and "authenticating" not in answers:
            budget, age = self._budgets["authenticating"], time.monotonic() - self._authenticating_at
            yield Spared("authenticating", budget.cost, budget.every, age)

    @property
    def through_pooler(self) -> bool:
        """The pid that we were told at connect is not the one that answers."""
        return self._catalogue.facts.backend_pid not in (0, self.connection.info.backend_pid)

    def _with_logins(self, waits: Found, activity: Activity) -> tuple[LockRequest, ...]:
        """The requests; those of backends that have no row yet say themselves whom they wait for."""
        if not self._authenticating or not waits.requests:
            return waits.requests
        rows = {one.pid for one in (*activity.sessions, *activity.processes)}
        return tuple(
            one if one.pid in rows else replace(one, blocked_by=waits.blockers.get(one.pid, ()))
            for one in waits.requests
        )

    def _door(self, facts: Facts, activity: Activity) -> Door:
        unknown = "rights" in {part for part, _ in self._catalogue.refused}
        return Door(
            user=facts.user,
            database=facts.database,
            slot=self._catalogue.slot,
            pid=0 if self.through_pooler else facts.backend_pid,
            sees_all=activity.exact if unknown else facts.reads_all_stats,
            # The server is the judge of it.
            may_signal=unknown or facts.signals_backends or facts.superuser,
            label=f"{facts.user}@{self._place}/{facts.database}",
        )

    def _gaps(self, answers: dict[str, Answer], activity: Activity) -> list[Gap]:
        gaps = [Gap(part, answer.reason) for part, answer in answers.items() if isinstance(answer, Unanswered)]
        gaps += [Gap(part, reason) for part, (reason, _) in self._forbidden.items() if part not in answers]
        gaps = [gap for gap in gaps if gap.part not in (*NOT_SHOWN, PRESENT, TOTALS, LOCK_TOTALS)]
        told = {gap.part for gap in gaps}
        gaps += [Gap(part, reason) for part, reason in self._catalogue.refused if part not in told]
        if self._locks.unnamed and self._locks.found().requests:
            gaps.append(Gap("locks", "pg_class is locked: tables are shown by their number"))
        if self.mistaken and os.environ.get("PGHEADROOM_DEBUG") == "1":
            gaps.append(Gap("sessions", f"a fault of ours: {self.mistaken} were another than shown, see carried.py"))
        if not activity.exact:
            gaps.append(hidden_sessions(self._catalogue.facts.user))
        if self.through_pooler:
            gaps.append(Gap("connection", "we come through a pooler: our timeouts are not set; connect directly"))
        elif not is_pinned(self.connection):
            gaps.append(Gap("connection", "our timeouts are not set: our role may not call set_config"))
        return gaps

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


def _came_at_once(refusal: Unanswered) -> bool:
    """Whether to ask on costs no more than a round trip: nothing has waited for a timeout of seconds."""
    return refusal.forbidden or refusal.sqlstate == LOCK_NOT_AVAILABLE


def place_of(connection: Connection) -> str:
    """`host:port`, or the socket's folder."""
    pgconn = connection.pgconn
    host, port = pgconn.host.decode("utf-8", "replace"), pgconn.port.decode("ascii")
    return place_of_socket(host, port) if host.startswith("/") else at_port(host, port)


def hidden_sessions(user: str) -> Gap:
    """What an ordinary role does not see, and the grant that would show it."""
    return Gap(
        "sessions",
        "other roles' sessions are hidden: no state, client, times or query, and counts are estimates; "
        f"GRANT pg_monitor TO {quoted(user) or '<role>'} shows them",
    )


def _rows_of(answers: Mapping[str, Answer], part: str) -> list[Row]:
    """The rows of an essential part.

    Raises:
        NoSample: There are none.
    """
    answer = answers[part]
    if isinstance(answer, Unanswered):
        raise NoSample(f"the server does not tell its sessions: {answer.reason}")
    return answer


def _count(answer: Answer | None) -> int:
    return int(answer[0][0]) if isinstance(answer, list) else 0


def _totals(answer: Answer | None) -> SessionTotals | None:
    return SessionTotals(*answer[0]) if isinstance(answer, list) else None


def _lock_totals(answer: Answer | None) -> tuple[LockTotal, ...] | None:
    if not isinstance(answer, list):
        return None
    return tuple(LockTotal(bytes(kind).decode("ascii", "replace"), waits) for kind, waits in answer)


def slot_sync_takes_slot(version_num: int, processes: Sequence[Session]) -> bool:
    """17.0 to 17.2 gave the worker that synchronises replication slots an ordinary slot."""
    if version_num not in versions.SLOT_SYNC_TAKES_A_SLOT:
        return False
    return any(process.backend_type == _SLOT_SYNC for process in processes)
