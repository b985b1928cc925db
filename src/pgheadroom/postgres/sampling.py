"""A sample of a server: one network round trip over one connection."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

from pgheadroom.errors import PgHeadroomError
from pgheadroom.model.session import Session
from pgheadroom.model.snapshot import Door, Gap, Server, Snapshot
from pgheadroom.postgres.catalogue import LOOKED_UP, Catalogue, Facts, catalogue_questions, read_catalogue
from pgheadroom.postgres.door import Connection, hang_up, in_time, open_door
from pgheadroom.postgres.exchange import LOCK_NOT_AVAILABLE, Answer, NoSample, Question, Row, Unanswered, ask_together
from pgheadroom.postgres.queries import query
from pgheadroom.postgres.refusal import place_of_socket
from pgheadroom.postgres.rows import Activity, Words, read_activity, read_lock_requests

RARELY = 30.0
"""Seconds after which settings and names are read again, and a forbidden question is asked again."""
OFTEN = 5.0
"""The same for as few names as most servers have: who raised a limit wants to see that it helped."""
FEW_NAMES = 200
AT_MOST = 1.0
"""Seconds between two readings of the names because of an unknown role or database."""
FIRST_ANSWER_WITHIN = 20.0
"""Seconds for the first question, by default: longer than statement_timeout."""
AUTHENTICATING_ARE_ROWS = 180_000
"""From this version on backends that still authenticate have a row."""
ESSENTIAL = ("moment", "sessions")
"""Parts without which there is no sample."""
_SLOT_SYNC_TAKES_A_SLOT = range(170_000, 170_003)
_SLOT_SYNC = "slotsync worker"


class Probe:
    """An open connection that answers with samples. One question at a time: the caller sees to it.

    Attributes:
        hides_literals: Query texts lose their literals here, before anybody sees them.
    """

    hides_literals = False

    def __init__(self, connection: Connection, catalogue: Catalogue, target: str) -> None:
        self.connection = connection
        self._catalogue = catalogue
        self._read_at = time.monotonic()
        self._forbidden: dict[str, tuple[str, float]] = {}
        self._unnamed_until = 0.0
        self._words = Words()
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
    ) -> "Probe":
        """Connect and read the settings: `open_door` and one round trip more.

        Args:
            target: How the configuration calls the server.
            patient: As `open_door`.

        Raises:
            NoConnection, UsageError: as `open_door`.
        """
        connection = await open_door(
            conninfo, password=password, read_only=read_only, deadline=deadline, patient=patient
        )
        try:
            catalogue = await in_time(connection, _first_catalogue(connection), deadline or FIRST_ANSWER_WITHIN)
        except PgHeadroomError:
            await connection.close()
            raise
        return cls(connection, catalogue, target)

    @property
    def catalogue(self) -> Catalogue:
        """Names and limits as last read."""
        return self._catalogue

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
        questions = self._questions()
        began = time.perf_counter()
        answers = dict(zip([q.part for q in questions], await self._ask(questions), strict=True))
        round_trip = time.perf_counter() - began
        moment, rows = answers["moment"], answers["sessions"]
        if isinstance(moment, Unanswered) or isinstance(rows, Unanswered):
            reason = next(answer.reason for answer in (moment, rows) if isinstance(answer, Unanswered))
            raise NoSample(f"the server does not tell its sessions: {reason}")
        if not self._catalogue.knows({row[2] for row in rows}, {row[3] for row in rows}):
            await self._learn_names()
        return self._snapshot(moment[0], rows, answers, round_trip)

    def _questions(self) -> list[Question]:
        """The clock first, then the sessions, then what depends on them; the rarely read last."""
        version = self._catalogue.facts.version_num
        questions = [Question("moment", query("moment", version)), Question("sessions", query("activity", version))]
        if version < AUTHENTICATING_ARE_ROWS:
            questions.append(Question("authenticating", query("authenticating", version)))
        questions.append(self._lock_question(version))
        if time.monotonic() - self._read_at >= self._catalogue_lasts:
            questions += catalogue_questions(version)
        return [question for question in questions if not self._is_forbidden(question.part)]

    @property
    def _catalogue_lasts(self) -> float:
        """Seconds. A part that did not answer, for a lock perhaps, would cost its timeout each time."""
        count = len(self._catalogue.roles) + len(self._catalogue.databases)
        return RARELY if self._catalogue.refused or count > FEW_NAMES else OFTEN

    def _lock_question(self, version: int) -> Question:
        if time.monotonic() < self._unnamed_until:
            return Question("locks", query("lock_requests_unnamed", version))
        return Question("locks", query("lock_requests", version), (self._catalogue.facts.database_oid,))

    async def _ask(self, questions: Sequence[Question]) -> list[Answer]:
        answers = await ask_together(self.connection, questions)
        for question, answer in zip(questions, answers, strict=True):
            if isinstance(answer, Unanswered) and answer.forbidden:
                self._forbidden[question.part] = (answer.reason, time.monotonic() + RARELY)
            if isinstance(answer, Unanswered) and question.part == "locks" and answer.sqlstate == LOCK_NOT_AVAILABLE:
                self._unnamed_until = time.monotonic() + RARELY
        self._read_catalogue(questions, answers)
        return answers

    def _is_forbidden(self, part: str) -> bool:
        """What was refused for lack of privilege would fill the server's log if asked each second."""
        if part in self._forbidden and self._forbidden[part][1] <= time.monotonic():
            del self._forbidden[part]
        return part in self._forbidden

    async def _learn_names(self) -> None:
        if time.monotonic() - self._read_at >= AT_MOST:
            await self._ask(catalogue_questions(self._catalogue.facts.version_num))

    def _read_catalogue(self, questions: Sequence[Question], answers: Sequence[Answer]) -> None:
        parts = {question.part: answer for question, answer in zip(questions, answers, strict=True)}
        if "roles" not in parts and "databases" not in parts and "settings" not in parts:
            return
        self._read_at = time.monotonic()
        not_asked = Unanswered("refused before")
        read = [parts.get(part, not_asked) for part in ("settings", "databases", "roles", LOOKED_UP)]
        self._catalogue = read_catalogue(read, self._catalogue) or self._catalogue

    def _snapshot(self, moment: Row, rows: Sequence[Row], answers: dict[str, Answer], round_trip: float) -> Snapshot:
        catalogue, facts = self._catalogue, self._catalogue.facts
        taken_at, in_recovery = moment
        activity = read_activity(rows, catalogue, self._words)
        if self.hides_literals:
            from pgheadroom.postgres.literals import hide_literals  # here: compiling its patterns takes a while

            sessions, processes = hide_literals(activity.sessions), hide_literals(activity.processes)
            activity = replace(activity, sessions=sessions, processes=processes)
        locks = answers.get("locks")
        return Snapshot(
            taken_at=taken_at,
            round_trip=round_trip,
            server=Server(self._name, facts.version, facts.version_num, in_recovery, facts.started_at),
            door=self._door(facts),
            settings=facts.settings,
            sessions=activity.sessions,
            processes=activity.processes,
            authenticating=_count(answers.get("authenticating")),
            slot_sync_takes_slot=slot_sync_takes_slot(facts.version_num, activity.processes),
            exact=activity.exact,
            lock_requests=read_lock_requests(locks, catalogue, activity.leaders) if isinstance(locks, list) else (),
            roles=catalogue.roles,
            databases=catalogue.databases,
            gaps=tuple(self._gaps(answers, activity)),
            literals_hidden=self.hides_literals,
        )

    @property
    def through_pooler(self) -> bool:
        """The pid that we were told at connect is not the one that answers."""
        return self._catalogue.facts.backend_pid != self.connection.info.backend_pid

    def _door(self, facts: Facts) -> Door:
        return Door(
            user=facts.user,
            database=facts.database,
            slot=facts.slot,
            pid=0 if self.through_pooler else facts.backend_pid,
            sees_all=facts.reads_all_stats,
            may_signal=facts.signals_backends or facts.superuser,
            label=f"{facts.user}@{self._place}/{facts.database}",
        )

    def _gaps(self, answers: dict[str, Answer], activity: Activity) -> list[Gap]:
        gaps = [Gap(part, answer.reason) for part, answer in answers.items() if isinstance(answer, Unanswered)]
        gaps += [Gap(part, reason) for part, (reason, _) in self._forbidden.items() if part not in answers]
        gaps = [gap for gap in gaps if gap.part != LOOKED_UP]  # a sample shows nothing of it
        told = {gap.part for gap in gaps}
        gaps += [Gap(part, reason) for part, reason in self._catalogue.refused if part not in told]
        if isinstance(answers.get("locks"), list) and time.monotonic() < self._unnamed_until:
            gaps.append(Gap("locks", "pg_class is locked: tables are shown by their number"))
        if not activity.exact:
            gaps.append(hidden_sessions(self._catalogue.facts.user))
        if self.through_pooler:
            gaps.append(Gap("connection", "we come through a pooler: our timeouts are not set; connect directly"))
        return gaps

    async def close(self) -> None:
        """Give the slot back."""
        await self.connection.close()

    async def hang_up(self, in_flight: asyncio.Task[object] | None = None) -> None:
        """Give up a connection that does not answer, see `door.hang_up`."""
        await hang_up(self.connection, in_flight)


async def _first_catalogue(connection: Connection) -> Catalogue:
    answers = await ask_together(connection, catalogue_questions(connection.info.server_version))
    catalogue = read_catalogue(answers, None)
    if catalogue is None:
        settings = answers[0]
        raise NoSample(f"the server does not tell its settings: {getattr(settings, 'reason', '')}")
    return catalogue


def place_of(connection: Connection) -> str:
    """`host:port`, or the socket's folder."""
    pgconn = connection.pgconn
    host, port = pgconn.host.decode("utf-8", "replace"), pgconn.port.decode("ascii")
    return place_of_socket(host, port) if host.startswith("/") else f"{host}:{port}"


def hidden_sessions(user: str) -> Gap:
    """What an ordinary role does not see, and the grant that would show it."""
    quoted = user if user.isidentifier() and user.islower() else '"' + user.replace('"', '""') + '"'
    return Gap(
        "sessions",
        "other roles' sessions are hidden: no state, client, times or query, and counts are estimates; "
        f"GRANT pg_read_all_stats TO {quoted} shows them",
    )


def _count(answer: Answer | None) -> int:
    return int(answer[0][0]) if isinstance(answer, list) else 0


def slot_sync_takes_slot(version_num: int, processes: Sequence[Session]) -> bool:
    """17.0 to 17.2 gave the worker that synchronises replication slots an ordinary slot."""
    if version_num not in _SLOT_SYNC_TAKES_A_SLOT:
        return False
    return any(process.backend_type == _SLOT_SYNC for process in processes)
