"""A lesson on the monitor: a panel on every screen, which follows what is done and does nothing itself."""

from collections.abc import Iterator
from typing import Any

from textual.app import ComposeResult
from textual.containers import Container
from textual.geometry import Size

from pgheadroom.acting.sessions import SessionAction
from pgheadroom.lesson.guide_lines import guide_lines, panel_size, strip_lines
from pgheadroom.lesson.progress import Guide, Look, Progress, advance
from pgheadroom.model.session import Session
from pgheadroom.tui.app import Monitor
from pgheadroom.tui.screens.base import LiveScreen
from pgheadroom.tui.screens.bulk import Bulk
from pgheadroom.tui.screens.sessions import Sessions
from pgheadroom.tui.widgets.filter_line import FilterLine
from pgheadroom.tui.widgets.guide import GuidePanel, Room
from pgheadroom.tui.widgets.painted import Painted

_LOOKS_EVERY = 0.25
"""Seconds. A dialogue, a filter or a cursor changes without a sample."""


class Coach:
    """Judges after each sample, and a few times in between, which steps are done."""

    def __init__(self, monitor: Monitor, guide: Guide) -> None:
        self.guide = guide
        self.progress = Progress()
        self._monitor = monitor
        self._carried_out: list[SessionAction] = []
        self._hidden = False
        monitor.acting.on_signalled = self._carried_out.append

    def begin(self) -> None:
        self._monitor.set_interval(_LOOKS_EVERY, self.look)

    def frame(self, body: Iterator[Any]) -> ComposeResult:
        """A screen's body with the panel beside or below it."""
        # In its place from the start: a screen that is opened should not jump.
        columns, lines = self._panel_size(self._monitor.size)
        with Container(id="guided", classes="-beside" if columns else ""):
            with Room(self._monitor.draw):
                yield from body
            yield GuidePanel().place(columns, lines)

    # Following

    def look(self) -> None:
        """Take in what is seen now."""
        screen, analysis = self._monitor.live_screen(), self._monitor.analysis
        if screen is None or not screen.ready:
            return
        # A preview closes before it is known what came of it: that is no step back.
        if analysis is not None and not self._monitor.acting.is_signalling:
            self.progress = advance(
                self.guide,
                self.progress,
                self._before_the_user(screen),
                analysis.snapshot,
                analysis.capacity,
                analysis.findings,
                tuple(one.action for one in self._carried_out if one.action is not None),
            )
        self._arrange(screen)
        self._tell(screen)

    def _before_the_user(self, screen: LiveScreen) -> Look:
        uppermost = getattr(self._monitor.screen, "kind", "")
        return Look(uppermost, tuple(_sessions(screen)), any(line.display for line in screen.query(FilterLine)))

    # Drawing

    def _tell(self, screen: LiveScreen) -> None:
        panel = screen.query_one(GuidePanel)
        width, height = panel.size
        if not panel.display or not width or not height:
            return
        if screen.query_one("#guided").has_class("-beside"):
            lines = guide_lines(self.guide, self.progress, width - 2, height, ascii_only=Painted.ascii_only)
        else:
            lines = strip_lines(self.guide, self.progress, width, height)
        panel.tell(lines)

    def _arrange(self, screen: LiveScreen) -> None:
        """Give the panel its place, and the screen the breakpoints of the room that is left."""
        columns, lines = self._panel_size(screen.size)
        screen.query_one(GuidePanel).place(columns, lines)
        screen.query_one("#guided").set_class(bool(columns), "-beside")
        classes: dict[str, bool] = {}
        width, height = screen.size.width - columns, screen.size.height - lines
        for room, breakpoints in (
            (width, self._monitor.HORIZONTAL_BREAKPOINTS),
            (height, self._monitor.VERTICAL_BREAKPOINTS),
        ):
            fitting = max((one for one in breakpoints if one[0] <= room), default=None)
            classes |= {name: (least, name) == fitting for least, name in breakpoints}
        # Textual sets them for the whole screen each time that it changes its size.
        if any(screen.has_class(name) is not wanted for name, wanted in classes.items()):
            screen.update_classes(classes)

    def _panel_size(self, of: Size) -> tuple[int, int]:
        return (0, 0) if self._hidden else panel_size(self.guide, self.progress, *of)

    def toggle(self) -> None:
        """Hide the panel, or show it again; the lesson goes on either way."""
        self._hidden = not self._hidden
        self._monitor.say("the guide is hidden: F2 shows it again" if self._hidden else "")
        self.look()


def _sessions(screen: LiveScreen) -> list[Session] | tuple[Session, ...]:
    """Those that a screen lists or is about."""
    if isinstance(screen, Sessions):
        return list(screen.table.rows)
    return screen.targets if isinstance(screen, Bulk) else screen.chosen()
