"""One server that the agent watches: sampled on and on, its newest metrics ready for whoever scrapes."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from pgheadroom.analysis import Analysis, Memory
from pgheadroom.conninfo import without_passwords
from pgheadroom.incoming import Incoming
from pgheadroom.live.source import LiveSource
from pgheadroom.model.metrics import Kind, MetricFamily, MetricSample
from pgheadroom.model.refusal import Hindrance, Refusal, RefusedBy
from pgheadroom.model.session_totals import SessionTotals
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.model.update import Trouble, Update
from pgheadroom.output.compat import compat_families
from pgheadroom.output.families import Families, counter, gauge, with_labels
from pgheadroom.output.outage import outage_families

STALE_AFTER = 300.0
"""Seconds after which an old sample is not told any more, as Prometheus itself looks back."""
AFTER_A_FAULT = 1.0
"""Seconds until the next try."""
STARTING, LOST = "starting", "lost"
REASONS = (STARTING, LOST, *(one.value.replace(" ", "_") for one in Hindrance))
"""Every reason for which there is no connection; the list is closed."""
Tell = Callable[[Analysis | Trouble], None]


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a server at a moment. It never changes: other threads read it.

    Attributes:
        families: Of the last sample.
        case: The last sample.
        at: When it came, by the clock that never goes back.
        reason: Why there is no connection now, one of REASONS; empty while there is one.
        trouble: The same in a line for people.
        refusals: What doors without room said, while that is why.
        advice: What helps then, and what to have ready the next time.
        attempts: To connect, so far.
        refused: Of them, by what refused them.
        samples: So far.
    """

    families: tuple[MetricFamily, ...] = ()
    case: Analysis | None = None
    at: float = 0.0
    reason: str = STARTING
    trouble: str = ""
    refusals: tuple[Refusal, ...] = ()
    advice: tuple[str, ...] = ()
    attempts: int = 0
    refused: Mapping[RefusedBy, int] = field(default_factory=dict)
    samples: int = 0


class Watched:
    """A target, over one connection, however many ask.

    Attributes:
        name: The label `target`.
        seen: The newest; replaced as a whole.
        totals: What the server has counted; None where it does not, or is not reached.
    """

    def __init__(
        self,
        name: str,
        source: LiveSource,
        thresholds: Thresholds,
        top: int,
        compat: Sequence[str] = (),
        tell: Tell | None = None,
    ) -> None:
        """Nothing is connected yet.

        Args:
            top: As of `Families`.
            compat: Exporters whose names are told as well, see `output.compat`.
            tell: Takes each sample's meaning, and why there is none; must not wait.
        """
        self.name = name
        self.seen = Seen()
        self.totals: SessionTotals | None = None
        self._source = source
        self._memory = Memory(thresholds)
        self._families = Families(name, top)
        self._compat = tuple(compat)
        self._tell = tell

    async def run(self) -> None:
        """Sample until cancelled, and give the slot back then. A fault of ours is told, and does not end it."""
        task = asyncio.current_task()
        try:
            while task is not None and not task.cancelling():
                try:
                    return await self._sample()
                except Exception as error:
                    self._take(Trouble(_fault(error), datetime.now(UTC)))
                await asyncio.sleep(AFTER_A_FAULT)
        finally:
            await asyncio.shield(self._source.close())

    async def _sample(self) -> None:
        async with asyncio.TaskGroup() as background:
            incoming = Incoming(self._memory.work, background.create_task, self._take)
            await self._source.run(incoming.take)

    def _take(self, update: Update) -> None:
        doors = self._source.reconnection.attempts.doors
        before = self.seen
        if isinstance(update, Snapshot):
            case = self._memory.take(update)
            # Not every sample asks for them.
            self.totals = update.session_totals or self.totals
            families = (*self._families.of(case), *compat_families(case, self._compat, self.name))
            self.seen = Seen(families, case, time.monotonic(), "", attempts=doors.attempts,
                             refused=dict(doors.refused), samples=before.samples + 1)  # fmt: skip
            self._told(case)
        else:
            waiting = update.waiting
            self.seen = replace(
                before,
                reason=_reason(update, doors.refusals, held=self._source.connected),
                trouble=update.reason,
                refusals=waiting.refusals if waiting is not None else (),
                advice=waiting.advice if waiting is not None else (),
                attempts=doors.attempts,
                refused=dict(doors.refused),
            )
            self._told(update)

    def _told(self, seen: Analysis | Trouble) -> None:
        if self._tell is not None:
            self._tell(seen)

    @property
    def interval(self) -> float:
        """Seconds between two samples, where the server is not spared."""
        return self._source.interval

    @property
    def ready(self) -> bool:
        """Whether anything is known, be it that there is no connection."""
        return self.seen.reason != STARTING

    def families(self) -> list[MetricFamily]:
        """What is known now; waits for nothing."""
        seen = self.seen
        age = time.monotonic() - seen.at if seen.case is not None else None
        fresh = age is not None and age < STALE_AFTER
        known: Sequence[MetricFamily] = seen.families if fresh else ()
        if seen.case is not None and not (seen.reason or fresh):
            seen = replace(seen, reason=_word(Hindrance.SILENCE))  # nobody told us: it is our own clock that stands
        if seen.reason:
            known = outage_families(seen.case, known, seen.refusals, self.name)
        own = [*_own(seen, age), *_counted(None if seen.reason else self.totals)]
        if "postgres_exporter" in self._compat:
            up = MetricSample((), int(not seen.reason))
            own.append(MetricFamily("pg_up", Kind.GAUGE, "As pgheadroom_up (our connection)", [up]))
        return [*known, *(with_labels(one, (("target", self.name),)) for one in own)]


def _fault(error: Exception) -> str:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return f"fault in pgheadroom: {without_passwords(f'{type(error).__name__}: {error}')}"


def _reason(trouble: Trouble, refusals: tuple[Refusal, ...], *, held: bool) -> str:
    if trouble.waiting is not None:
        return _word(Hindrance.NO_ROOM)
    if held:
        return _word(Hindrance.SILENCE)
    return next((_word(one.hindrance) for one in refusals), LOST)


def _word(hindrance: Hindrance) -> str:
    return hindrance.value.replace(" ", "_")


def _own(seen: Seen, age: float | None) -> list[MetricFamily]:
    limits = {one.limit for one in seen.refusals}
    return [
        gauge("up", "1 while there is a connection that answers, else 0 (our connection)", ((), int(not seen.reason))),
        gauge(
            "down_reason",
            "1 for the reason why there is no connection, 0 for every other (our connection)",
            *(((("reason", reason),), int(reason == seen.reason)) for reason in REASONS),
        ),
        gauge(
            "no_room",
            "1 for the limit that refuses us now, 0 for every other (the server's refusal)",
            *(((("limit", one.value.replace(" ", "_")),), int(one in limits)) for one in RefusedBy if one != _NOT_FULL),
        ),
        gauge("sample_age_seconds", "Age of the newest sample (our clock)", *([((), age)] if age is not None else [])),
        counter("samples", "Samples since the agent started (our connection)", ((), seen.samples)),
        counter("door_attempts", "Attempts to connect since the agent started (our connection)", ((), seen.attempts)),
        counter(
            "door_refusals",
            "Attempts that failed since the agent started, by the limit that refused them; other is no limit (our "
            "connection)",
            *(((("limit", one.value.replace(" ", "_")),), seen.refused.get(one, 0)) for one in RefusedBy),
        ),
    ]


def _counted(totals: SessionTotals | None) -> list[MetricFamily]:
    if totals is None:
        return []
    ended = {"abandoned": totals.abandoned, "fatal": totals.fatal, "killed": totals.killed}
    return [
        counter("new_sessions", "Sessions begun, 14+ (pg_stat_database.sessions)", ((), totals.begun)),
        counter(
            "sessions_ended_badly",
            "Sessions by how they ended when that was not well, 14+ (pg_stat_database.sessions_*)",
            *(((("how", how),), count) for how, count in ended.items()),
        ),
    ]


_NOT_FULL = RefusedBy.OTHER
