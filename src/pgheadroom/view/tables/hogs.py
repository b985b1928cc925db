"""The table of hogs: who holds the slots."""

from collections.abc import Callable
from datetime import datetime

from pgheadroom.model.grouping import Hog
from pgheadroom.view.cells import Cell
from pgheadroom.view.columns import Column
from pgheadroom.view.durations import duration
from pgheadroom.view.words import count_cell, name_cell


def _name(attribute: str) -> tuple[Callable[[Hog, datetime], Cell], Callable[[Hog, datetime], str]]:
    def cell(hog: Hog, now: datetime) -> Cell:
        return name_cell(getattr(hog, attribute))

    def order(hog: Hog, now: datetime) -> str:
        return getattr(hog, attribute) or ""

    return cell, order


def _count(attribute: str, style: str) -> tuple[Callable[[Hog, datetime], Cell], Callable[[Hog, datetime], int]]:
    def cell(hog: Hog, now: datetime) -> Cell:
        return count_cell(getattr(hog, attribute), style)

    def order(hog: Hog, now: datetime) -> int:
        return int(getattr(hog, attribute))

    return cell, order


def _oldest(hog: Hog, now: datetime) -> Cell:
    return Cell(duration(hog.oldest_connection_seconds))


def _oldest_order(hog: Hog, now: datetime) -> float | None:
    return hog.oldest_connection_seconds


def _limit(hog: Hog, now: datetime) -> Cell:
    if hog.limit is None:
        return Cell("-", "dim")
    return Cell(str(hog.limit), "bad" if hog.total >= hog.limit else "")


_NAMES: tuple[Column[Hog], ...] = (
    Column("user", "user", 9, *_name("user"), flex=2),
    Column("application", "application", 13, *_name("application"), flex=3),
    Column("client", "client", 11, *_name("client"), flex=2, importance=5),
    Column("database", "database", 8, *_name("database"), flex=2, importance=4),
)
_NUMBERS: tuple[Column[Hog], ...] = (
    Column("total", "total", 6, *_count("total", "strong"), align=">", descending=True),
    Column("idle", "idle", 5, *_count("idle", "idle"), align=">", descending=True),
    Column("active", "act", 4, *_count("active", "active"), align=">", descending=True),
    Column("idle_in_transaction", "in tx", 5, *_count("idle_in_transaction", "idletx"), align=">", descending=True),
    Column("oldest", "oldest", 6, _oldest, _oldest_order, align=">", importance=2, descending=True),
    Column("limit", "limit", 5, _limit, align=">", importance=3),
)


def hog_columns(by: str) -> tuple[Column[Hog], ...]:
    """The columns for hogs grouped by `all`, `user`, `application`, `client` or `database`."""
    names = _NAMES if by == "all" else tuple(column for column in _NAMES if column.name == by)
    return names + _NUMBERS
