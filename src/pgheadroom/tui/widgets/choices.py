"""A line of names to choose from with the mouse: the screens, the lists of a screen."""

from collections.abc import Iterable

from textual import events
from textual.message import Message

from pgheadroom.tui.widgets.painted import Lines
from pgheadroom.view.cells import Cell, fit_line, line_width

SCREENS = (
    ("1", "overview", "Overview"),
    ("2", "sessions", "Sessions"),
    ("3", "locks", "Locks"),
    ("4", "pgbouncer", "PgBouncer"),
    ("5", "trends", "Trends"),
    ("6", "triage", "Triage"),
    ("7", "advice", "Advice"),
)
"""Digit, mode and name of each screen that a digit leads to."""


class Choices(Lines):
    """Names side by side; a click on one is a message."""

    class Chosen(Message):
        """A name was clicked."""

        def __init__(self, choices: "Choices", name: str) -> None:
            super().__init__()
            self.choices = choices
            self.name = name

        @property
        def control(self) -> "Choices":
            return self.choices

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._ends: list[tuple[int, str]] = []

    def offer(self, names: Iterable[tuple[str, Cell]]) -> None:
        """Show these; a name that is empty cannot be chosen."""
        cells: list[Cell] = []
        self._ends = []
        for name, cell in names:
            cells.append(cell)
            self._ends.append((line_width(cells), name))
        self.paint([fit_line(cells, self.size.width)])

    def on_click(self, event: events.Click) -> None:
        name = next((name for end, name in self._ends if event.x < end), "")
        if name:
            self.post_message(self.Chosen(self, name))


class ScreenTabs(Choices):
    """Which screens there are, each with its digit, and the one that is seen in brackets.

    It changes with the screen alone, and so costs a refresh nothing.
    """

    def __init__(self, current: str) -> None:
        super().__init__(id="screens")
        self._current = current

    def on_resize(self) -> None:
        labels = self._labels(short=False)
        fits = line_width([cell for _, cell in labels]) <= self.size.width
        self.offer(labels if fits else self._labels(short=True))

    def _labels(self, *, short: bool) -> list[tuple[str, Cell]]:
        return [(mode, self._label(digit, name, mode == self._current, short=short)) for digit, mode, name in SCREENS]

    def _label(self, digit: str, name: str, seen: bool, *, short: bool) -> Cell:
        if seen:
            return Cell(f"[{digit} {name}]", "tab")
        return Cell(f" {digit} " if short else f" {digit} {name} ", "dim")
