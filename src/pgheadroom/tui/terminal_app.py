"""An application that leaves the terminal, and whoever looks at it, as it found them."""

import asyncio
from typing import Any, ClassVar

from rich.console import RenderableType
from textual import events
from textual.app import App
from textual.screen import Screen
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.worker import WorkerFailed

from pgheadroom.tui.canvas import Canvas
from pgheadroom.tui.driver import PatientDriver
from pgheadroom.tui.textual_private import (
    ask_anew,
    draw_at_once,
    end_without_traceback,
    fatal_error_of,
    forget_drawn_styles,
    gather_updates_for,
    is_batching,
    is_changing,
    question,
    wait_for_line,
    without_tooltips_and_toasts,
    written,
)
from pgheadroom.tui.tidying import Tidying
from pgheadroom.tui.turns import Turns

FRAME = 0.016
"""Seconds from one picture to the next."""
GATHERED = 0.002
"""Seconds in which Textual gathers what is to be drawn. Written is at most one picture in each `FRAME`."""
TOGETHER = 0.003
"""Seconds in which Textual's updates of one change come, unless nobody has anything to do any more."""
NEXT_LOOK = 0.001
"""Seconds after which to look again whether a picture is complete."""
COMPLETE = 1.0
"""Seconds within which a screen that is gone to is drawn, complete or not. Textual lays it out blank at first."""


class PlainScrollBar(ScrollBarRender):
    """A scroll bar of whole cells, for terminals without the signs for parts of one."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "]
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "]


class TerminalApp(App[int]):
    """The base of the monitor: how it meets its terminal, and how it ends when we have made a mistake.

    Attributes:
        pressed_at: When the key or button that is dealt with was pressed, in seconds of `monotonic`.
    """

    def __init__(self) -> None:
        # Textual turns the terminal's own colours into its own greys under NO_COLOR, unless told that they are meant.
        super().__init__(driver_class=PatientDriver, ansi_color=True)
        self._canvas = Canvas()
        self._turns = Turns(self)
        self._tidying = Tidying()
        self.pressed_at = 0.0
        self._drawing: asyncio.TimerHandle | None = None
        self._held_up = False
        self._drawn_at = 0.0
        self._together_by = 0.0
        self._complete_by = 0.0
        gather_updates_for(GATHERED)
        without_tooltips_and_toasts(self)

    def on_mount(self) -> None:
        # While the program was stopped, the shell wrote over the screen.
        self.app_resume_signal.subscribe(self, lambda _: self.draw_whole())
        self.screen_change_signal.subscribe(self, lambda _: self._come_to_screen(), immediate=True)
        self._come_to_screen()
        ScrollBar.renderer = PlainScrollBar if self.has_class("-ascii-only") else ScrollBarRender
        self._tidying.begin()

    def on_unmount(self) -> None:
        self._tidying.end()

    async def on_event(self, event: events.Event) -> None:
        if self._turns.has_come(event):
            if isinstance(event, (events.Key, events.MouseDown)) and not event.is_forwarded:
                self.pressed_at = event.time
                self._tidying.key()
            await super().on_event(event)
            if isinstance(event, events.Key) and not self._complete_by:
                self.show_at_once()

    def show_at_once(self, of: Screen[Any] | None = None) -> None:
        """Draw and write what a key has changed without waiting for timers, where the next picture may be written.

        A screen says that it is its own turn: what is gone to is complete then.
        """
        if not self.is_running or not self.screen_stack:
            return
        draw_at_once(self.screen)
        if of is self.screen and self.has_filled(of) and not is_changing(of, in_its_turn=True):
            self._complete_by = self._together_by = 0.0
        if self._drawing is not None and asyncio.get_running_loop().time() >= self._drawn_at + FRAME:
            self._draw_now()

    @property
    def keeps_keys(self) -> bool:
        """Whether keys were pressed whose turn has not come."""
        return self._turns.keep_any

    def _come_to_screen(self) -> None:
        forget_drawn_styles()
        self._complete_by = asyncio.get_running_loop().time() + COMPLETE

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """What Textual wants to be shown is taken here, and what differs is written when a picture is complete."""
        if renderable is None:
            return
        if self._canvas.take(renderable, (self.size.width, self.size.height), self.console):
            self._draw_soon()
        else:
            self._canvas.forget()
            super()._display(screen, renderable)

    def _draw_soon(self, seconds: float = 0.0) -> None:
        if self._drawing is None:
            loop = asyncio.get_running_loop()
            if not seconds:
                self._together_by = loop.time() + TOGETHER
            when = max(loop.time() + seconds, self._drawn_at + FRAME)
            # In the application's own turn: a fault of ours ends it as any other does.
            self._drawing = loop.call_at(when, self.call_later, self._draw_difference)

    def _draw_difference(self) -> None:
        self._drawing = None
        wait = self._wait()
        self._held_up = wait > 0
        if self._held_up:
            # Over a slow line pictures are left out, and never stand in line: the next one shows what is then.
            self._draw_soon(wait)
            return
        text = self._canvas.difference()
        if text:
            self._drawn_at = asyncio.get_running_loop().time()
            super()._display(self.screen, written(text + question(self, len(text.encode()))))
            self._tidying.picture()

    def _wait(self) -> float:
        """Seconds after which to look again whether a picture may be written; 0 where it may be now."""
        if is_batching(self):
            return FRAME
        now = asyncio.get_running_loop().time()
        if (now < self._complete_by or now < self._together_by) and not self._is_complete():
            return NEXT_LOOK
        self._complete_by = 0.0
        return wait_for_line(self)

    def _is_complete(self) -> bool:
        return self.has_filled(self.screen) and not is_changing(self.screen)

    def delay_update(self, delay: float = 0.05) -> None:
        """Textual waits so long before it draws another screen, lest a blank one be seen; here none is written."""

    def has_filled(self, screen: Screen[Any]) -> bool:
        """Whether a screen that was gone to shows what it is to show, as far as only the application knows."""
        return True

    def arrived(self, doubtful: bool) -> None:
        """The terminal shows a picture, so that the line is free for the next one.

        Args:
            doubtful: It had said nothing for long: it may show anything.
        """
        if doubtful:
            self._canvas.forget()
            self._draw_soon()
        if self._held_up:
            self._draw_now()

    def on_resize(self) -> None:
        # Also of the same size: who attaches another terminal tells it so.
        self._canvas.forget()
        self._draw_soon()

    def draw_whole(self) -> None:
        """Something else may have written over the screen, or it may be on another terminal."""
        self._canvas.forget()
        ask_anew(self)
        self._draw_now()

    def _draw_now(self) -> None:
        if self._drawing is not None:
            self._drawing.cancel()
        self._draw_difference()

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
