"""A question that is answered by typing how many sessions it is about."""

from collections.abc import Callable
from string import digits
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from pgheadroom.tui.screens.confirm import Confirm
from pgheadroom.tui.widgets.painted import Lines
from pgheadroom.tui.widgets.words import Words
from pgheadroom.view.cells import Line
from pgheadroom.words.counts import plural


class ConfirmNumber(Confirm, inherit_bindings=False):
    """The number and Enter say yes, Esc says no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(digit, f"digit('{digit}')", show=False, priority=True) for digit in digits),
        Binding("backspace", "erase", "Erase a digit", show=False, priority=True),
        Binding("enter", "confirm", "confirm", key_display="Enter", priority=True),
        Binding("n,escape,q", "answer(False)", "No", key_display="Esc"),
    ]
    AUTO_FOCUS = ""

    def __init__(self, question: str, lines: Callable[[int], list[Line]], count: int) -> None:
        super().__init__(question, lines)
        self._count = count
        self._typed = ""
        self._complaint = ""

    def compose(self) -> ComposeResult:
        with Vertical(id="confirm"):
            yield Words(self._question, id="confirm-question")
            yield Lines(id="confirm-lines")
            yield Words(self._asked, id="confirm-number")

    @property
    def _asked(self) -> str:
        return f"{self._complaint}Type {self._count} and Enter to end {plural(self._count, 'session')}: {self._typed}_"

    def _tell(self) -> None:
        self.query_one("#confirm-number", Words).say(self._asked)

    def action_digit(self, digit: str) -> None:
        self._typed, self._complaint = (self._typed + digit)[-6:], ""
        self._tell()

    def action_erase(self) -> None:
        self._typed = self._typed[:-1]
        self._tell()

    def action_confirm(self) -> None:
        if self._typed == str(self._count):
            self.action_answer(True)
        else:
            self._complaint = f"{self._typed} is not the number. " if self._typed else ""
            self._typed = ""
            self._tell()
