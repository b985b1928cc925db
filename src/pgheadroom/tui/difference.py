"""What is written to a terminal so that it shows another picture: only what differs. Pure.

A picture is rows of cells; a cell is its text and the SGR parameters of its style (ECMA-48, 8.3.117). The second cell
of a wide character has an empty text. Used are CUP, CHA, CUF, ECH, EL and SGR only: xterm, screen, tmux, the Linux
console and a VT220 know them all.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import groupby
from operator import itemgetter, ne
from unicodedata import east_asian_width

Cell = tuple[str, str]
Row = list[Cell]

BLANK: Cell = (" ", "")
_LEAST_TAIL = 4
"""Blanks at the end of a row from which erasing them is shorter than writing them."""
_LEAST_BLANKS = 14
"""The same within a row, where the cursor has to go on behind them."""
_LONG_BLANKS = re.compile(b"\1{%d,}" % _LEAST_BLANKS)
_JUMP = b"\0" * 5
"""Cells that stay as they are, from which jumping over them is shorter than writing them again."""

_OFF = {
    "1": "22", "2": "22", "3": "23", "4": "24", "5": "25", "6": "25", "7": "27", "8": "28", "9": "29", "21": "24",
    "51": "54", "52": "54", "53": "55", "fg": "39", "bg": "49",
}  # fmt: skip
_SEEN_ON_BLANKS = frozenset({"4", "7", "9", "21", "51", "52", "53", "bg"})


@lru_cache(maxsize=4096)
def attributes(parameters: str) -> dict[str, str]:
    """SGR parameters by what they set: an attribute's own number, `fg` or `bg`."""
    found: dict[str, str] = {}
    codes = iter(parameters.split(";") if parameters else ())
    for code in codes:
        number = int(code or 0)
        if number in (38, 48):
            kind = next(codes)
            rest = [kind, *(next(codes) for _ in range(1 if kind == "5" else 3))]
            found["fg" if number == 38 else "bg"] = ";".join([code, *rest])
        elif 30 <= number <= 37 or 90 <= number <= 97:
            found["fg"] = code
        elif 40 <= number <= 47 or 100 <= number <= 107:
            found["bg"] = code
        elif code in _OFF:
            found[code] = code
    return found


@lru_cache(maxsize=4096)
def canonical(parameters: str) -> str:
    """The same style, spelt in one way: without what is the default."""
    found = attributes(parameters)
    return ";".join(found[key] for key in sorted(found))


@lru_cache(maxsize=4096)
def leaves_blanks_blank(parameters: str) -> bool:
    """Whether a space in this style looks like one without any."""
    return _SEEN_ON_BLANKS.isdisjoint(attributes(parameters))


@lru_cache(maxsize=16384)
def restyling(before: str, after: str) -> str:
    """The shortest sequence that makes one style of another."""
    if before == after:
        return ""
    old, new = attributes(before), attributes(after)
    gone = dict.fromkeys(_OFF[key] for key in old if key not in new)
    # Bold and dim have one end for both: what stays is said again.
    again = [key for key in new if old.get(key) != new[key] or _OFF[key] in gone]
    step = ";".join([*gone, *(new[key] for key in again)])
    whole = f"0;{after}" if after else ""
    return f"\x1b[{min(step, whole, key=len)}m"


@lru_cache(maxsize=4096)
def is_doubtful(text: str) -> bool:
    """Whether a terminal may take another number of cells for it than we do."""
    return not text.isascii() and (len(text) != 1 or east_asian_width(text) not in ("N", "Na", "H"))


_TEXT, _STYLE = itemgetter(0), itemgetter(1)


class Pen:
    """Writes, and knows where the cursor is then and in which style.

    Where it is not sure, the next move is absolute.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._row: int | None = None
        self._column: int | None = None
        self._style = ""
        self.written: list[str] = []

    def restyle(self, style: str) -> None:
        if style != self._style:
            self.written.append(restyling(self._style, style))
            self._style = style

    def move(self, row: int, column: int) -> None:
        if row != self._row:
            self.written.append(f"\x1b[{row + 1};{column + 1}H" if column else f"\x1b[{row + 1}H")
        elif self._column is None or column < self._column:
            self.written.append(f"\x1b[{column + 1}G" if column else "\r")
        elif column > self._column:
            steps = column - self._column
            self.written.append(f"\x1b[{steps}C" if steps > 1 else "\x1b[C")
        self._row, self._column = row, column

    def write(self, cells: Sequence[Cell]) -> None:
        """From where the cursor is."""
        begun = len(self.written)
        for style, run in groupby(cells, _STYLE):
            text = "".join(map(_TEXT, run))
            # Blanks without a style can be written in any that leaves them blank.
            if style != self._style and (style or text.strip(" ") or not leaves_blanks_blank(self._style)):
                self.restyle(style)
            self.written.append(text)
        if self._column is not None:
            self._column += len(cells)
        if self._column == self._width:  # whether it is in the next row by now, terminals do not agree on
            self._row = self._column = None
        elif not all(map(str.isascii, self.written[begun:])) and any(map(is_doubtful, "".join(map(_TEXT, cells)))):
            self._column = None

    def blank(self, count: int) -> None:
        """So many cells from where the cursor is, which stays there."""
        self._clear_background()
        self.written.append(f"\x1b[{count}X")

    def blank_rest(self) -> None:
        """All cells of the row from where the cursor is."""
        self._clear_background()
        self.written.append("\x1b[K")

    def _clear_background(self) -> None:
        # Some terminals erase with the background of the present style, others without.
        if not leaves_blanks_blank(self._style):
            self.restyle("")


def difference(shown: Sequence[Row | None], wanted: Sequence[Row], rows: Iterable[int]) -> str:
    """What makes the terminal show these rows of `wanted`; empty where it does already. The style is the default then.

    Args:
        shown: What the terminal shows; None for a row of which that is not known.
    """
    pen = Pen(len(wanted[0]) if wanted else 0)
    for row in rows:
        if shown[row] != wanted[row]:
            _draw_row(pen, row, shown[row], wanted[row])
    pen.restyle("")
    return "".join(pen.written)


def _draw_row(pen: Pen, row: int, shown: Row | None, wanted: Row) -> None:
    # Each cell is looked at in a map or a search only: a loop of ours takes several times as long.
    width = len(wanted)
    changed = bytes(map(ne, shown, wanted)) if shown is not None else b"\1" * width
    blank = bytes(map(BLANK.__eq__, wanted))
    end = len(blank.rstrip(b"\1"))
    column = changed.find(1)
    while 0 <= column < end:
        stop = changed.find(_JUMP, column, end)
        if stop < 0:  # nothing is to be done for what stays at the end
            stop = len(changed[:end].rstrip(b"\0"))
        pen.move(row, column)
        _write(pen, row, column, wanted[column:stop], blank[column:stop])
        column = changed.find(1, stop)
    if column < 0:
        return
    pen.move(row, column)
    if width - column >= _LEAST_TAIL:
        pen.blank_rest()
    else:
        pen.write(wanted[column:])


def _write(pen: Pen, row: int, column: int, cells: Row, blank: bytes) -> None:
    """Cells side by side; long blanks among them are erased, not written."""
    start = 0
    for found in _LONG_BLANKS.finditer(blank):
        place, behind = found.span()
        pen.write(cells[start:place])
        pen.move(row, column + place)
        pen.blank(behind - place)
        if behind < len(cells):
            pen.move(row, column + behind)
        start = behind
    pen.write(cells[start:])
