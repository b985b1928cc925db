"""Lines that are longer than the screen: scrolled with the usual keys, drawn as little as possible."""

from collections.abc import Hashable, Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType

from pgheadroom.tui.widgets.painted import Painted
from pgheadroom.view.cells import Cell, Line, spread


class Pager(Painted, can_focus=True):
    """Shows a window of its lines; new lines do not move the window.

    With a title its first line is a rule that says whether the pager has the focus, and which lines are seen.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "scroll(1)", "Line down", show=False),
        Binding("k,up", "scroll(-1)", "Line up", show=False),
        Binding("pagedown,ctrl+d", "page(1)", "Page down", show=False),
        Binding("pageup,ctrl+u", "page(-1)", "Page up", show=False),
        Binding("g,home", "scroll(-1000000)", "Top", show=False),
        Binding("G,end", "scroll(1000000)", "Bottom", show=False),
    ]

    def __init__(self, title: str = "", *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._title = title
        self._all: list[Line] = []
        self._first = 0
        self._subject: Hashable = None

    def show(self, lines: Sequence[Line], subject: Hashable = None) -> None:
        """Take new lines; of another `subject` than before they are read from the top."""
        if subject != self._subject:
            self._subject, self._first = subject, 0
        self._all = list(lines)
        self.action_scroll(0)

    def on_focus(self) -> None:
        self.action_scroll(0)

    def on_blur(self) -> None:
        self.action_scroll(0)

    def action_scroll(self, lines: int) -> None:
        height = self.size.height - (1 if self._title else 0)
        self._first = max(0, min(self._first + lines, len(self._all) - height))
        seen = self._all[self._first : self._first + height]
        self.paint([self._rule(len(seen)), *seen] if self._title else seen)

    def _rule(self, seen: int) -> Line:
        cut = f" {self._first + 1}–{self._first + seen} of {len(self._all)}" if seen < len(self._all) else ""
        lead = Cell("▸ ", "focus") if self.has_focus else Cell("─ ", "rule")
        return spread([lead, Cell(f"{self._title} ", "heading")], [Cell(cut, "dim")], self.size.width, "─", "rule")

    def action_page(self, pages: int) -> None:
        self.action_scroll(pages * max(1, self.size.height - 2))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self.action_scroll(3)
        event.stop()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self.action_scroll(-3)
        event.stop()
