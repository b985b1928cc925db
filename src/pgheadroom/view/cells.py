"""What is drawn, before anybody knows how: lines of cells, each a safe text with the name of a style.

The names are meanings (`warn`, `idle`, `dim`), not colours; the live monitor gives them colours, plain text drops them.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pgheadroom.words.text import cell_width, fit, pieces_of


class Cell(NamedTuple):
    """A piece of a line. `style` is a name or several with spaces between; empty is ordinary text."""

    text: str
    style: str = ""


Line = tuple[Cell, ...]


def line_width(line: Iterable[Cell]) -> int:
    return sum(cell_width(cell.text) for cell in line)


def fit_line(line: Sequence[Cell], width: int, fill: str = " ", fill_style: str = "") -> Line:
    """The line cut or filled to exactly `width` cells."""
    kept: list[Cell] = []
    left = width
    for cell in line:
        needed = cell_width(cell.text)
        if needed > left:
            kept.append(Cell(fit(cell.text, left), cell.style))
            return tuple(kept)
        kept.append(cell)
        left -= needed
    if left:
        kept.append(Cell(fill * left, fill_style))
    return tuple(kept)


def wrap_line(line: Sequence[Cell], width: int, indent: str = "  ") -> list[Line]:
    """The line in pieces of at most `width` cells, cut at spaces; the later ones begin with `indent`.

    A word that is longer than a line is broken, so that it can be read whole.
    """
    if line_width(line) <= width:
        return [tuple(line)]
    pieces: list[list[Cell]] = [[]]
    left = width
    for word in _words(line):
        for part in _broken(word, max(1, width - len(indent))):
            if _bare_width(part) > left and pieces[-1]:
                pieces.append([Cell(indent)])
                left = width - len(indent)
            pieces[-1] += part
            left -= line_width(part)
    return [_without_room_behind(piece, width) for piece in pieces]


def _without_room_behind(piece: list[Cell], width: int) -> Line:
    """Spaces at the end go where they have no room."""
    while line_width(piece) > width and piece[-1].text[-1:].isspace():
        *others, last = piece
        bare = last.text.rstrip()
        piece = [*others, last._replace(text=bare)] if bare else others
    return tuple(piece)


def _bare_width(word: Sequence[Cell]) -> int:
    """Without the spaces at its end."""
    return cell_width(plain(word).rstrip())


def _words(line: Sequence[Cell]) -> Iterator[list[Cell]]:
    """Each word with the spaces behind it; one that is written in several styles is several cells."""
    word: list[Cell] = []
    for cell in line:
        for piece in re.findall(r"\S+\s*|\s+", cell.text):
            word.append(Cell(piece, cell.style))
            if piece[-1].isspace():
                yield word
                word = []
    if word:
        yield word


def _broken(word: list[Cell], width: int) -> Iterator[list[Cell]]:
    if _bare_width(word) <= width:
        yield word
        return
    for cell in word:
        yield from ([Cell(piece, cell.style)] for piece in pieces_of(cell.text, width))


def packed(parts: Sequence[Sequence[Cell]], width: int) -> list[Line]:
    """Parts side by side on as few lines of at most `width` cells as take them whole."""
    lines: list[list[Cell]] = [[]]
    for part in parts:
        if lines[-1] and line_width(lines[-1]) + cell_width("".join(cell.text for cell in part).rstrip()) > width:
            lines.append([])
        lines[-1] += part
    return [tuple(line) for line in lines]


def spread(left: Sequence[Cell], right: Sequence[Cell], width: int, fill: str = " ", fill_style: str = "") -> Line:
    """`left` and `right` at the ends of a line; where both do not fit, the left one gives way."""
    room = width - line_width(right)
    if room <= 0 or not right:
        return fit_line(right or left, width, fill, fill_style)
    return fit_line(left, room, fill, fill_style) + tuple(right)


def spread_first_fitting(
    lefts: Sequence[Sequence[Cell]],
    rights: Sequence[Sequence[Cell]],
    width: int,
    fill: str = " ",
    fill_style: str = "",
) -> Line:
    """The first pair (the longest is given first) that fits into `width` whole; where none does, the last one, cut."""
    for left, right in zip(lefts, rights, strict=True):
        if line_width(left) + line_width(right) < width:
            return spread(left, right, width, fill, fill_style)
    return spread(lefts[-1], rights[-1], width, fill, fill_style)


def plain(line: Iterable[Cell]) -> str:
    return "".join(cell.text for cell in line)


def changed_span(before: Sequence[Cell], after: Sequence[Cell]) -> tuple[int, int] | None:
    """The columns (first, one past the last) in which two lines differ, None where they are equal.

    Only these are sent to the terminal: on a bad link a calm screen must cost almost nothing.
    """
    if before == after:
        return None
    prefix = _common(before, after)
    wider, narrower = sorted((line_width(before), line_width(after)), reverse=True)
    # Of lines of different widths, as after a resize, equal ends stand in other columns.
    suffix = _common(before[prefix:][::-1], after[prefix:][::-1]) if wider == narrower else 0
    start = line_width(after[:prefix])
    end = wider - line_width(after[len(after) - suffix :])
    return (start, end) if end > start else None


def _common(before: Sequence[Cell], after: Sequence[Cell]) -> int:
    count = 0
    for one, other in zip(before, after, strict=False):
        if one != other:
            break
        count += 1
    return count


# Every glyph of ours that is not ASCII, and what an ASCII terminal gets instead.
_ASCII = str.maketrans(
    {
        "█": "#", "▓": "=", "▒": "%", "░": ".", "▌": "|",
        "─": "-", "│": "|", "├": "|", "└": "`", "┌": "+", "┐": "+", "┘": "+", "┬": "+", "┴": "+", "┼": "+",
        "▸": ">", "▾": "v", "▴": "^", "●": "*", "○": "o", "✓": "+", "✗": "x", "…": "~", "·": "-", "→": ">", "≈": "~",
        "←": "<", "–": "-", "×": "x", "≥": ">", "▁": "_", "▂": "_", "▃": ".", "▄": "-", "▅": "-", "▆": "=", "▇": "#",
        "▖": ".", "▗": ".", "▘": "'", "▝": "'", "▀": "'", "▞": "/", "▚": "\\", "▙": "#", "▛": "#", "▜": "#", "▟": "#",
        "▐": "|",
    }
)  # fmt: skip


def to_ascii(text: str) -> str:
    """The same text in as many cells, with ASCII characters only: for terminals and locales without UTF-8."""
    if text.isascii():
        return text
    return "".join(char if char.isascii() else "?" * cell_width(char) for char in text.translate(_ASCII))
