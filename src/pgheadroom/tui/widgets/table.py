"""One table for every list: only visible rows are formatted, and the cursor stays with its row."""

from collections.abc import Callable, Collection, Hashable, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Generic, TypeVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from pgheadroom.tui.widgets.painted import Painted
from pgheadroom.view.cells import Cell, Line, fit_line, plain, spread
from pgheadroom.view.columns import Column, Layout, format_row, heading, lay_out, sort_rows
from pgheadroom.words.text import safe, wrap

Row = TypeVar("Row")
MARK = "*"
_HEAD_LINES = 2  # the title and the headings
_NO_MOMENT = datetime.fromtimestamp(0, UTC)


def _with_mark(line: Line) -> Line:
    """A sign in the first cell of the line, which tables with marks leave free: a colour alone says nothing to some."""
    first = line[0]
    return (Cell(MARK + first.text[1:], first.style), *line[1:]) if first.text[:1] == " " else line


class Table(Painted, Generic[Row], can_focus=True):
    """A title, headings and rows with a cursor.

    The cursor is *free* until the user moves it: then it marks the first row, whatever that is. Once moved it is
    *pinned* to a row's key and goes where the row goes. When a pinned row vanishes there is no cursor at all, so that
    no key can hit the row that slid into its place; the next movement starts from where it was.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "Row down", show=False),
        Binding("k,up", "move(-1)", "Row up", show=False),
        Binding("pagedown,ctrl+d", "page(1)", "Page down", show=False),
        Binding("pageup,ctrl+u", "page(-1)", "Page up", show=False),
        Binding("g,home", "first", "First row", show=False),
        Binding("G,end", "last", "Last row", show=False),
        Binding("enter", "open", "Open the row", key_display="Enter", show=False),
        Binding("s", "next_order", "sort", tooltip="Sort by the next column"),
        Binding("S", "reverse", "Reverse the order", show=False),
    ]

    class Opened(Message):
        """The row under the cursor was opened with Enter or a double click."""

        def __init__(self, table: "Table[Any]", row: Any) -> None:
            super().__init__()
            self.table = table
            self.row = row

        @property
        def control(self) -> "Table[Any]":
            return self.table

    class Moved(Message):
        """The cursor is on another row than before."""

    def __init__(
        self,
        title: str,
        columns: Sequence[Column[Row]],
        key: Callable[[Row], Hashable],
        *,
        id: str,  # noqa: A002 - Textual's name
        empty: str = "none",
        note: Callable[[Row], Cell | None] | None = None,
        plainly_filtered: bool = True,
        falls_back: bool = False,
        filtered_by: Callable[[Row], str] | None = None,
    ) -> None:
        """`falls_back` is for rows that no key hurts: when the one under the cursor goes, the first has it again.
        `filtered_by` says what a filter's words are looked for in: of thousands of rows, without drawing each."""
        super().__init__(id=id)
        self._title = title
        self._columns = self._all_columns = tuple(columns)
        self._key = key
        self._empty = empty
        self._note = note
        self._plainly_filtered = plainly_filtered
        self._falls_back = falls_back
        self._filtered_by = filtered_by
        self._complaint = ""
        self._given: Sequence[Row] = ()
        self._rows: list[Row] = []
        self._now = _NO_MOMENT
        self._remark = Cell("")
        self._order = ""
        self._descending = False
        self._pinned: Hashable | None = None
        self._index: int | None = 0
        self._last_index = 0
        self._top = 0
        self._filter = ""
        self._quiet: Collection[Hashable] = ()
        self.marked: set[Hashable] = set()

    # What is shown

    def show(
        self,
        rows: Sequence[Row],
        now: datetime,
        remark: Cell | None = None,
        title: str | None = None,
        empty: str | None = None,
        quiet: Collection[Hashable] = (),
    ) -> None:
        """Take the rows of a new sample; `now` is the server's clock, `remark` stands at the right of the title,
        `empty` in the place of rows, and the rows with a key in `quiet` are drawn quietly: they are nobody's trouble.
        """
        self._given, self._now, self._quiet = rows, now, quiet
        if empty is not None:
            self._empty = empty
        if remark is not None:
            self._remark = remark
        if title is not None:
            self._title = title
        self._arrange()

    def set_columns(self, columns: Sequence[Column[Row]]) -> None:
        """Other columns for other rows; the cursor is free again, because no row of before is there any more."""
        self._columns = self._all_columns = tuple(columns)
        if self._order not in {column.name for column in columns}:
            self._order = ""
        self.action_first()

    def leave_out(self, names: Collection[str]) -> None:
        """Columns that tell nothing now, and whose room the others can use. What rows are sorted by stays."""
        self._columns = tuple(one for one in self._all_columns if one.name not in names or one.name == self._order)

    def set_filter(self, text: str) -> None:
        """Show only rows whose line contains every word of the text."""
        self._filter = text
        self._arrange()

    def complain(self, complaint: str) -> None:
        """What is wrong with the filter, in place of rows that it would select; empty when it is right."""
        self._complaint = complaint
        self._repaint()

    @property
    def filter(self) -> str:
        return self._filter

    @property
    def rows(self) -> Sequence[Row]:
        """The rows as shown: filtered and sorted."""
        return self._rows

    @property
    def current(self) -> Row | None:
        """The row under the cursor; None when there is none, or when the row it was on is gone."""
        if self._index is None or self._index >= len(self._rows):
            return None
        return self._rows[self._index]

    @property
    def selected(self) -> list[Row]:
        """The marked rows, or else the one under the cursor."""
        marked = [row for row in self._given if self._key(row) in self.marked]
        current = self.current
        return marked or ([current] if current is not None else [])

    # Moving

    def action_move(self, step: int) -> None:
        if self._index is None:
            self._move_to(self._last_index)
        else:
            self._move_to(self._index + step)

    def action_page(self, pages: int) -> None:
        self._move_to((self._index or 0) + pages * max(1, self._room - 1))

    def action_first(self) -> None:
        self._pinned, self._index, self._top = None, 0, 0
        self._arrange()
        self.post_message(self.Moved())

    def action_last(self) -> None:
        self._move_to(len(self._rows) - 1)

    def action_open(self) -> None:
        if (row := self.current) is not None:
            self.post_message(self.Opened(self, row))

    def action_mark(self) -> None:
        """Mark the row under the cursor, or take its mark away, and go on to the next."""
        if (row := self.current) is None:
            return
        self.marked ^= {self._key(row)}
        self.action_move(1)

    def pin_to(self, key: Hashable) -> None:
        """Put the cursor on the row with this key, now or as soon as there is one."""
        self._pinned = key
        self._arrange()

    def _move_to(self, index: int) -> None:
        if not self._rows:
            return
        self._index = self._last_index = max(0, min(index, len(self._rows) - 1))
        self._pinned = self._key(self._rows[self._index])
        self._scroll_to_cursor()
        self._repaint()
        self.post_message(self.Moved())

    # Sorting

    def action_next_order(self) -> None:
        """Sort by the next column that can be sorted by; after the last one, the rows' own order."""
        names = ["", *(column.name for column in self._columns if column.order)]
        self.sort_by(names[(names.index(self._order) + 1) % len(names)])

    def action_reverse(self) -> None:
        self._descending = not self._descending
        self._arrange()

    def sort_by(self, name: str) -> None:
        self._order = name
        column = self._order_column()
        self._descending = bool(column and column.descending)
        self._arrange()

    def _order_column(self) -> Column[Row] | None:
        return next((column for column in self._columns if column.name == self._order), None)

    # Arranging and drawing

    def _arrange(self) -> None:
        rows = self._matching(self._given)
        if column := self._order_column():
            rows = sort_rows(rows, column, self._descending, self._now)
        elif self._descending:
            rows = list(rows)[::-1]
        self._rows = list(rows)
        self._place_cursor()
        self._repaint()

    def _matching(self, rows: Sequence[Row]) -> Sequence[Row]:
        words = self._filter.casefold().split()
        if not words or not self._plainly_filtered:
            return rows
        text_of = self._filtered_by or self._text_of
        texts = ((row, text_of(row).casefold()) for row in rows)
        return [row for row, text in texts if all(word in text for word in words)]

    def _text_of(self, row: Row) -> str:
        if self._note and (note := self._note(row)):
            return note.text
        return " ".join(column.cell(row, self._now).text for column in self._columns)

    def _place_cursor(self) -> None:
        if self._pinned is None:
            self._index = 0
        else:
            key = self._key
            pinned = self._pinned
            self._index = next((index for index, row in enumerate(self._rows) if key(row) == pinned), None)
            if self._index is not None:
                self._last_index = self._index
            elif self._falls_back and self._rows:
                self._pinned, self._index = None, 0
        self._scroll_to_cursor()

    def _scroll_to_cursor(self) -> None:
        room = self._room
        if self._pinned is not None and self._index is not None:
            self._top = min(max(self._top, self._index - room + 1), self._index)
        self._top = max(0, min(self._top, len(self._rows) - room))

    @property
    def _room(self) -> int:
        return max(1, self.size.height - _HEAD_LINES)

    @property
    def visible_rows(self) -> int:
        """For how many rows there is room; 0 also where the table is not seen at all."""
        return max(0, self.size.height - _HEAD_LINES) if self.display else 0

    def _repaint(self) -> None:
        width, height = self.size
        if not width or not height:
            return
        layout = lay_out(self._columns, width)
        lines = [self._title_line(width), heading(layout, self._order, self._descending, width)]
        if not self._rows:
            empty = "nothing matches the filter" if self._filter and self._given else self._empty
            if self._filter and not self._plainly_filtered:
                empty = "nothing matches the filter"
            wrong = [Cell(line, "bad") for line in wrap(safe(self._complaint), max(10, width))]
            lines += [fit_line([cell], width) for cell in (wrong if self._complaint else [Cell(empty, "dim")])]
        visible = self._rows[self._top : self._top + self._room]
        lines += (self._row_line(layout, self._top + offset, row, width) for offset, row in enumerate(visible))
        blank = (Cell(" " * width),)
        lines += [blank] * (height - len(lines))
        self.paint(lines[:height])

    def _title_line(self, width: int) -> Line:
        style = "focus" if self.has_focus else "heading"
        left = [Cell("▸ " if self.has_focus else "─ ", style if self.has_focus else "rule"), Cell(self._title, style)]
        if self._filter:
            left.append(Cell(f"  /{safe(self._filter)}", "accent"))
        if self.marked:
            left.append(Cell(f"  {len(self.marked)} marked", "marked"))
        left.append(Cell(" "))
        right = [Cell(" "), self._remark, Cell(" ")] if self._remark.text else []
        right.append(Cell(self._position(), "dim"))
        return spread(left, right, width, "─", "rule")

    def _position(self) -> str:
        if len(self._rows) <= self._room:
            return f" {len(self._rows)} "
        return f" {self._top + 1}–{min(len(self._rows), self._top + self._room)} of {len(self._rows)} "

    def _row_line(self, layout: Layout[Row], index: int, row: Row, width: int) -> Line:
        note = self._note(row) if self._note else None
        line = fit_line([note], width) if note else format_row(layout, row, self._now, width)
        if self._quiet and self._key(row) in self._quiet:
            line = tuple(Cell(cell.text, "dim") for cell in line)
        marked = bool(self.marked) and self._key(row) in self.marked
        if marked:
            line = _with_mark(line)
        if index == self._index and (self.has_focus or self._pinned is not None):
            extra = "cursor" if self.has_focus else "cursor-blurred"
        elif marked:
            extra = "marked"
        else:
            return line
        return tuple(Cell(cell.text, f"{cell.style} {extra}".strip()) for cell in line)

    def text(self) -> str:
        """What is drawn, as plain text."""
        return "\n".join(plain(line) for line in self.lines)

    # Events

    def on_resize(self) -> None:
        self._scroll_to_cursor()
        self._repaint()

    def watch_has_focus(self, _has_focus: bool) -> None:
        self._repaint()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._scroll_by(3)
        event.stop()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._scroll_by(-3)
        event.stop()

    def _scroll_by(self, lines: int) -> None:
        self._top = max(0, min(self._top + lines, len(self._rows) - self._room))
        self._repaint()

    def on_click(self, event: events.Click) -> None:
        row = event.y - _HEAD_LINES
        if row == -1:
            self._sort_by_heading(event.x)
        elif row >= 0 and self._top + row < len(self._rows):
            self._move_to(self._top + row)
            if event.chain == 2:
                self.action_open()

    def _sort_by_heading(self, x: int) -> None:
        left = 0
        for column, width in lay_out(self._columns, self.size.width):
            if left <= x <= left + width and column.order:
                if self._order == column.name:
                    self.action_reverse()
                else:
                    self.sort_by(column.name)
                return
            left += width + 1
