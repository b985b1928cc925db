"""The question before a signal. It stands on No, and only `y` says yes."""

from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from pgheadroom.model.plan import Plan
from pgheadroom.tui.widgets.painted import Lines
from pgheadroom.view.confirmation import confirmation, question


class Confirm(ModalScreen[bool]):
    """Shows what a plan does to whom. What is confirmed is this plan, whatever happens to the rows behind it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,escape,q", "answer(False)", "No"),
        Binding("left,right,tab,shift+tab", "other", "Other button", show=False),
    ]
    AUTO_FOCUS = "#no"

    def __init__(self, plan: Plan, now: datetime) -> None:
        super().__init__()
        self._plan = plan
        self._now = now

    def compose(self) -> ComposeResult:
        with Vertical(id="confirm"):
            yield Static(Content(question(self._plan.verb, len(self._plan.targets))), id="confirm-question")
            yield Lines(id="confirm-lines")
            with Horizontal(id="confirm-buttons"):
                yield Button("No, leave it", id="no", compact=True)
                yield Button("y  Yes", id="yes", compact=True)

    def on_mount(self) -> None:
        self.query_one("#confirm-lines").styles.height = len(confirmation(self._plan.verb, self._plan, self._now, 80))

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        lines = self.query_one("#confirm-lines", Lines)
        lines.paint(confirmation(self._plan.verb, self._plan, self._now, lines.size.width))

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)

    def action_other(self) -> None:
        self.focus_next()
