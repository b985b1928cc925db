"""Screen 5: what was, from the monitor's own memory: used slots, states, waiters, and how many sessions come."""

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

from textual.binding import Binding, BindingType
from textual.containers import Grid

from pgheadroom.model.turnover import HogName
from pgheadroom.tui.picture import Picture
from pgheadroom.tui.screens.base import LiveScreen
from pgheadroom.tui.widgets.painted import Lines
from pgheadroom.view.cells import Cell, Line, fit_line, spread
from pgheadroom.view.durations import duration
from pgheadroom.view.plots import Series, plot
from pgheadroom.view.text import safe

_HOUR = 3600.0
RANGES = (60.0, 300.0, 900.0, _HOUR, 2 * _HOUR, 6 * _HOUR, 12 * _HOUR, 24 * _HOUR, 48 * _HOUR, 168 * _HOUR)
_ALWAYS = 5
"""So many of them are offered from the start; the longer ones once the history reaches into them."""


class Chart(NamedTuple):
    """A plot: its title, the history's columns that it shows, each with the character that it is drawn with."""

    name: str
    title: str
    columns: tuple[tuple[str, str], ...]
    limited: bool = False


USED = Chart("chart-used", "USED SLOTS", (("used", "hd"),), limited=True)
STATES = Chart("chart-states", "STATES", (("active", "a"), ("idle", "i"), ("idle_in_transaction", "t")))
WAITING = Chart("chart-waiting", "WAITING", (("waiting_for_locks", "l"), ("pool_waiting", "p")))
NEW = Chart("chart-new", "NEW SESSIONS", (("new_sessions", "hd"),))
CHARTS = (USED, STATES, WAITING, NEW)
_LEGENDS = {
    "chart-states": "a active  i idle  t idle in transaction",
    "chart-waiting": "l for locks  p in PgBouncer's pools",
}


class Trends(LiveScreen):
    """Drawn only while it is seen, and only when its numbers changed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left_square_bracket", "range(-1)", "shorter", key_display="[", tooltip="A shorter time"),
        Binding("right_square_bracket", "range(1)", "longer", key_display="]", tooltip="A longer time"),
        Binding("n", "hog(1)", "next hog", tooltip="The next hog's slots and new sessions instead of all"),
        Binding("N", "hog(-1)", "Hog before", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._range = 1
        self._hog: HogName | None = None

    def body(self) -> Iterator[Any]:
        with Grid(id="charts"):
            for chart in CHARTS:
                yield Lines(id=chart.name)

    def action_range(self, step: int) -> None:
        reach = self.monitor.history.reach
        longest = max(_ALWAYS, sum(seconds < reach for seconds in RANGES) + 1)
        self._range = max(0, min(longest - 1, len(RANGES) - 1, self._range + step))
        self.monitor.draw()

    def action_hog(self, step: int) -> None:
        """The slots of one hog after the other, the largest first; then of all again."""
        choice: list[HogName | None] = [None, *self.monitor.history.hogs[:_HOGS]]
        now = choice.index(self._hog) if self._hog in choice else 0
        self._hog = choice[(now + step) % len(choice)]
        self.monitor.draw()

    def show(self, picture: Picture) -> None:
        for chart in CHARTS:
            pane = self.query_one(f"#{chart.name}", Lines)
            pane.paint(self._chart_lines(chart, picture, *pane.size))

    def _chart_lines(self, chart: Chart, picture: Picture, width: int, height: int) -> list[Line]:
        seconds = RANGES[self._range]
        hog = self._hog if chart in _OF_HOGS else None
        points = max(10, min(width - 6, 120))
        history = picture.history
        series = [
            Series(tuple(history.column(name, seconds, points)), marker)
            if hog is None
            else Series(tuple(history.hog_column(hog, name, seconds, points)), marker)
            for name, marker in (chart.columns if hog is None else _OF_HOGS[chart])
        ]
        name, legend = (chart.title, _LEGENDS.get(chart.name, "")) if hog is None else _hog_title(chart, hog)
        title = [Cell("─ ", "rule"), Cell(f"{name} ", "heading"), Cell(legend, "dim"), Cell(" ")]
        head = spread(title, [Cell(f" last {duration(seconds)} ", "dim")], width, "─", "rule")
        ceiling = float(picture.capacity.usable) if chart.limited and hog is None else None
        drawn = plot(series, seconds, width, height - 1, ceiling)
        return [head, *(drawn or [fit_line([Cell("no numbers yet", "dim")], width)])]

    def leave(self) -> None:
        self.monitor.action_mode("overview")


_HOGS = 20
"""Of so many the trend is offered; who looks for a smaller one does not look for a hog."""

_OF_HOGS: dict[Chart, tuple[tuple[str, str], ...]] = {USED: (("total", "hd"), ("idle", "i")), NEW: (("new", "hd"),)}
"""Which charts a hog has of its own, and the columns of its history that they show."""


def _hog_title(chart: Chart, hog: HogName) -> tuple[str, str]:
    name = f"{safe(hog.user or '?')}/{safe(hog.application)}" if hog.application else safe(hog.user or "?")
    return f"{chart.title} OF {name}", "i idle" if chart is USED else ""
