"""The panel of a lesson, beside a screen or below it, and the room that it leaves to the screen."""

from collections.abc import Callable, Sequence
from typing import Self

from textual.containers import Vertical

from pgheadroom.tui.widgets.painted import Lines
from pgheadroom.view.cells import Line


class Room(Vertical):
    """Holds the body of a screen, which has to be drawn again when there is more or less room for it."""

    def __init__(self, changed: Callable[[], object]) -> None:
        super().__init__()
        self._changed = changed

    def on_resize(self) -> None:
        self.call_after_refresh(self._changed)


class GuidePanel(Lines):
    """Draws what it is given; has as much room as it is given."""

    def place(self, columns: int, lines: int) -> Self:
        """Take so much of the screen; the other measure is the screen's."""
        self.display = bool(columns or lines)
        self.styles.width = columns or "1fr"
        self.styles.height = lines or "1fr"
        return self

    def tell(self, lines: Sequence[Line]) -> None:
        """Draw these lines, and nothing below them."""
        height = self.size.height
        self.paint([*lines, *[()] * (height - len(lines))][:height])
