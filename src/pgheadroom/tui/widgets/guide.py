"""The panel of a lesson, beside a screen or below it."""

from collections.abc import Sequence

from textual.geometry import Size

from pgheadroom.tui.widgets.painted import Lines
from pgheadroom.view.cells import Line


class GuidePanel(Lines):
    """Draws what it is given; has as much room as it is given."""

    _placed: tuple[int, int, Size] | None = None

    def place(self, columns: int, lines: int, of: Size) -> bool:
        """Take so much of a screen of this size; the other measure is the screen's. Whether that is new."""
        if self._placed == (columns, lines, of):
            return False
        self._placed = (columns, lines, of)
        self.display = bool(columns or lines)
        self.styles.width = columns or "1fr"
        self.styles.height = lines or "1fr"
        return True

    def tell(self, lines: Sequence[Line]) -> None:
        """Draw these lines, and nothing below them."""
        height = self.size.height
        self.paint([*lines, *[()] * (height - len(lines))][:height])
