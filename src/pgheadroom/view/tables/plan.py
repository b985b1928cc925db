"""The table of a bulk action's preview: exactly who, and who is left out and why."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from pgheadroom.model.plan import Plan
from pgheadroom.model.session import Session, SessionId
from pgheadroom.view.cells import Cell
from pgheadroom.view.columns import Column
from pgheadroom.view.tables.sessions import SESSION_COLUMNS

NOTHING_SINCE: Mapping[SessionId, str] = {}


class PlanRow(NamedTuple):
    """A session and, when it is left out, the reason; `since` is what became of it since it was listed."""

    session: Session
    reason: str = ""
    since: str = ""


def plan_rows(plan: Plan, since: Mapping[SessionId, str] = NOTHING_SINCE) -> list[PlanRow]:
    """Those to signal first, then those left out. `since` is of those who left or changed since they were listed."""
    return [
        *(PlanRow(session, since=since.get(session.id, "")) for session in plan.targets),
        *(PlanRow(session, reason) for session, reason in plan.left_out),
    ]


def _verdict(row: PlanRow, now: datetime) -> Cell:
    if row.since:
        return Cell(f"~ {row.since}", "warn")
    return Cell(f"✗ {row.reason}", "dim") if row.reason else Cell("✓ yes", "bad")


def _of_session(column: Column[Session]) -> Column[PlanRow]:
    def cell(row: PlanRow, now: datetime) -> Cell:
        text, style = column.cell(row.session, now)
        return Cell(text, "dim" if row.reason or row.since else style)

    return Column(
        column.name,
        column.title,
        column.width,
        cell,
        None,
        column.align,
        column.flex,
        column.importance or int(column.name == "transaction"),
    )


PLAN_COLUMNS: tuple[Column[PlanRow], ...] = (
    Column("verdict", "signal", 14, _verdict, flex=9),
    *(_of_session(column) for column in SESSION_COLUMNS if column.name not in {"connection", "wait"}),
)
