"""Screen 5: what was, from the monitor's own memory: used slots, states, waiters, and how many sessions come."""

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

from textual.binding import Binding, BindingType
from textual.containers import Grid

from pgheadroom.tui.picture import Picture
from pgheadroom.tui.screens.base import LiveScreen
from pgheadroom.tui.widgets.painted import Lines
from pgheadroom.view.cells import Cell, Line, fit_line, spread
from pgheadroom.view.durations import duration
from pgheadroom.view.plots import Series, plot

RANGES = (60.0, 300.0, 900.0, 3600.0, 7200.0)


class Chart(NamedTuple):
    """A plot: its title, the history's columns that it shows, each with the character that it is drawn with."""

    name: str
    title: str
    columns: tuple[tuple[str, str], ...]
    limited: bool = False


CHARTS: tuple[Chart, ...] = (
    Chart("chart-used", "USED SLOTS", (("used", "hd"),), limited=True),
    Chart("chart-states", "STATES", (("active", "a"), ("idle", "i"), ("idle_in_transaction", "t"))),
    Chart("chart-waiting", "WAITING", (("waiting_for_locks", "l"), ("pool_waiting", "p"))),
    Chart("chart-new", "NEW SESSIONS", (("new_sessions", "hd"),)),
)
_LEGENDS = {
    "chart-states": "a active  i idle  t idle in transaction",
    "chart-waiting": "l for locks  p in PgBouncer's pools",
}


class Trends(LiveScreen):
    """Drawn only while it is seen, and only when its numbers changed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left_square_bracket", "range(-1)", "shorter", key_display="[", tooltip="A shorter time"),
        Binding("right_square_bracket", "range(1)", "longer", key_display="]", tooltip="A longer time"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._range = 1

    def body(self) -> Iterator[Any]:
        with Grid(id="charts"):
            for chart in CHARTS:
                yield Lines(id=chart.name)

    def action_range(self, step: int) -> None:
        self._range = max(0, min(len(RANGES) - 1, self._range + step))
        self.monitor.draw()

    def show(self, picture: Picture) -> None:
        for chart in CHARTS:
            pane = self.query_one(f"#{chart.name}", Lines)
            pane.paint(self._chart_lines(chart, picture, *pane.size))

    def _chart_lines(self, chart: Chart, picture: Picture, width: int, height: int) -> list[Line]:
        seconds = RANGES[self._range]
        points = max(10, min(width - 6, 120))
        series = [
            Series(tuple(picture.history.column(name, seconds, points)), marker) for name, marker in chart.columns
        ]
        title = [
            Cell("─ ", "rule"),
            Cell(f"{chart.title} ", "heading"),
            Cell(_LEGENDS.get(chart.name, ""), "dim"),
            Cell(" "),
        ]
        head = spread(title, [Cell(f" last {duration(seconds)} ", "dim")], width, "─", "rule")
        ceiling = float(picture.capacity.usable) if chart.limited else None
        drawn = plot(series, seconds, width, height - 1, ceiling)
        return [head, *(drawn or [fit_line([Cell("no numbers yet", "dim")], width)])]

    def leave(self) -> None:
        self.monitor.action_mode("overview")
