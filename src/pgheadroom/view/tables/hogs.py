"""The table of hogs: who holds the slots."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from pgheadroom.model.chain import RealClients
from pgheadroom.model.grouping import Hog
from pgheadroom.view.cells import Cell
from pgheadroom.view.columns import Column
from pgheadroom.view.common_cells import count_cell, name_cell
from pgheadroom.words.durations import duration
from pgheadroom.words.text import safe


class HogRow(NamedTuple):
    """A hog, and the real clients where its sessions are a PgBouncer's server connections."""

    hog: Hog
    behind: tuple[RealClients, ...] = ()

    @property
    def key(self) -> tuple[str | None, str | None, str | None, str | None]:
        return (self.hog.user, self.hog.application, self.hog.client, self.hog.database)


def _client(row: HogRow, now: datetime) -> Cell:
    """The address, or for a PgBouncer's how many clients are behind it."""
    if not row.behind:
        return name_cell(row.hog.client)
    return Cell(f"pooler ←{sum(group.total for group in row.behind)}", "accent")


def _behind(row: HogRow, now: datetime) -> Cell:
    """The real clients, who holds most first: application, address, how many hold a server and how many wait."""
    return Cell("  ".join(map(_group_words, row.behind)), "accent") if row.behind else Cell("-", "dim")


def _group_words(group: RealClients) -> str:
    waiting = f"+{group.waiting} waiting" if group.waiting else ""
    return f"{safe(group.application or group.user)} {safe(group.address)} {group.holding}/{group.total}{waiting}"


def _name(attribute: str) -> tuple[Callable[[HogRow, datetime], Cell], Callable[[HogRow, datetime], str]]:
    def cell(row: HogRow, now: datetime) -> Cell:
        return name_cell(getattr(row.hog, attribute))

    def order(row: HogRow, now: datetime) -> str:
        return getattr(row.hog, attribute) or ""

    return cell, order


def _count(attribute: str, style: str) -> tuple[Callable[[HogRow, datetime], Cell], Callable[[HogRow, datetime], int]]:
    def cell(row: HogRow, now: datetime) -> Cell:
        count = getattr(row.hog, attribute)
        # Without a known connection nothing is known of the group but its names and size; 0 would be a wrong number.
        if not count and row.hog.oldest_connection_seconds is None:
            return Cell("?", "dim")
        return count_cell(count, style)

    def order(row: HogRow, now: datetime) -> int:
        return int(getattr(row.hog, attribute))

    return cell, order


def _oldest(row: HogRow, now: datetime) -> Cell:
    return Cell(duration(row.hog.oldest_connection_seconds))


def _oldest_order(row: HogRow, now: datetime) -> float | None:
    return row.hog.oldest_connection_seconds


def _limit(row: HogRow, now: datetime) -> Cell:
    if row.hog.limit is None:
        return Cell("-", "dim")
    return Cell(str(row.hog.limit), "bad" if row.hog.total >= row.hog.limit else "")


_NAMES: tuple[Column[HogRow], ...] = (
    Column("user", "user", 9, *_name("user"), flex=2),
    Column("application", "application", 13, *_name("application"), flex=3),
    Column("client", "client", 11, _client, _name("client")[1], flex=2, importance=5),
    Column("database", "database", 8, *_name("database"), flex=2, importance=4),
)
_NUMBERS: tuple[Column[HogRow], ...] = (
    Column("total", "total", 6, *_count("total", "strong"), align=">", descending=True),
    Column("idle", "idle", 5, *_count("idle", "idle"), align=">", descending=True),
    Column("running", "run", 4, *_count("running", "active"), align=">", descending=True),
    Column("waiting", "wait", 4, *_count("waiting", "waiting"), align=">", descending=True),
    Column("idle_in_transaction", "in tx", 5, *_count("idle_in_transaction", "idletx"), align=">", descending=True),
    Column("oldest", "oldest", 6, _oldest, _oldest_order, align=">", importance=2, descending=True),
    Column("limit", "limit", 5, _limit, align=">", importance=3),
    Column("behind", "clients behind the pooler: holding/all", 38, _behind, flex=4, importance=1),
)


def hog_columns(by: str) -> tuple[Column[HogRow], ...]:
    """The columns for hogs grouped by `all`, `user`, `application`, `client` or `database`."""
    names = _NAMES if by == "all" else tuple(column for column in _NAMES if column.name == by)
    return names + _NUMBERS
