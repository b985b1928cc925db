"""Screen 1: how many slots are left and for whom, who holds them, who waits, and what the pools do."""

from collections.abc import Callable, Hashable, Iterator
from datetime import datetime
from typing import Any, ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from pgheadroom.analysis import Analysis
from pgheadroom.history.refused import RefusedGroup, RefusedLately
from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.grouping import GroupBy, Hog, StateCount
from pgheadroom.model.session import Session, State
from pgheadroom.rules.facts.chain import hog_key
from pgheadroom.rules.facts.hogs import group_of
from pgheadroom.rules.filters.language import condition, family_condition
from pgheadroom.tui.later import FIRST_PICTURE, beside
from pgheadroom.tui.screens.base import LiveScreen
from pgheadroom.tui.screens.locks import lock_table, no_session_words, show_locks, tree_filter
from pgheadroom.tui.widgets.painted import Lines, set_height
from pgheadroom.tui.widgets.table import Table
from pgheadroom.view.bars import sparkline
from pgheadroom.view.cells import Cell, Line, fit_line, spread
from pgheadroom.view.gauge import gauge_bar, gauge_line, headroom_line, outlook_words
from pgheadroom.view.header import trouble_line
from pgheadroom.view.plots import can_plot_at_once, plotter, trend
from pgheadroom.view.tables.hogs import HogRow, hog_columns
from pgheadroom.view.tables.locks import LockRow
from pgheadroom.view.tables.pools import POOL_COLUMNS, PoolRow, pool_rows
from pgheadroom.view.tables.refused import REFUSED_COLUMNS
from pgheadroom.view.tables.states import STATE_COLUMNS
from pgheadroom.view.urgency import ahead_style, fullest_style, usage_style
from pgheadroom.words.text import place, safe
from pgheadroom.words.turned_away import REASONS, per_second

# Two minutes, in steps long enough that a calm trend is seldom drawn again.
_TREND_SECONDS = 120
_TREND_CELLS = 30
_PLOT_SECONDS = 300
_PLOT_POINTS = 60
_COMMON_STATES = 5
_HEAD_LINES = 2
"""Of a table: its title and its headings."""
_REFUSED_ROWS, _REFUSED_FEW = 6, 2
_LOCKS_KEEP_ROOM = 30.0
"""Seconds after the last lock wait: on a busy server they come and go."""


class Trend(Lines):
    """A plot that fills its room, of which there is more or less only once the screen was drawn in its new size."""

    def __init__(self, changed: Callable[[], object]) -> None:
        super().__init__(id="trend")
        self._changed = changed

    def on_resize(self) -> None:
        if self.lines and len(self.lines) != self.size.height:
            self.call_after_refresh(self._changed)


class Overview(LiveScreen):
    """The screen that the monitor opens with."""

    kind = "overview"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("u", "group", "group", tooltip="Group by user, application, client, database")
    ]

    tells_trouble = True

    def __init__(self) -> None:
        super().__init__()
        self._by = GroupBy.ALL
        self._states_seen: set[tuple[State, bool]] = set()
        self._upper_lines = 0
        self._locks_at: datetime | None = None

    def body(self) -> Iterator[Any]:
        yield Lines(id="gauge")
        yield Lines(id="finding")
        with Horizontal(id="upper"):
            yield Table[StateCount]("STATES", STATE_COLUMNS, lambda row: (row.state, row.waits), id="states")
            yield Trend(self.monitor.draw)
            yield Table[PoolRow](
                "PGBOUNCER", POOL_COLUMNS, lambda row: row.key, id="pools", empty=_NO_BOUNCER, note=lambda row: row.note
            )
        yield Table[RefusedGroup]("REFUSED", REFUSED_COLUMNS, lambda row: row.who, id="refused", falls_back=True)
        yield Table[HogRow]("HOGS by all", hog_columns("all"), lambda row: row.key, id="hogs")
        yield lock_table()

    def on_mount(self) -> None:
        super().on_mount()
        self.focus_pane(self.pane("hogs"))

    @property
    def panes(self) -> list[Table[Any]]:
        """In the order in which Tab goes through them: the one with the answer most often comes first."""
        refused = ("refused",) if self.has_class("-refused") else ()
        return [self.pane(name) for name in ("hogs", "locks", *refused, "pools", "states")]

    def action_group(self) -> None:
        """Group the hogs by the next of user, application, client, database, or by all four."""
        self._by = self._by.following
        hogs = self.pane("hogs")
        hogs.set_columns(hog_columns(self._by))
        self.monitor.draw()

    # Going on from a row

    def on_table_opened(self, event: Table.Opened) -> None:
        row = event.row
        if isinstance(row, LockRow) and row.node.depth and row.node.session is not None:
            self.monitor.open_detail(row.node.session)
        elif found := self._filter_of(row):
            self.monitor.open_sessions(found)

    def _filter_of(self, row: object) -> str:
        """The filter for the sessions that a row stands for; empty when it stands for none."""
        if isinstance(row, StateCount):
            return _filter_of_state(row)
        if isinstance(row, HogRow):
            return _filter_of_hog(row.hog, self._by)
        if isinstance(row, RefusedGroup):
            return condition("user", row.who.role) if row.who.role else ""
        if isinstance(row, PoolRow) and row.pool is not None:
            return f"{condition('user', row.pool.user)} {condition('db', row.pool.database)}"
        if isinstance(row, LockRow) and self.monitor.analysis is not None:
            return tree_filter(self.monitor.analysis, row.node)
        return ""

    def chosen(self) -> list[Session]:
        row = self.current_pane.current if self.current_pane else None
        return [row.node.session] if isinstance(row, LockRow) and row.node.session is not None else []

    def without_session(self) -> str:
        return no_session_words(self.current_pane.current if self.current_pane else None)

    def group_filter(self) -> str:
        row = self.current_pane.current if self.current_pane else None
        return "" if row is None or isinstance(row, LockRow) else self._filter_of(row)

    # Drawing

    def show(self, analysis: Analysis) -> None:
        snapshot = analysis.snapshot
        now = snapshot.taken_at
        self._show_gauge(analysis)
        self.query_one("#finding", Lines).paint([self._finding_line(analysis)])
        hogs, behind = analysis.hogs_by(self._by)
        rows = [HogRow(hog, behind.get(hog_key(hog), ())) for hog in hogs]
        self.pane("hogs").leave_out(() if any(row.behind for row in rows) else {"behind"})
        self.pane("hogs").show(rows, now, title=f"HOGS by {self._by.value}", quiet=self._ours_alone(analysis, rows))
        show_locks(self.pane("locks"), analysis)
        self._show_refused(analysis)
        self._show_trend(analysis)
        pools = self.pane("pools")
        pools.leave_out({"bouncer"} if len(snapshot.pgbouncers) == 1 else ())
        pools.show(
            pool_rows(snapshot.pgbouncers, analysis.thresholds),
            now,
            _pool_remark(analysis),
            title=_pool_title(analysis),
        )
        self._share_room(analysis)

    def _show_refused(self, analysis: Analysis) -> None:
        """The pane is there while somebody was turned away in the last minutes."""
        seen, pane = analysis.refused, self.pane("refused")
        groups = seen.groups if seen is not None else ()
        if not groups and pane.has_class("current"):
            self.focus_pane(self.pane("hogs"))
        self.set_class(bool(groups), "-refused")
        if seen is None or not groups:
            return
        most = _REFUSED_ROWS if self.has_class("-tall") else _REFUSED_FEW
        plain_height = (
            None if self.has_class("-short") or self.has_class("-tiny") else _HEAD_LINES + min(len(groups), most)
        )
        set_height(pane, plain_height)
        pane.show(groups, analysis.snapshot.taken_at, _refused_remark(seen))

    def _ours_alone(self, analysis: Analysis, rows: list[HogRow]) -> set[Hashable]:
        """The row that is nothing but our own session."""
        pid = analysis.snapshot.door.pid
        own = {group_of(one, self._by) for one in analysis.snapshot.sessions if one.pid == pid}
        return {row.key for row in rows if row.hog.total == 1 and row.key in own}

    def _share_room(self, analysis: Analysis) -> None:
        """Lines that tell nothing are left to hogs and locks, as far as the screen has lines for all panes.

        What was seen once keeps its line, and an empty lock tree its room for a while: nothing jumps to and fro.
        """
        states = _common_first(analysis.states)
        few = self.has_class("-normal")
        if few:
            self._states_seen.update((row.state, row.waits) for row in states if row.count)
            states = [row for row in states if (row.state, row.waits) in self._states_seen] or states[:1]
        self.pane("states").show(states, analysis.snapshot.taken_at)
        rows = max(len(states), len(self.pane("pools").rows), self._upper_lines if few else 0)
        self._upper_lines = min(rows, _COMMON_STATES)
        set_height(self.query_one("#upper"), _HEAD_LINES + self._upper_lines if few else None)
        all_panes = not self.has_class("-short") and not self.has_class("-tiny")
        set_height(self.pane("locks"), _HEAD_LINES + 1 if all_panes and not self._locks_lately(analysis) else None)

    def _locks_lately(self, analysis: Analysis) -> bool:
        now = analysis.snapshot.taken_at
        if analysis.locks:
            self._locks_at = now
        return self._locks_at is not None and abs((now - self._locks_at).total_seconds()) <= _LOCKS_KEEP_ROOM

    def _show_gauge(self, analysis: Analysis) -> None:
        gauge = self.query_one("#gauge", Lines)
        width = gauge.size.width
        capacity = analysis.capacity
        outlook = outlook_words(analysis.ahead, ahead_style(analysis.thresholds, analysis.ahead))
        sparks = sparkline(analysis.before.column("used", _TREND_SECONDS, _TREND_CELLS), capacity.usable)
        gauge.paint(
            [
                gauge_line(capacity, usage_style(analysis), sparks, width, analysis.refused),
                gauge_bar(capacity, analysis.states, width),
                headroom_line(capacity, fullest_style(analysis), width, outlook),
            ]
        )

    def _show_trend(self, analysis: Analysis) -> None:
        pane = self.query_one("#trend", Lines)
        width, height = pane.size
        if not pane.display or not width:
            return
        if not can_plot_at_once():  # the numbers do not wait for it
            self.set_timer(FIRST_PICTURE, self.load_plotter)
            return
        values = analysis.before.column("used", _PLOT_SECONDS, _PLOT_POINTS)
        title = spread([Cell("─ ", "rule"), Cell("USED SLOTS ", "heading")], [], width, "─", "rule")
        pane.paint([title, *trend(values, analysis.capacity.usable, _PLOT_SECONDS, width, height - 1)])

    @work(group="loading a plotter", exclusive=True)
    async def load_plotter(self) -> None:
        """Draw the trend as soon as it can be."""
        await beside(plotter)
        self.monitor.draw()

    def _finding_line(self, analysis: Analysis) -> Line:
        width = self.query_one("#finding", Lines).size.width
        trouble = self.monitor.trouble
        if trouble is not None:
            return trouble_line(trouble, datetime.now(trouble.since.tzinfo), width)
        if analysis.findings:
            return finding_line(analysis.findings[0], len(analysis.findings) - 1, width)
        return fit_line([Cell("✓ ", "ok"), Cell("nothing wrong found", "ok")], width)


def _refused_remark(seen: RefusedLately) -> Cell:
    """How many a second, and by what; that there are more than were read."""
    rates = [f"{per_second(rate)}/s {REASONS[reason]}" for reason, rate in seen.by_reason()[:_REASONS_TOLD]]
    more = ["more: the log grows too fast"] if seen.skipped else []
    return Cell(", ".join(rates + more), "bad" if seen.per_second else "dim")


_REASONS_TOLD = 2
_FAMILIES = {"application": "apps", "client": "host"}
"""The columns of filters that mean what a folded hog shows."""


def _filter_of_hog(hog: Hog, by: GroupBy) -> str:
    columns = ("user", "application", "client", "database") if by is GroupBy.ALL else (by.value,)
    return " ".join(_condition_of_hog(hog, column) for column in columns)


def _condition_of_hog(hog: Hog, column: str) -> str:
    name = getattr(hog, column)
    if hog.folded and column in _FAMILIES:
        return family_condition(_FAMILIES[column], name)
    return condition(column, name)


def _filter_of_state(row: StateCount) -> str:
    if row.waits:
        return "waiting"
    running = " -waiting" if row.state is State.ACTIVE else ""
    return condition("state", row.state.value) + running


_NO_BOUNCER = "none given: --pgbouncer CONNINFO"


def _seen(row: StateCount) -> bool:
    return row.count > 0 and row.state is not State.HIDDEN


def _common_first(states: tuple[StateCount, ...]) -> list[StateCount]:
    """The common states in their places, then the rare ones that there are, so that a small pane shows them."""
    if any(row.state is State.HIDDEN and row.count for row in states):
        # How many are in the other states is not known: only what is seen is told, and how much is not.
        return [*(row for row in states if row.state is State.HIDDEN), *(row for row in states if _seen(row))]
    return [
        *states[:_COMMON_STATES],
        *sorted(states[_COMMON_STATES:], key=lambda row: (not row.count, row.state is not State.STARTING)),
    ]


_SIGNS = {Severity.CRITICAL: "✗ ", Severity.WARNING: "! ", Severity.NOTICE: "· "}
_WORDS_FROM = 100


def finding_line(finding: Finding, more: int, width: int) -> Line:
    """The most urgent finding in one sentence, and how many more there are."""
    critical = finding.severity is Severity.CRITICAL
    style = "bad" if critical else "warn" if finding.severity is Severity.WARNING else "dim"
    word = _SIGNS[finding.severity] if width < _WORDS_FROM else f"{finding.severity.name} "
    line = [Cell(word, style + " strong"), Cell(safe(finding.sentence), style)]
    if finding.clearing:
        line = [Cell("✓ clears: ", "ok"), Cell(safe(finding.sentence), "dim")]
    return spread(line, [Cell(f" +{more}", "dim")] if more else [], width)


def _pool_title(analysis: Analysis) -> str:
    bouncers = analysis.snapshot.pgbouncers
    return f"PGBOUNCER {place(bouncers[0].name)}" if len(bouncers) == 1 else "PGBOUNCER"


def _pool_remark(analysis: Analysis) -> Cell:
    waiting = sum(pool.cl_waiting for bouncer in analysis.snapshot.pgbouncers for pool in bouncer.pools)
    return Cell(f"{waiting} waiting", "bad") if waiting else Cell("")
