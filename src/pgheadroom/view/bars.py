"""Bars and small trends in a given number of cells."""

from collections.abc import Sequence

from pgheadroom.view.cells import Cell

_STEPS = "▁▂▃▄▅▆▇█"


def shares(counts: Sequence[int], width: int, total: int) -> list[int]:
    """`width` cells divided in proportion to the counts, out of `total`.

    What is there at all gets a cell (as long as there are enough), the rest goes by the largest remainder, so that
    the cells of all counts are never more than the width.
    """
    if total <= 0 or width <= 0:
        return [0] * len(counts)
    exact = [count * width / total for count in counts]
    cells = [max(int(share), 1 if count else 0) for share, count in zip(exact, counts, strict=True)]
    target = min(width, round(sum(counts) * width / total))
    by_remainder = sorted(range(len(counts)), key=lambda index: exact[index] - cells[index])
    while sum(cells) > max(target, sum(1 for count in counts if count)) or sum(cells) > width:
        index = next((i for i in by_remainder if cells[i] > 1), None)
        if index is None:
            index = max((i for i in by_remainder if cells[i]), default=0)
        cells[index] -= 1
        by_remainder.sort(key=lambda i: exact[i] - cells[i])
    while sum(cells) < target:
        index = max(range(len(counts)), key=lambda i: exact[i] - cells[i])
        cells[index] += 1
    return cells


def stacked(parts: Sequence[tuple[int, str, str]], width: int, total: int) -> list[Cell]:
    """Parts as (count, glyph, style), one after the other, out of `total`; unused cells are not filled."""
    widths = shares([count for count, _, _ in parts], width, total)
    return [Cell(glyph * cells, style) for (_, glyph, style), cells in zip(parts, widths, strict=True) if cells]


def sparkline(values: Sequence[float | None], ceiling: float) -> str:
    """One character a value, from nothing to `ceiling`; a blank where there was no sample."""
    top = max(ceiling, 1e-9)
    return "".join(" " if value is None else _STEPS[_step(value / top)] for value in values)


def _step(share: float) -> int:
    return min(len(_STEPS) - 1, max(0, int(share * len(_STEPS))))
