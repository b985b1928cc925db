"""Screen 5: what was, from the monitor's own memory: used slots, states, waiters, and how many sessions come, are
turned away or end badly."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from textual.binding import Binding, BindingType
from textual.containers import Grid

from pgheadroom.analysis import Analysis
from pgheadroom.history.past import Past
from pgheadroom.history.turnover import HogName
from pgheadroom.tui.screens.base import LiveScreen
from pgheadroom.tui.widgets.painted import Lines
from pgheadroom.view.cells import Cell, Line, fit_line, spread_first_fitting
from pgheadroom.view.plots import Series, margin_of, plot, stacked
from pgheadroom.words.durations import duration
from pgheadroom.words.text import safe

_HOUR = 3600.0
RANGES = (60.0, 300.0, 900.0, _HOUR, 2 * _HOUR, 6 * _HOUR, 12 * _HOUR, 24 * _HOUR, 48 * _HOUR, 168 * _HOUR)
_ALWAYS = 5
"""So many of them are offered from the start; the longer ones once the history reaches into them."""


class Layer(NamedTuple):
    """A column of the history in a plot: with what it is drawn, as what, whether down to the axis, and whether it
    counts what came, and is shown by the second; `rare` is drawn, and told, only where it is not nought: its word
    begins with its marker.
    Where the column is not known, that of `or_else` is drawn.
    """

    column: str
    marker: str = "hd"
    style: str = ""
    filled: bool = False
    rate: bool = False
    rare: str = ""
    or_else: str = ""


class Chart(NamedTuple):
    """A plot: its title, how its characters are to be read, and the columns that it shows.

    `on_top` draws each on top of those before it, `limited` with the usable slots as a line. `of_hog` are the columns
    of a hog's own history, where it has them.
    """

    name: str
    title: str
    legend: str
    layers: tuple[Layer, ...]
    limited: bool = False
    on_top: bool = False
    of_hog: tuple[Layer, ...] = ()
    legend_of_hog: str = ""


_STATES = (
    Layer("active", "█", "active"),
    Layer("idle_in_transaction", "▓", "idletx"),
    Layer("aborted", "▓", "idletx"),
    Layer("idle", "░", "idle"),
)
_REFUSED = Layer("refused", "r", "bad", rate=True, rare="refused")
_ENDED_BADLY = (
    Layer("killed_a_second", "k", "warn", rare="killed"),
    Layer("fatal_a_second", "f", "bad", rare="fatal"),
    Layer("abandoned_a_second", "a", "warn", rare="abandoned"),
)
CHARTS = (
    Chart(
        "chart-used",
        "USED SLOTS",
        "",
        (Layer("used"),),
        limited=True,
        of_hog=(Layer("idle", "░", "idle", filled=True), Layer("total")),
        legend_of_hog="░ idle",
    ),
    Chart("chart-states", "STATES", "█ active  ▓ in tx  ░ idle", _STATES, on_top=True),
    Chart(
        "chart-waiting", "WAITING", "l locks  p pools", (Layer("waiting_for_locks", "l"), Layer("pool_waiting", "p"))
    ),
    Chart(
        "chart-new",
        "NEW A SECOND",
        "",
        (Layer("begun_a_second", or_else="new_sessions"), _REFUSED, *_ENDED_BADLY),
        of_hog=(Layer("new", rate=True),),
    ),
)


class Trends(LiveScreen):
    """Drawn only while it is seen, and only when its numbers changed."""

    kind = "trends"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left_square_bracket", "range(-1)", "shorter", key_display="[", tooltip="A shorter time"),
        Binding("right_square_bracket", "range(1)", "longer", key_display="]", tooltip="A longer time"),
        Binding("n", "hog(1)", "next hog", tooltip="The next hog's slots and new sessions instead of all"),
        Binding("N", "hog(-1)", "Hog before", show=False),
    ]

    has_panes = False

    def __init__(self) -> None:
        super().__init__()
        self._range = 1
        self._hog: HogName | None = None

    def body(self) -> Iterator[Any]:
        with Grid(id="charts"):
            for chart in CHARTS:
                yield Lines(id=chart.name)

    def action_range(self, step: int) -> None:
        reach = self._past.reach if self._past is not None else 0.0
        longest = max(_ALWAYS, sum(seconds < reach for seconds in RANGES) + 1)
        self._range = max(0, min(longest - 1, len(RANGES) - 1, self._range + step))
        self.monitor.draw()

    def action_hog(self, step: int) -> None:
        """The slots of one hog after the other, the largest first; then of all again."""
        choice: list[HogName | None] = [None, *(self._past.hogs[:_HOGS] if self._past is not None else ())]
        now = choice.index(self._hog) if self._hog in choice else 0
        self._hog = choice[(now + step) % len(choice)]
        self.monitor.draw()

    @property
    def _past(self) -> Past | None:
        """What was before the moment that is shown."""
        analysis = self.monitor.analysis
        return analysis.before if analysis is not None else None

    def show(self, analysis: Analysis) -> None:
        panes = [self.query_one(f"#{chart.name}", Lines) for chart in CHARTS]
        ceilings = [self._ceiling(chart, analysis) for chart in CHARTS]
        drawn = [
            self._series(chart, analysis.before, max(10, min(pane.size.width - 6, 120)))
            for chart, pane in zip(CHARTS, panes, strict=True)
        ]
        # One margin for all: what happened at one moment stands in one column.
        margin = max(map(margin_of, drawn, ceilings))
        for chart, pane, series, ceiling in zip(CHARTS, panes, drawn, ceilings, strict=True):
            width, height = pane.size
            plotted = plot(series, RANGES[self._range], width, height - 1, ceiling, margin)
            rare = _rare(chart, series)
            pane.paint(self._chart_lines(chart, plotted, width, rare, "" if "r" in rare else _unread(chart, analysis)))

    def _ceiling(self, chart: Chart, analysis: Analysis) -> float | None:
        return float(analysis.capacity.usable) if chart.limited and self._hog is None else None

    def _chart_lines(
        self, chart: Chart, plotted: list[Line], width: int, rare: Mapping[str, str], unread: str
    ) -> list[Line]:
        hog = self._hog if chart.of_hog else None
        # In a small pane the axis alone says how long the time is, and a word's first letter what it is drawn with.
        lasting = [[Cell(f" last {duration(RANGES[self._range])} ", "dim")], [], [], []]
        explained = [f"{marker} {word}" for marker, word in rare.items()]
        legends = ["  ".join(filter(None, [*explained, unread]))] * 2 + ["  ".join(explained), " ".join(rare.values())]
        titles = [chart.title] * 3 + [chart.title.split()[0]]
        heads = [_title(chart, name, hog, legend) for name, legend in zip(titles, legends, strict=True)]
        head = spread_first_fitting(heads, lasting, width, "─", "rule")
        return [head, *(plotted or [fit_line([Cell("no numbers yet", "dim")], width)])]

    def _series(self, chart: Chart, past: Past, points: int) -> Sequence[Series]:
        seconds, hog = RANGES[self._range], self._hog if chart.of_hog else None

        def values(layer: Layer) -> Sequence[float | None]:
            name, rate = layer.column, layer.rate
            if layer.or_else and past.flow is None:
                name, rate = layer.or_else, True
            if hog is None:
                return past.column(name, seconds, points, per_second=rate)
            return past.hog_column(hog, name, seconds, points, per_second=rate)

        layers = chart.layers if hog is None else chart.of_hog
        told = [(layer, tuple(values(layer))) for layer in layers]
        shown = [(layer, found) for layer, found in told if not layer.rare or any(found)]
        series = [
            Series(
                tuple(one or None for one in found) if layer.rare else found, layer.marker, layer.style, layer.filled
            )
            for layer, found in shown
        ]
        return stacked(series) if chart.on_top else series

    def leave(self) -> None:
        self.monitor.action_mode("overview")


_HOGS = 20
"""Of so many the trend is offered; who looks for a smaller one does not look for a hog."""


def _rare(chart: Chart, series: Sequence[Series]) -> dict[str, str]:
    """What those are that are not always drawn, by their markers."""
    drawn = {one.marker for one in series}
    return {one.marker: one.rare for one in chart.layers if one.rare and one.marker in drawn}


def _unread(chart: Chart, analysis: Analysis) -> str:
    """That nothing tells of refusals: no curve of them is no proof that there were none."""
    return "refusals: log not read" if _REFUSED in chart.layers and analysis.snapshot.refusals_unread else ""


def _title(chart: Chart, name: str, hog: HogName | None, rare: str) -> list[Cell]:
    legend = chart.legend or rare
    if hog is not None:
        user, legend = safe(hog.user or "?"), chart.legend_of_hog
        name += f" OF {user}/{safe(hog.application)}" if hog.application else f" OF {user}"
    cells = [Cell("─ ", "rule"), Cell(f"{name} ", "heading")]
    return [*cells, Cell(f"{legend} ", "dim")] if legend else cells
