"""Widgets that draw lines of cells, and send only what changed to the terminal."""

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from pgheadroom.tui.palette import PALETTE
from pgheadroom.view.cells import Cell, Line, changed_span, to_ascii
from pgheadroom.words.text import cell_width, safe

_TEXT, _STYLE = itemgetter(0), itemgetter(1)


class Painted(Widget):
    """A widget whose content is a list of lines; `paint` compares them with what is drawn already.

    The Line API with regions: Textual draws a refreshed region only, and what the terminal gets is that region. A cell
    whose text did not change is not sent again.
    """

    ascii_only: ClassVar[bool] = False

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self._lines: list[Line] = []
        self._styles_by_name: dict[str, Style] = {}

    def paint(self, lines: Sequence[Line]) -> None:
        """Show these lines; what is beyond the widget's height is not drawn."""
        before, after = self._lines, list(lines)
        self._lines = after
        changed = [
            Region(span[0], y, span[1] - span[0], 1)
            for y in range(max(len(before), len(after)))
            if (span := changed_span(_line(before, y), _line(after, y)))
        ]
        if changed:
            self.refresh(*changed)

    @property
    def lines(self) -> list[Line]:
        """What is drawn."""
        return self._lines

    def notify_style_update(self) -> None:
        self._styles_by_name.clear()
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        # Neighbours of one style become one piece: each costs as much as a dozen characters.
        runs = groupby(_line(self._lines, y), _STYLE)
        segments = [Segment(self._glyphs(safe("".join(map(_TEXT, run)))), self._style(style)) for style, run in runs]
        drawn = sum(cell_width(segment.text) for segment in segments)
        return Strip(segments, drawn).adjust_cell_length(self.size.width, self._style(""))

    def _glyphs(self, text: str) -> str:
        return to_ascii(text) if self.ascii_only else text

    def _style(self, names: str) -> Style:
        style = self._styles_by_name.get(names)
        if style is None:
            style = self.rich_style
            for name in names.split():
                style += PALETTE[name]
            self._styles_by_name[names] = style
        return style


def _line(lines: Sequence[Line], y: int) -> Sequence[Cell]:
    return lines[y] if y < len(lines) else ()


class Lines(Painted):
    """Lines that cannot be focused: a header, a gauge, a footer."""

    can_focus = False


def set_height(widget: Widget, lines: int | None) -> None:
    """So many lines high, or as the style sheet says. Told that once more, Textual would lay out the whole screen."""
    if lines is not None or widget.styles.inline.has_rule("height"):
        widget.styles.height = lines
