"""What all screens of the monitor share: the header, the footer, panes to go through, and a filter."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, cast

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches
from textual.screen import ModalScreen, Screen
from textual.widgets import Input

from pgheadroom.analysis import Analysis
from pgheadroom.model.action import Verb
from pgheadroom.model.session import Session
from pgheadroom.rules.filters.language import parse_filter
from pgheadroom.tui.surroundings import Surroundings
from pgheadroom.tui.textual_private import styled_as_the_application_is
from pgheadroom.tui.widgets.choices import Choices, ScreenTabs
from pgheadroom.tui.widgets.filter_line import FilterLine
from pgheadroom.tui.widgets.footer import KeyLine
from pgheadroom.tui.widgets.painted import Lines
from pgheadroom.tui.widgets.table import Table
from pgheadroom.view.cells import Cell, Line, fit_line
from pgheadroom.words.text import wrap

_MESSAGE_LINES = 3
_ACTING = frozenset({"cancel", "terminate", "bulk"})
_HOLDING = frozenset({"hold", "let_go"})
_OF_PANES = frozenset({"next_pane", "filter", "cancel", "terminate"})


class LiveScreen(Screen[None]):
    """A screen that shows an analysis. The app hands it one a sample while it is visible; hidden screens do no work."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "next_pane(1)", "pane", key_display="Tab", tooltip="Next pane"),
        Binding("shift+tab", "next_pane(-1)", "Pane before", show=False),
        # At once: what is typed behind it is the filter.
        Binding("slash", "filter", "filter", key_display="/", tooltip="Filter the rows of this pane", priority=True),
        Binding("C", "cancel", "cancel", tooltip="Cancel the query of the chosen session"),
        Binding("K", "terminate", "terminate", tooltip="Terminate the chosen session"),
        Binding("B", "bulk", "bulk", tooltip="Cancel or terminate a whole group, by filter"),
        Binding("H", "hold", "hold", tooltip="Hold the role back: limit it, and end who is above the limit"),
        Binding("L", "let_go", "let go", tooltip="Give back what a held role had before"),
        Binding("escape", "back", "Back", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        styled_as_the_application_is(self, self.app)

    @property
    def monitor(self) -> Surroundings:
        """What the screen may ask of the application around it."""
        return cast("Surroundings", self.app)

    def compose(self) -> ComposeResult:
        yield Lines(id="header")
        if not self.asks:
            yield ScreenTabs(self.kind)
        yield Lines(id="held")
        yield from self.monitor.frame(self.body())
        yield Lines(id="message")
        if self.has_panes and self.filters:
            yield FilterLine(id="filter")
        yield KeyLine(id="footer")

    def body(self) -> Iterator[Any]:
        """The widgets between header and footer."""
        raise NotImplementedError

    def show(self, analysis: Analysis) -> None:
        """Draw a new analysis."""
        raise NotImplementedError

    def show_header(self, line: Line) -> None:
        self.query_one("#header", Lines).paint([line])

    def show_held(self, lines: Sequence[Line]) -> None:
        """What is held back; takes no room where nothing is."""
        held = self.query_one("#held", Lines)
        if held.display != bool(lines):
            held.display = bool(lines)
            self.refresh_bindings()
        held.paint(lines)

    def show_message(self, words: str) -> None:
        """What is said to the user, above the keys; empty takes the line away."""
        message = self.query_one("#message", Lines)
        message.display = bool(words)
        width = self.size.width
        lines = wrap(words, width)[:_MESSAGE_LINES]
        message.styles.height = len(lines)
        message.paint([fit_line([Cell(line, "accent")], width) for line in lines])

    kind: ClassVar[str]
    """What the screen is called: where a lesson leads to, and its mode."""
    has_panes: ClassVar[bool] = True
    """Whether there is a table to go through."""
    filters: ClassVar[bool] = True
    """Whether something is to be typed: a line for that is half of what is mounted with a screen."""
    asks: ClassVar[bool] = False
    """Whether it is a question, which digits may answer."""
    tells_trouble: ClassVar[bool] = False
    """Whether it says itself why no sample comes."""
    was_seen = False
    """Whether it was in front before: its widgets have their places then."""
    ready = False
    """Whether its widgets are there: a sample can arrive between the switch to a screen and its first drawing."""

    @property
    def drawable(self) -> bool:
        """Whether it can be drawn: its widgets are there, and it has not been left. They go one by one then."""
        return self.ready and self in self.app.screen_stack

    def on_mount(self) -> None:
        self.ready = True
        for line in self.query(FilterLine):
            line.display = False
        panes = self.panes
        if panes:
            # At once: later it would take the focus from a filter that was opened meanwhile.
            self.set_focus(panes[0])
            panes[0].add_class("current")

    def on_screen_suspend(self) -> None:
        if self.ready and isinstance(self.app.screen, ModalScreen):
            self.query_one(KeyLine).under(self.app.screen)

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        if self.ready:
            self.query_one(KeyLine).under(None)
        if self.was_seen and self.size == self.app.size:
            # What changes the style of a screen that is not seen is applied to it at once, as to any other.
            event.refresh_styles = False
            self.monitor.draw()
            self.call_next(self.monitor.show_at_once, self)  # Textual's part of coming back is still to come
        else:  # its widgets are not where they will be
            self.call_after_refresh(self.monitor.draw)
        self.was_seen = True

    def on_resize(self) -> None:
        self.call_after_refresh(self.monitor.draw)

    # Panes

    @property
    def panes(self) -> list[Table[Any]]:
        return list(self.query(Table))

    @property
    def current_pane(self) -> Table[Any] | None:
        panes = self.panes
        return next((pane for pane in panes if pane.has_class("current")), panes[0] if panes else None)

    def action_next_pane(self, step: int) -> None:
        panes = self.panes
        current = self.current_pane
        if current is not None:
            self.focus_pane(panes[(panes.index(current) + step) % len(panes)])

    def focus_pane(self, pane: Table[Any]) -> None:
        for other in self.panes:
            other.set_class(other is pane, "current")
        pane.focus()
        self.call_after_refresh(self.monitor.draw)

    def on_descendant_focus(self) -> None:
        focused = self.focused
        if isinstance(focused, Table):
            for other in self.panes:
                other.set_class(other is focused, "current")

    @on(Choices.Chosen, "#screens")
    def go_to_screen(self, event: Choices.Chosen) -> None:
        if self.monitor.may_ask():
            self.monitor.action_mode(event.name)

    # Acting

    def chosen(self) -> list[Session]:
        """The sessions that C and K are about: the marked ones, or the one under the cursor."""
        return []

    def aside(self) -> str:
        """What the question says of the chosen ones besides."""
        return ""

    def group_filter(self) -> str:
        """The filter that B begins with: of the group under the cursor, if it is one."""
        return ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without powers (a replay, read-only) the keys that act do not exist, nor do a pane's without a pane."""
        if action in _OF_PANES and not self.has_panes:
            return False
        if action == "filter" and isinstance(self.focused, Input):
            return False
        if action in _ACTING:
            return self.monitor.acting.powers is not None
        if action in _HOLDING:
            return not self.asks and self.monitor.acting.holding.can(action)
        return super().check_action(action, parameters)

    def action_cancel(self) -> None:
        self._confirm(Verb.CANCEL)

    def action_terminate(self) -> None:
        self._confirm(Verb.TERMINATE)

    def _confirm(self, verb: Verb) -> None:
        sessions = self.chosen()
        if not sessions and (instead := self.without_session()):
            self.monitor.say(instead)
        elif not sessions and self.group_filter():
            self.monitor.open_bulk(verb, self.group_filter())
        else:
            self.monitor.acting.confirm(verb, sessions, self.aside())

    def without_session(self) -> str:
        """What is to be pressed for the row under the cursor where it has no session; empty for other rows."""
        return ""

    def action_bulk(self) -> None:
        self.monitor.open_bulk(Verb.TERMINATE, self.group_filter())

    def meant(self) -> list[Session]:
        """The sessions whose role H is about: the chosen ones, or all that the group's filter takes in."""
        analysis, sessions = self.monitor.analysis, self.chosen()
        if sessions or analysis is None or not self.group_filter():
            return sessions
        return parse_filter(self.group_filter()).select(analysis.snapshot.sessions, analysis.snapshot.taken_at)

    def action_hold(self) -> None:
        self.monitor.acting.holding.ask_hold(self.meant())

    def action_let_go(self) -> None:
        self.monitor.acting.holding.ask_let_go()

    def offers(self, action: str) -> bool:
        """Whether the footer names it: what leads to where one is needs no room there."""
        return action != f"mode('{self.kind}')"

    # Filter

    def action_filter(self) -> None:
        if (pane := self.current_pane) is not None:
            self.query_one(FilterLine).open(pane.filter, hint=self.filter_hint)

    filter_hint: ClassVar[str] = "text that a row of this pane has to have"
    """What may be typed into the filter, said while nothing is."""

    def on_filter_line_changed(self, event: FilterLine.Changed) -> None:
        if (pane := self.current_pane) is not None:
            pane.set_filter(event.text)

    def on_filter_line_closed(self) -> None:
        if (pane := self.current_pane) is not None:
            pane.focus()

    def action_back(self) -> None:
        """Esc: take the filter away first, then leave a screen that was drilled into."""
        self.monitor.hush()
        pane = self.current_pane
        if pane is not None and pane.filter:
            pane.set_filter("")
        elif pane is not None and pane.marked:
            pane.marked.clear()
            self.monitor.draw()
        else:
            self.leave()

    def leave(self) -> None:
        """What Esc does when there is nothing to undo on this screen."""

    def show_status(self) -> None:
        """Draw what depends on how fresh the data is; called each second."""

    def pane(self, name: str) -> Table[Any]:
        try:
            return self.query_one(f"#{name}", Table)
        except NoMatches:
            raise LookupError(name) from None
