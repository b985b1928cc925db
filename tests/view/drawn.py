"""What holds of every line that is drawn."""

from collections.abc import Iterable

from pgheadroom.view.cells import Line, line_width, plain
from pgheadroom.words.text import safe


def check(lines: Iterable[Line], width: int, *, exactly: bool = True) -> None:
    """No line is wider than there is room, or holds anything that a terminal would obey."""
    for line in lines:
        assert line_width(line) == width if exactly else line_width(line) <= width, (width, plain(line))
        assert safe(plain(line)) == plain(line), repr(plain(line))
