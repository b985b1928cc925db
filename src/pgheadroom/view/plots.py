"""Plots, drawn by plotext: the one place that knows it."""

import importlib
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from types import ModuleType
from typing import NamedTuple

from pgheadroom.view.cells import Cell, Line, fit_line
from pgheadroom.words.durations import duration

_LEAST_HEIGHT = 4
_LEAST_WIDTH = 24


class Series(NamedTuple):
    """Values at equal distances, oldest first; None where there was no sample.

    `marker` is one character, or plotext's `hd` for a fine line: several series are told apart by it, not by colour
    alone. With a `style` what is drawn in that character has that style.
    """

    values: tuple[float | None, ...]
    marker: str = "hd"
    style: str = ""
    filled: bool = False


def stacked(series: Sequence[Series]) -> tuple[Series, ...]:
    """Each on top of those before it, as filled areas; drawn from the highest down, each hides its part of the last."""
    sums: list[float | None] = [None] * max((len(one.values) for one in series), default=0)
    layers = []
    for one in series:
        sums = [_sum(below, value) for below, value in zip(sums, one.values, strict=True)]
        layers.append(one._replace(values=tuple(sums), filled=True))
    return tuple(reversed(layers))


def _sum(below: float | None, value: float | None) -> float | None:
    return value if below is None else below if value is None else below + value


def trend(values: Sequence[float | None], ceiling: float, seconds: float, width: int, height: int) -> list[Line]:
    """A line of the values over the last `seconds`, with the ceiling as a line above it; lines of `width` cells."""
    return plot((Series(tuple(values)),), seconds, width, height, ceiling)


def plot(
    series: Sequence[Series], seconds: float, width: int, height: int, ceiling: float | None = None, margin: int = 0
) -> list[Line]:
    """The series over the last `seconds`, and the ceiling where there is one; empty where there is no room or value.

    The axis has `margin` cells at least for its numbers: plots of the same width and margin have the same moments in
    the same columns.
    """
    if width < _LEAST_WIDTH or height < _LEAST_HEIGHT or not any(_known(one.values) for one in series):
        return []
    styles = {one.marker: one.style for one in series if one.style}
    lines = _drawn(tuple(series), seconds, width, height, ceiling, margin)
    return [fit_line(_coloured(line, styles), width) for line in lines]


def _coloured(line: str, styles: Mapping[str, str]) -> list[Cell]:
    if not styles:
        return [Cell(line, "trend")]
    return [Cell("".join(run), style) for style, run in groupby(line, key=lambda char: styles.get(char, "trend"))]


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


_HELP = ("plotext._doc", "plotext._doc_utils")
"""Where plotext keeps what it can tell of its functions: half of its memory and of the time to load it."""


def can_plot_at_once() -> bool:
    """Whether no more has to be loaded for it."""
    return hasattr(sys.modules.get("plotext"), "build")


def plotter() -> ModuleType:
    """plotext, without its help; loaded when somebody plots: a small terminal never does."""
    if "plotext" not in sys.modules:
        for name in _HELP:
            sys.modules[name] = _NoHelp(name)
    return importlib.import_module("plotext")


class _NoHelp(ModuleType):
    """Takes what plotext would tell of a function, and forgets it."""

    documentation = None

    @staticmethod
    def add(function: object) -> None:
        """Under this name plotext hands one over."""


@lru_cache(maxsize=16)
def _drawn(
    series: tuple[Series, ...], seconds: float, width: int, height: int, ceiling: float | None, margin: int
) -> list[str]:
    """Some milliseconds of work, done only when a value, the size or the ceiling changed."""
    figure = plotter()
    figure.clear_figure()
    figure.theme("clear")
    figure.limit_size(False, False)
    top = _top(series, ceiling)
    labels = [label.rjust(margin) for label in _labels(top, ceiling)]
    # plotext adds the labels to the width, and an empty line for the title that there is none of.
    figure.plot_size(width - max(map(len, labels)) - 2, height + 1)
    if ceiling is not None:
        figure.plot([-seconds, 0], [ceiling, ceiling], marker="-")
    for one in series:
        _draw(figure, one, seconds)
    figure.ylim(0, top * 1.1)
    figure.xlim(-seconds, 0)
    figure.yticks([0, top / 2, ceiling or top], labels)
    figure.xticks([-seconds, -seconds / 2, 0], [f"-{duration(seconds)}", f"-{duration(seconds / 2)}", "now"])
    figure.frame(False)
    return [str(line).rstrip()[:width] for line in figure.uncolorize(figure.build()).splitlines()][1 : height + 1]


def margin_of(series: Sequence[Series], ceiling: float | None = None) -> int:
    """Cells that the numbers of the axis take."""
    return max(map(len, _labels(_top(series, ceiling), ceiling)))


def _top(series: Sequence[Series], ceiling: float | None) -> float:
    return max([ceiling or 0.0, 1.0, *(value for one in series for value in _known(one.values))])


def _labels(top: float, ceiling: float | None) -> list[str]:
    return ["0", _tick(top / 2) if top >= 2 else "", _tick(ceiling or top)]


def _tick(value: float) -> str:
    return f"{value:.0f}" if value >= 2 or value == int(value) else f"{value:.1f}"


def _draw(figure: ModuleType, series: Series, seconds: float) -> None:
    """Each stretch without a gap by itself: a line over a gap would be a number nobody measured."""
    step = seconds / max(1, len(series.values))
    stretch: list[tuple[float, float]] = []
    for index, value in enumerate((*series.values, None)):
        if value is not None and not (series.filled and value == 0):  # an area of no height is not there
            stretch.append(((index + 1) * step - seconds, value))
        elif stretch:
            moments, heights = [moment for moment, _ in stretch], [value for _, value in stretch]
            figure.plot(moments, heights, marker=series.marker, fillx=series.filled)
            stretch = []
