"""The table of those who are turned away: why, who, how often, and since when."""

from datetime import datetime

from pgheadroom.history.refused import RefusedGroup
from pgheadroom.model.session import seconds_between
from pgheadroom.view.cells import Cell
from pgheadroom.view.columns import Column
from pgheadroom.view.common_cells import count_cell, name_cell
from pgheadroom.words.durations import duration
from pgheadroom.words.turned_away import REASONS, per_second


def _reason(row: RefusedGroup, now: datetime) -> Cell:
    style = "dim" if not row.per_second else "bad" if row.who.reason.no_room else "warn"
    return Cell(REASONS[row.who.reason], style)


def _rate(row: RefusedGroup, now: datetime) -> Cell:
    return Cell(per_second(row.per_second), "" if row.per_second else "dim")


def _ago(moment: datetime, now: datetime) -> Cell:
    return Cell(duration(seconds_between(moment, now)))


REFUSED_COLUMNS: tuple[Column[RefusedGroup], ...] = (
    Column("reason", "why", 17, _reason),
    Column("role", "role", 10, lambda row, now: name_cell(row.who.role), flex=1),
    Column("database", "database", 8, lambda row, now: name_cell(row.who.database), flex=1),
    Column("host", "from", 12, lambda row, now: name_cell(row.who.host), flex=1),
    Column("rate", "/s", 5, _rate, align=">"),
    Column("count", "count", 6, lambda row, now: count_cell(row.times), align=">"),
    Column("first", "first", 6, lambda row, now: _ago(row.first, now), align=">", importance=1),
    Column("last", "last", 6, lambda row, now: _ago(row.last, now), align=">"),
)
