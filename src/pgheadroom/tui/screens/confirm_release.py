"""The question before something is let go: at once, or in steps."""

from typing import ClassVar

from textual.binding import Binding, BindingType

from pgheadroom.tui.screens.confirm import Confirm


class ConfirmRelease(Confirm):
    """`y` lets go at once; `s` lets go in steps, or stops the steps.

    Attributes:
        in_steps: Whether it was answered with `s`.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("s", "steps", "In steps")]

    in_steps = False

    def action_answer(self, yes: bool) -> None:
        self.in_steps = False
        super().action_answer(yes)

    def action_steps(self) -> None:
        self.in_steps = True
        super().action_answer(True)
