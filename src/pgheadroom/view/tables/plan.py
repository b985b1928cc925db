"""The table of a bulk action's preview: exactly who, and who is left out and why."""

from datetime import datetime
from typing import NamedTuple

from pgheadroom.model.plan import Plan
from pgheadroom.model.session import Session
from pgheadroom.view.cells import Cell
from pgheadroom.view.columns import Column
from pgheadroom.view.tables.sessions import SESSION_COLUMNS


class PlanRow(NamedTuple):
    """A session and, when it is left out, the reason."""

    session: Session
    reason: str = ""


def plan_rows(plan: Plan) -> list[PlanRow]:
    """Those to signal first, then those left out."""
    return [
        *(PlanRow(session) for session in plan.targets),
        *(PlanRow(session, reason) for session, reason in plan.left_out),
    ]


def _verdict(row: PlanRow, now: datetime) -> Cell:
    return Cell(f"✗ {row.reason}", "dim") if row.reason else Cell("✓ yes", "bad")


def _of_session(column: Column[Session]) -> Column[PlanRow]:
    def cell(row: PlanRow, now: datetime) -> Cell:
        text, style = column.cell(row.session, now)
        return Cell(text, "dim" if row.reason else style)

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
