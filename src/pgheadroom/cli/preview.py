"""What `terminate` and `cancel` print: who it would be, who is left out and why, and what came of it. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pgheadroom.acting.sessions import SessionAction
from pgheadroom.model.action import Outcome, Verb
from pgheadroom.model.plan import Plan
from pgheadroom.model.session import Session
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.rules.acting.reclaimed import Reclaimed
from pgheadroom.view.cells import Cell
from pgheadroom.view.columns import Column, table_text
from pgheadroom.view.confirmation import consequences, pooler_warning, short_queries
from pgheadroom.view.tables.sessions import SESSION_COLUMNS
from pgheadroom.wire.codec import told_moment
from pgheadroom.wire.session import rounded, told_id, told_session
from pgheadroom.words.counts import plural
from pgheadroom.words.text import cell_width, safe

SCHEMA = 2
"""2: a session has all the keys that it has in the JSON of `snapshot`, its spans in milliseconds."""
BEYOND_LIMIT = "beyond --limit"
"""Why a session is left out that nothing protects. Text only counts them: they are like those that are listed."""

_Left = tuple[Session, str]
_TARGET_COLUMNS = tuple(column for column in SESSION_COLUMNS if column.name not in {"connection", "wait"})
_WHO = ("pid", "user", "database", "application", "client", "state", "age")


@dataclass(frozen=True, slots=True)
class Preview:
    """What an action would do.

    Attributes:
        chosen_by: The filter's text.
        seen: The sample it was worked out on.
    """

    plan: Plan
    chosen_by: str
    seen: Snapshot


# --- text ------------------------------------------------------------------------------------------------------------


def preview_text(preview: Preview, width: int) -> str:
    """Lines for people, without a newline at the end."""
    plan, seen = preview.plan, preview.seen
    server = f"{seen.server.name}, PostgreSQL {seen.server.version}, as {seen.door.user}"
    lines = [f"{plan.verb}  {preview.chosen_by}", f"server  {safe(server)}", ""]
    lines += _targets(plan, seen.taken_at, width)
    spared = [(session, reason) for session, reason in plan.left_out if reason != BEYOND_LIMIT]
    if spared:
        lines += ["", f"left out: {plural(len(spared), 'session')}", *_left_out(spared, seen.taken_at, width)]
    if beyond := len(plan.left_out) - len(spared):
        lines += ["", f"{plural(beyond, 'session')} more {BEYOND_LIMIT}"]
    return "\n".join(line.rstrip() for line in lines)


def _targets(plan: Plan, now: datetime, width: int) -> Iterator[str]:
    if not plan.targets:
        yield "no session to signal"
        return
    yield from table_text(_TARGET_COLUMNS, plan.targets, now, width)
    yield ""
    yield f"{plural(len(plan.targets), 'session')}: {'; '.join(consequences(plan.verb, plan))}"
    if short := short_queries(plan.verb, plan.targets, now):
        yield f"note: {short}"
    if plan.poolers:
        yield f"note: {pooler_warning(plan)}"


def _left_out(spared: Sequence[_Left], now: datetime, width: int) -> Iterator[str]:
    def of_session(column: Column[Session]) -> Column[_Left]:
        return Column(
            column.name,
            column.title,
            column.width,
            lambda row, now: column.cell(row[0], now),
            None,
            column.align,
            column.flex,
            column.importance,
        )

    columns = [of_session(column) for column in _TARGET_COLUMNS if column.name in _WHO]
    # The reason is never cut: rather columns of lesser importance go.
    room = max(cell_width(safe(reason)) for _, reason in spared)
    reason: Column[_Left] = Column("reason", "because", room, lambda row, now: Cell(safe(row[1])), flex=1)
    return table_text([*columns, reason], spared, now, width)


def result_text(action: SessionAction) -> str:
    """What came of it: a line, and one for each session that did not end as it should."""
    lines = [action.sentence]
    for session, result in zip(action.confirmed.plan.targets, action.results, strict=True):
        if result.outcome not in (Outcome.ENDED, Outcome.STOPPED):
            who = f"{session.user or '-'}@{session.database or '-'}"
            lines.append(safe(f"pid {session.pid} {who}: {result.outcome}; {result.whole_message}"))
    return "\n".join(lines)


# --- JSON ------------------------------------------------------------------------------------------------------------


def preview_document(preview: Preview) -> dict[str, Any]:
    """Plain values for JSON. Moments are ISO 8601, spans are seconds; text is as the server sent it."""
    plan, seen = preview.plan, preview.seen
    return {
        "schema": SCHEMA,
        "verb": str(plan.verb),
        "filter": preview.chosen_by,
        "taken_at": told_moment(seen.taken_at),
        "server": {"name": seen.server.name, "version": seen.server.version},
        "door": {"user": seen.door.user, "slot": str(seen.door.slot)},
        "count": len(plan.targets),
        "slots_freed": plan.slots_freed,
        "waiters_released": plan.waiters_released,
        "waiters_at_once": plan.waiters_at_once,
        "transactions_rolled_back": plan.transactions_rolled_back,
        "oldest_transaction_seconds": rounded(plan.oldest_transaction_seconds),
        "targets": [told_session(session, seen.taken_at) for session in plan.targets],
        "left_out": [told_session(session, seen.taken_at) | {"reason": reason} for session, reason in plan.left_out],
        "gaps": [{"part": gap.part, "reason": gap.reason} for gap in seen.gaps],
        "signalled": False,
    }


def result_document(action: SessionAction) -> dict[str, Any]:
    """What is laid over `preview_document` once it is done. `slots` is null for a cancel, and where nobody looked."""
    return {
        "signalled": True,
        "results": [
            told_id(result.target.id) | {"outcome": str(result.outcome), "message": result.whole_message}
            for result in action.results
        ],
        "slots": _slots(action.slots),
    }


def _slots(slots: Reclaimed | None) -> dict[str, Any] | None:
    if slots is None:
        return None
    return {
        "freed": slots.freed,
        "still_there": len(slots.still_there),
        "retaken": slots.retaken_count,
        "reopened": slots.reopened,
        "seconds": slots.seconds,
        "watched_to_the_end": slots.over,
    }


def nothing_was_done(verb: Verb) -> str:
    """The reminder after a preview."""
    return f"nothing was signalled: add --yes to {verb}"
