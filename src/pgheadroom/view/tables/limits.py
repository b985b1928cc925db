"""The table of limits: what each role and each database may have, has, and had at most."""

from datetime import datetime

from pgheadroom.model.advice import LimitRow
from pgheadroom.model.health import Status
from pgheadroom.view.cells import Cell
from pgheadroom.view.columns import Column
from pgheadroom.view.common_cells import count_cell, name_cell

_STYLES = {Status.CRITICAL: "bad", Status.WARNING: "warn"}


def _limit(row: LimitRow, now: datetime) -> Cell:
    return Cell("none", "dim") if row.limit is None else Cell(str(row.limit))


def _share(row: LimitRow) -> float | None:
    """In per cent; None where there is nothing to have a share of."""
    return 100 * row.now / row.limit if row.limit and row.limit > 0 else None


def _used(row: LimitRow, now: datetime) -> Cell:
    share = _share(row)
    return Cell("", "dim") if share is None else Cell(f"{share:.0f}%", _style(row) or ("dim" if not row.now else ""))


def _style(row: LimitRow) -> str:
    return _STYLES.get(row.status, "")


def _note(row: LimitRow, now: datetime) -> Cell:
    return Cell(row.note, _style(row) or "dim")


LIMIT_COLUMNS: tuple[Column[LimitRow], ...] = (
    Column("kind", "kind", 8, lambda row, now: Cell(row.kind, "dim"), lambda row, now: row.kind),
    Column("name", "name", 16, lambda row, now: name_cell(row.name), lambda row, now: row.name, flex=2),
    Column("limit", "limit", 6, _limit, lambda row, now: row.limit, align=">"),
    Column("now", "now", 5, lambda row, now: count_cell(row.now), lambda row, now: row.now, ">", descending=True),
    Column("peak", "peak", 5, lambda row, now: count_cell(row.peak), lambda row, now: row.peak, ">", descending=True),
    Column("used", "used", 5, _used, lambda row, now: _share(row), align=">", descending=True, importance=1),
    Column("note", "", 18, _note, lambda row, now: row.note or None, flex=3, importance=2),
)
