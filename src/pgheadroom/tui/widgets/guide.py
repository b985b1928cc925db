"""The panel of a lesson, beside a screen or below it."""

from collections.abc import Sequence

from pgheadroom.tui.widgets.painted import Lines
from pgheadroom.view.cells import Line
from pgheadroom.view.guide_lines import panel_size


class GuidePanel(Lines):
    """Draws what it is given; takes as much room as the screen can spare."""

    def place(self, width: int, height: int, *, hidden: bool) -> tuple[int, int]:
        """Columns and lines taken from a screen of this size."""
        columns, lines = (0, 0) if hidden else panel_size(width, height)
        self.display = bool(columns or lines)
        self.styles.width = columns or "1fr"
        self.styles.height = lines or "1fr"
        return columns, lines

    def tell(self, lines: Sequence[Line]) -> None:
        """Draw these lines, and nothing below them."""
        height = self.size.height
        self.paint([*lines, *[()] * (height - len(lines))][:height])
