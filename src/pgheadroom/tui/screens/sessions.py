"""Screen 2: every client session, filtered and sorted as one likes, and what can be done to them."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from pgheadroom.analysis import Analysis
from pgheadroom.model.session import Session, State
from pgheadroom.rules.filters.language import Filter, FilterError, parse_filter
from pgheadroom.tui.screens.base import LiveScreen
from pgheadroom.tui.widgets.filter_line import FilterLine
from pgheadroom.tui.widgets.painted import Lines
from pgheadroom.tui.widgets.table import Table
from pgheadroom.view.cells import Cell
from pgheadroom.view.gauge import gauge_line
from pgheadroom.view.tables.sessions import SESSION_COLUMNS, by_urgency
from pgheadroom.view.urgency import usage_style


class Sessions(LiveScreen):
    """All sessions in one table; 5,000 of them cost no more to draw than a screenful."""

    kind = "sessions"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("i", "hide_idle", "idle", tooltip="Hide or show idle sessions"),
        Binding("space", "mark", "mark", key_display="Space", show=True),
        Binding("enter", "open", "detail", key_display="Enter", tooltip="Look at the session closely"),
    ]

    filter_hint = "user:web state:idle age>10m -app:check* running, waiting:lock, or any text"

    def __init__(self) -> None:
        super().__init__()
        self._filter = parse_filter("")
        self._wrong = ""
        self._hide_idle = False

    def body(self) -> Iterator[Any]:
        yield Lines(id="slots")
        yield Table[Session](
            "SESSIONS", SESSION_COLUMNS, lambda row: row.id, id="sessions", empty="no sessions", plainly_filtered=False
        )

    @property
    def table(self) -> Table[Session]:
        return self.pane("sessions")

    @property
    def filter(self) -> Filter:
        return self._filter

    def set_filter(self, text: str) -> None:
        """Show only the sessions that match; the text is in the filter language.

        Raises:
            FilterError: It is not.
        """
        self.table.set_filter(text)
        try:
            self._filter, self._wrong = parse_filter(text), ""
        except FilterError as error:
            # It selects nobody until it is right: another one in its place would select others than were meant.
            self._wrong = str(error)
            raise
        finally:
            self.table.complain(self._wrong)
            self.monitor.draw()

    def show(self, analysis: Analysis) -> None:
        now = analysis.snapshot.taken_at
        slots = self.query_one("#slots", Lines)
        slots.paint([gauge_line(analysis.capacity, usage_style(analysis), "", slots.size.width, analysis.refused)])
        rows = self.matching(analysis.snapshot.sessions, now)
        hidden = len(analysis.snapshot.sessions) - len(rows)
        remark = f"{hidden} hidden" if hidden else ""
        if unseen := len(self._marked) - len(set(self._marked).intersection(rows)):
            remark = f"{unseen} of the marked hidden · {remark}"
        if self._hide_idle:
            remark = f"idle hidden · {remark}"
        own = analysis.snapshot.door.pid
        quiet = {one.id for one in rows if one.pid == own}
        self.table.show(by_urgency(rows, now, own), now, Cell(remark, "warn"), quiet=quiet)

    def matching(self, sessions: tuple[Session, ...], now: datetime) -> list[Session]:
        if self._wrong:
            return []
        chosen = self._filter.select(sessions, now)
        return [one for one in chosen if one.state is not State.IDLE] if self._hide_idle else chosen

    def on_filter_line_changed(self, event: FilterLine.Changed) -> None:
        event.prevent_default()  # Textual would call the base class too, which knows no filter language
        line = self.query_one(FilterLine)
        try:
            self.set_filter(event.text)
        except FilterError as error:
            line.complain(str(error))
        else:
            line.complain("")

    def action_hide_idle(self) -> None:
        self._hide_idle = not self._hide_idle
        self.monitor.draw()

    def action_mark(self) -> None:
        self.table.action_mark()

    def action_back(self) -> None:
        self.monitor.hush()
        if self.table.filter and not self.monitor.came_from:
            self.set_filter("")
        elif self.table.marked:
            self.table.marked.clear()
            self.monitor.draw()
        else:
            self.leave()

    @property
    def _marked(self) -> list[Session]:
        """The marked sessions that are still there, also those that the filter hides."""
        analysis, marked = self.monitor.analysis, self.table.marked
        if analysis is None or not marked:
            return []
        return [one for one in analysis.snapshot.sessions if one.id in marked]

    def chosen(self) -> list[Session]:
        """The marked ones wherever they are, else the one under the cursor; nobody when all that was marked is gone."""
        return self._marked if self.table.marked else self.table.selected

    def aside(self) -> str:
        hidden = len(self._marked) - len(set(self._marked).intersection(self.table.rows))
        return f" {hidden} of them hidden by the filter." if hidden else ""

    def group_filter(self) -> str:
        if self.table.marked:
            return f"pid:{','.join(str(one.pid) for one in self._marked)}" if self._marked else ""
        return "" if self._wrong else str(self._filter)

    def action_bulk(self) -> None:
        if self._wrong and not self.table.marked:
            self.monitor.say(f"the filter selects nobody: {self._wrong}")
            return
        super().action_bulk()

    def action_open(self) -> None:
        if (session := self.table.current) is not None:
            self.monitor.open_detail(session)

    def on_table_opened(self, event: Table.Opened) -> None:
        self.monitor.open_detail(event.row)

    def leave(self) -> None:
        """Back to the screen that narrowed the list, as it was left; the narrowing was its doing."""
        if self.table.filter:
            self.set_filter("")
        self.monitor.go_back()
