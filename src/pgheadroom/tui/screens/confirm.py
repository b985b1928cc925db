"""The question before anything is done. It stands on No, and only `y` says yes."""

import time
from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button

from pgheadroom.tui.terminal_app import TerminalApp
from pgheadroom.tui.widgets.painted import Lines
from pgheadroom.tui.widgets.words import Words
from pgheadroom.view.cells import Cell, Line, fit_line, plain

_MOST_LINES = 16
_FRAME = 4
"""Lines besides the explanation: the border, the question and the buttons."""
_ROOMY_FRAME = _FRAME + 2
LEAST_WIDTH = 24
ENLARGE = "enlarge the window: whom?"


class Confirm(ModalScreen[bool]):
    """Shows what would be done. What is confirmed is what stands here, whatever happens to the rows behind it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,escape,q", "answer(False)", "No", key_display="n"),
        Binding("left,right,tab,shift+tab", "other", "Other button", show=False),
    ]
    AUTO_FOCUS = "#no"
    kind = "confirm"
    READING_TIME: ClassVar[float] = 0.3
    """Seconds from the drawing until a yes counts: on a bad link keys come in bursts, and nobody confirms unseen."""

    def __init__(self, question: str, lines: Callable[[int], list[Line]]) -> None:
        """`lines` gives the explanation in a width; its number of lines must not depend on it."""
        super().__init__()
        self._question = question
        self._explanation = lines
        self._drawn_at: float | None = None
        self._tells_whom = False

    def compose(self) -> ComposeResult:
        with Vertical(id="confirm"):
            yield Words(self._question, id="confirm-question")
            yield Lines(id="confirm-lines")
            with Horizontal(id="confirm-buttons"):
                yield Button("No, leave it", id="no", compact=True)
                yield Button("y  Yes", id="yes", compact=True)

    def on_mount(self) -> None:
        self._fit()

    def on_resize(self) -> None:
        self._fit()
        self.call_after_refresh(self._draw)

    def _fit(self) -> None:
        """As many lines as the window has; without those that say whom it is about there is no yes."""
        explanation = self._explanation(self._inner_width())
        wanted, height = min(_MOST_LINES, len(explanation)), self.app.size.height
        self.set_class(height < wanted + _ROOMY_FRAME, "-tight")
        room = max(1, min(wanted, height - _FRAME))
        self.query_one("#confirm-lines").styles.height = room
        whom = next((place for place, line in enumerate(explanation) if not plain(line).strip()), wanted)
        self._tells_whom = room >= min(whom, wanted) and self._inner_width() >= LEAST_WIDTH

    def _inner_width(self) -> int:
        """As the style sheet has it: 92 % of the screen, at most 110, less the frame."""
        return min(110, self.app.size.width * 92 // 100) - 4

    def _draw(self) -> None:
        lines = self.query_one("#confirm-lines", Lines)
        width = lines.size.width
        lines.paint(self._explanation(width) if self._tells_whom else [fit_line([Cell(ENLARGE, "warn")], width)])
        if self._drawn_at is None:
            self._drawn_at = time.monotonic()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.action_answer(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        """A yes counts from when it was pressed, however late its turn comes."""
        pressed_at = self.app.pressed_at if isinstance(self.app, TerminalApp) else time.monotonic()
        seen = self._drawn_at is not None and pressed_at - self._drawn_at >= self.READING_TIME
        if (seen and self._tells_whom) or not yes:
            self.dismiss(yes)

    def action_other(self) -> None:
        self.focus_next()
