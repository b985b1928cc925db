"""One line to type a filter into; it filters while one types."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.reactive import Reactive, reactive
from textual.widgets import Input
from textual.widgets.input import Selection

from pgheadroom.tui.widgets.painted import Lines
from pgheadroom.tui.widgets.words import Words
from pgheadroom.view.cells import Cell, fit_line


class Entry(Input):
    """An input that may be composed before its screen is shown.

    An `Input` clears what is selected on the present screen when its own selection is set, also while it is mounted.
    The first screen of an app is composed before it is on the stack of screens, and from Python 3.12 on, where Textual
    has tasks begin at once, it is mounted before that too: there is no present screen yet.
    """

    selection: Reactive[Selection] = reactive(Selection.cursor(0), init=False)


class FilterLine(Horizontal):
    """Hidden until asked for. Enter keeps the filter, Esc takes it away."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "drop", "No filter", priority=True)]

    class Changed(Message):
        """Another filter is to be applied."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Closed(Message):
        """The line is hidden again; whoever had the focus gets it back."""

    def compose(self) -> ComposeResult:
        yield Lines(id="filter-label")
        yield Entry(id="filter-input", compact=True, select_on_focus=False)
        yield Words(id="filter-complaint")

    def open(self, text: str, label: str = "/", hint: str = "") -> None:
        self.display = True
        self.query_one("#filter-label", Lines).paint([fit_line([Cell(label, "key")], 2)])
        entry = self.query_one(Input)
        entry.placeholder = hint
        entry.value = text
        entry.cursor_position = len(text)
        # At once: `focus()` waits for its turn, and keys that came meanwhile would act on the table.
        self.screen.set_focus(entry)

    def complain(self, complaint: str) -> None:
        """Say what is wrong with the text; empty when it is right."""
        self.query_one("#filter-complaint", Words).say(complaint)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.display:
            self.post_message(self.Changed(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.close()

    def action_drop(self) -> None:
        self.post_message(self.Changed(""))
        self.close()

    def close(self) -> None:
        """Hide the line and keep the filter."""
        self.display = False
        self.post_message(self.Closed())
