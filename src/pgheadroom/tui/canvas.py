"""What the terminal shows, cell by cell, and what it should show."""

from collections.abc import Iterator

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.console import Console
from rich.style import Style
from textual.strip import Strip

from pgheadroom.tui.difference import BLANK, Cell, Row, canonical, difference, leaves_blanks_blank
from pgheadroom.tui.textual_private import pieces

_SYSTEMS = {
    "standard": ColorSystem.STANDARD,
    "256": ColorSystem.EIGHT_BIT,
    "truecolor": ColorSystem.TRUECOLOR,
}


_STYLES_KEPT = 4096
"""A style of Textual's holds more than what is seen of it: there can be any number of them."""


class Canvas:
    """Takes Textual's updates, and gives what has to be written for them."""

    def __init__(self) -> None:
        self._size = (0, 0)
        self._shown: list[Row | None] = []
        self._wanted: list[Row] = []
        self._strips: list[dict[int, tuple[int, Strip]]] = []
        self._changed: set[int] = set()
        self._tables: dict[Style | None, _Table] = {}
        self._colours: ColorSystem | None = None

    def forget(self) -> None:
        """The terminal may show anything: all is written the next time."""
        self._shown = [None] * len(self._wanted)
        self._changed = set(range(len(self._wanted)))

    def take(self, update: object, size: tuple[int, int], console: Console) -> bool:
        """What is to be shown from now on.

        Args:
            size: Columns and rows of the terminal.

        Returns:
            Whether it was understood; if not, nothing was taken.
        """
        found = pieces(update)
        if found is None:
            return False
        colours = _SYSTEMS.get(console.color_system or "")
        if size != self._size or colours is not self._colours:
            self._begin(size, colours)
        for row, column, end, strip in found:
            self._put(row, column, end, strip)
        return True

    def difference(self) -> str:
        """What has to be written now; it counts as written from then on."""
        text = difference(self._shown, self._wanted, sorted(self._changed))
        for row in self._changed:
            self._shown[row] = list(self._wanted[row])
        self._changed.clear()
        return text

    def _begin(self, size: tuple[int, int], colours: ColorSystem | None) -> None:
        self._size, self._colours = size, colours
        columns, rows = size
        self._tables.clear()
        self._wanted = [[BLANK] * columns for _ in range(rows)]
        self._strips = [{} for _ in range(rows)]
        self.forget()

    def _put(self, row: int, column: int, end: int, strip: Strip) -> None:
        if not 0 <= row < len(self._wanted):
            return
        there = self._strips[row]
        before = there.get(column)
        if before is not None and before[0] == end and before[1] is strip:
            return  # drawn already, and nothing since
        for start in [start for start, (stop, _) in there.items() if start < end and stop > column]:
            del there[start]
        there[column] = end, strip
        cells = self._cells(strip)[: max(0, min(end, self._size[0]) - column)]
        self._wanted[row][column : column + len(cells)] = cells
        self._changed.add(row)

    def _cells(self, strip: Strip) -> Row:
        cells: Row = []
        for text, style, control in strip:
            if control:
                continue
            table = self._table(style)
            try:
                cells += list(map(table.__getitem__, text))
            except KeyError:  # not each character takes one cell
                cells += _wide_cells(text, table)
        return cells

    def _table(self, style: Style | None) -> "_Table":
        found = self._tables.get(style)
        if found is None:
            if len(self._tables) >= _STYLES_KEPT:
                self._tables.clear()
            found = self._tables[style] = _Table(_parameters(style, self._colours) if style is not None else "")
        return found


class _Table(dict[str, Cell]):
    """The cells of a style, by their character. Equal cells are one object, so that rows are compared at once."""

    def __init__(self, parameters: str) -> None:
        super().__init__({" ": BLANK if leaves_blanks_blank(parameters) else (" ", parameters)})
        self.parameters = parameters

    def __missing__(self, character: str) -> Cell:
        if cell_len(character) != 1:
            raise KeyError(character)
        cell = self[character] = character, self.parameters
        return cell


def _parameters(style: Style, colours: ColorSystem | None) -> str:
    """The SGR parameters of a style; a link is left out."""
    before, _, _ = style.update_link(None).render("x", color_system=colours).partition("x")  # `\x1b[1;31mx\x1b[0m`
    return canonical(before.removeprefix("\x1b[").removesuffix("m"))


def _wide_cells(text: str, table: _Table) -> Iterator[Cell]:
    """Characters of two cells, of one, and of none, which belong to the one before."""
    whole = ""
    for character in text:
        if cell_len(character) == 0:
            whole += character
            continue
        yield from _spread(whole, table)
        whole = character
    yield from _spread(whole, table)


def _spread(text: str, table: _Table) -> Iterator[Cell]:
    """A character with the marks on it, as the cells that it takes."""
    if not text or not cell_len(text[0]):
        return
    yield table[text] if text == " " else (text, table.parameters)
    for _ in range(cell_len(text[0]) - 1):
        yield "", table.parameters
