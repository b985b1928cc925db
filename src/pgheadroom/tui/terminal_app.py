"""An application that leaves the terminal, and whoever looks at it, as it found them."""

from typing import Any, ClassVar

from rich.console import RenderableType
from textual.app import App
from textual.screen import Screen
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.worker import WorkerFailed

from pgheadroom.tui.driver import PatientDriver
from pgheadroom.tui.spans import Spans
from pgheadroom.tui.textual_private import ChopsUpdate, end_without_traceback, fatal_error_of, forget_drawn_styles


class PlainScrollBar(ScrollBarRender):
    """A scroll bar of whole cells, for terminals without the signs for parts of one."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "]
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "]


class TerminalApp(App[int]):
    """The base of the monitor: how it meets its terminal, and how it ends when we have made a mistake."""

    def __init__(self) -> None:
        # Textual turns the terminal's own colours into its own greys under NO_COLOR, unless told that they are meant.
        super().__init__(driver_class=PatientDriver, ansi_color=True)

    def on_mount(self) -> None:
        # While the program was stopped, the shell wrote over the screen.
        self.app_resume_signal.subscribe(self, lambda _: self.refresh())
        self.screen_change_signal.subscribe(self, lambda _: forget_drawn_styles())
        ScrollBar.renderer = PlainScrollBar if self.has_class("-ascii-only") else ScrollBarRender

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        if type(renderable) is ChopsUpdate:
            renderable = Spans(renderable.chops, renderable.spans, renderable.chop_ends)
        super()._display(screen, renderable)

    def overhear(self, line: str) -> None:
        """A library wrote this to the terminal. An application without a place for it says nothing."""

    @property
    def fault(self) -> BaseException | None:
        """The exception that ended it."""
        error = fatal_error_of(self)
        return error.error if isinstance(error, WorkerFailed) else error

    def _fatal_error(self) -> None:
        # Local variables, of which some hold passwords, are not to be printed.
        end_without_traceback(self)
