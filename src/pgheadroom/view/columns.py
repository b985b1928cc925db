"""Tables as columns: widths that do not depend on the rows, so that nothing jumps when the rows change."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from pgheadroom.view.cells import Cell, Line, fit_line, plain
from pgheadroom.words.text import fit

Row = TypeVar("Row")
GAP = Cell(" ")


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """One column of a table.

    Attributes:
        cell: The row's text (safe, any length) and style at a moment of the server's clock.
        order: What the column is sorted by; None where it cannot be sorted. Unknown values (None) come last.
        width: Cells at least.
        flex: Share of the room that is left over.
        importance: In a narrow table the columns with the lowest go first; 0 never goes.
        descending: Whether sorting by it starts with the largest.
    """

    name: str
    title: str
    width: int
    cell: Callable[[Row, datetime], Cell]
    order: Callable[[Row, datetime], Any] | None = None
    align: str = "<"
    flex: int = 0
    importance: int = 0
    descending: bool = False


Layout = tuple[tuple[Column[Row], int], ...]


def lay_out(columns: Sequence[Column[Row]], width: int) -> Layout[Row]:
    """Which columns fit into `width` cells, and how wide each is."""
    kept = list(columns)
    while len(kept) > 1 and _needed(kept) > width:
        droppable = [column for column in kept if column.importance]
        if not droppable:
            break
        kept.remove(min(droppable, key=lambda column: column.importance))
    spare = max(0, width - _needed(kept))
    shares = sum(column.flex for column in kept)
    widths = [column.width + (spare * column.flex // shares if shares else 0) for column in kept]
    if shares:
        last = max(index for index, column in enumerate(kept) if column.flex)
        widths[last] += width - (sum(widths) + len(kept) - 1) if spare else 0
    return tuple(zip(kept, widths, strict=True))


def _needed(columns: Sequence[Column[Row]]) -> int:
    return sum(column.width for column in columns) + len(columns) - 1


def heading(layout: Layout[Row], sorted_by: str, descending: bool, width: int) -> Line:
    """The titles, with a sign at the one that the rows are sorted by."""
    cells: list[Cell] = []
    for column, column_width in layout:
        mark = ("▾" if descending else "▴") if column.name == sorted_by else ""
        style = "heading sorted" if mark else "heading"
        cells += (Cell(fit(column.title + mark, column_width, column.align), style), Cell(" ", "heading"))
    return fit_line(cells[:-1], width, fill_style="heading")


def format_row(layout: Layout[Row], row: Row, now: datetime, width: int) -> Line:
    """One row as a line of exactly `width` cells."""
    cells: list[Cell] = []
    for column, column_width in layout:
        text, style = column.cell(row, now)
        if len(text) > column_width:
            text = _shortened(text, column_width)
        cells += (Cell(fit(text, column_width, column.align), style), GAP)
    return fit_line(cells[:-1], width)


def table_text(columns: Sequence[Column[Row]], rows: Sequence[Row], now: datetime, width: int) -> Iterator[str]:
    """Heading and rows as plain text, each line of exactly `width` cells."""
    layout = lay_out(columns, width)
    yield plain(heading(layout, "", descending=False, width=width))
    for row in rows:
        yield plain(format_row(layout, row, now, width))


def _shortened(text: str, width: int) -> str:
    """A number, or two of them (`1200/8004`), rounded so that they have room; other text as it is."""
    if text.isdigit():
        return short_number(int(text), width)
    parts = text.split("/")
    if len(parts) != 2 or not all(map(str.isdigit, parts)):
        return text
    room = (width - 1) // 2
    return "/".join(part if len(part) <= room else short_number(int(part), room) for part in parts)


def short_number(number: int, width: int) -> str:
    """`8004` in three cells is `8k`, in four `8.0k`: a number that is cut says another one."""
    for size, sign in ((1000, "k"), (1_000_000, "M"), (1_000_000_000, "G")):
        for digits in (1, 0):
            written = f"{number / size:.{digits}f}"
            if len(written) < width and float(written):
                return written + sign
    return ">" * width


def sort_rows(rows: Sequence[Row], column: Column[Row], descending: bool, now: datetime) -> list[Row]:
    """The rows in the column's order; unknown values last either way; equal ones stay as they were."""
    order = column.order
    if order is None:
        return list(rows)
    keyed = [(order(row, now), row) for row in rows]
    known = [pair for pair in keyed if pair[0] is not None]
    known.sort(key=lambda pair: pair[0], reverse=descending)
    return [row for _, row in known] + [row for key, row in keyed if key is None]
