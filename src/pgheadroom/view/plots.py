"""Plots, drawn by plotext: the one place that knows it."""

from collections.abc import Sequence
from functools import lru_cache

import plotext

from pgheadroom.view.cells import Cell, Line, fit_line

_LEAST_HEIGHT = 4
_LEAST_WIDTH = 24


def trend(values: Sequence[float | None], ceiling: float, seconds: float, width: int, height: int) -> list[Line]:
    """A line of the values over the last `seconds`, with the ceiling as a line above it; lines of `width` cells."""
    if width < _LEAST_WIDTH or height < _LEAST_HEIGHT or not any(value is not None for value in values):
        return []
    drawn = _drawn(tuple(values), ceiling, seconds, width, height)
    return [fit_line([Cell(line, "trend")], width) for line in drawn]


@lru_cache(maxsize=4)
def _drawn(values: tuple[float | None, ...], ceiling: float, seconds: float, width: int, height: int) -> list[str]:
    """Some ten milliseconds of work, done only when a value, the size or the ceiling changed."""
    figure = plotext
    figure.clear_figure()
    figure.theme("clear")
    figure.limit_size(False, False)
    # plotext adds the labels to the width, and an empty line for the title that there is none of.
    labels = ["0", f"{ceiling / 2:.0f}", f"{ceiling:.0f}"]
    figure.plot_size(width - max(map(len, labels)) - 2, height + 1)
    step = seconds / max(1, len(values))
    known = [(index * step - seconds, value) for index, value in enumerate(values) if value is not None]
    figure.plot([-seconds, 0], [ceiling, ceiling], marker="-")
    figure.plot([moment for moment, _ in known], [value for _, value in known], marker="hd")
    figure.ylim(0, max(ceiling * 1.1, *(value for _, value in known)))
    figure.xlim(-seconds, 0)
    figure.yticks([0, ceiling / 2, ceiling], labels)
    figure.xticks([-seconds, -seconds / 2, 0], [f"-{seconds:.0f}s", f"-{seconds / 2:.0f}s", "now"])
    figure.frame(False)
    return [str(line).rstrip()[:width] for line in plotext.uncolorize(figure.build()).splitlines()][1 : height + 1]
