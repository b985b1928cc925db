"""The panel of a lesson: where one is, what to do now, and what comes next."""

from pgheadroom.lesson.progress import Guide, Progress, words
from pgheadroom.view.cells import Cell, Line, fit_line, spread, spread_first_fitting, wrap_line
from pgheadroom.words.text import safe

COLUMN_WIDTH = 38
"""Cells of the panel beside a screen."""
_BESIDE_FROM = 120
_STRIP = ((22, 5), (15, 4), (10, 2))
_KEY = "F2"


def panel_size(guide: Guide, progress: Progress, width: int, height: int) -> tuple[int, int]:
    """Columns and lines that the panel takes from a terminal of this size; one of them is 0.

    Beside the screen where it is wide, else below it; nothing where there is no room. Below, the lines are the same for
    nearly all steps, so that the screen does not jump; a text that needs more gets them, up to a third of the height.
    """
    if width >= _BESIDE_FROM:
        return COLUMN_WIDTH, 0
    usual = next((lines for least, lines in _STRIP if height >= least), 0)
    needed = 1 + len(_wrapped(words(guide, progress), width - 1, ""))
    return 0, max(usual, min(needed, height // 3)) if usual else 0


def guide_lines(guide: Guide, progress: Progress, width: int, height: int, *, ascii_only: bool = False) -> list[Line]:
    """The panel as a column: the whole lesson, the present step with its text, each line fitted to `width`."""
    text = _wrapped(words(guide, progress), width - 3, "  ")
    room = height - len(text) - 4  # the title, the two blank lines around the present step, the last line
    now = progress.place(guide)
    before = [_past(guide, progress, place, ascii_only) for place in range(now)]
    after = [[Cell("  · ", "dim"), Cell(step.title, "dim")] for step in guide.steps[now + 1 :]]
    heading = [Cell("▸ ", "focus"), Cell(_heading(guide, now), "strong")]
    before, after = _fitted(before, after, room - 1)
    body = [*before, [], heading, *text, [], *after]
    lines = [_title(guide, progress, width), *(fit_line(line, width) for line in body)][: height - 1]
    lines += [fit_line([], width)] * (height - 1 - len(lines))
    return [*lines, fit_line([Cell(f"{_KEY}", "key"), Cell(" hides this", "dim")], width)][:height]


def strip_lines(guide: Guide, progress: Progress, width: int, height: int) -> list[Line]:
    """The panel as a few lines: the present step only, each line fitted to `width`."""
    now = progress.place(guide)
    left = [Cell("─ ", "rule"), Cell("GUIDE ", "focus"), Cell(f" {_heading(guide, now)} ", "strong")]
    key = [Cell(" · ", "rule"), Cell(_KEY, "key")]
    long = [Cell(f" {_count(guide, progress)}", "accent"), *key, Cell(" hides", "dim")]
    short = [Cell(f" {min(now + 1, len(guide.steps))}/{len(guide.steps)}", "accent"), *key]
    title = spread_first_fitting([left, left], [long, short], width, "─", "rule")
    text = _wrapped(words(guide, progress), width - 1, "")
    if len(text) > height - 1:
        text = text[: max(0, height - 1)]
        text[-1:] = [[*line, Cell(" …", "dim")] for line in text[-1:]]
    return [title, *(fit_line(line, width) for line in text)][:height]


def _title(guide: Guide, progress: Progress, width: int) -> Line:
    left = [Cell("─ ", "rule"), Cell("GUIDE ", "focus")]
    return spread(left, [Cell(f" {_count(guide, progress)} ", "accent")], width, "─", "rule")


def _count(guide: Guide, progress: Progress) -> str:
    place, total = progress.place(guide), len(guide.steps)
    return f"step {place + 1} of {total}" if place < total else f"all {total} done"


def _heading(guide: Guide, place: int) -> str:
    if place == len(guide.steps):
        return "Done"
    step = guide.steps[place]
    return f"{step.act.upper()}: {step.title}"


def _past(guide: Guide, progress: Progress, place: int, ascii_only: bool) -> list[Cell]:
    """A step that is behind: done, or overtaken."""
    done = ("[x] " if ascii_only else "  ✓ ") if place in progress.ticked else ("[-] " if ascii_only else "  – ")
    return [Cell(done, "ok" if place in progress.ticked else "dim"), Cell(guide.steps[place].title, "dim")]


def _fitted(before: list[list[Cell]], after: list[list[Cell]], room: int) -> tuple[list[list[Cell]], list[list[Cell]]]:
    """As many titles as there is room for; those nearest to the present step are kept."""
    after = after[: max(0, room - min(len(before), 1))]
    return before[max(0, len(before) - max(0, room - len(after))) :], after


def _wrapped(text: str, width: int, indent: str) -> list[list[Cell]]:
    """The text in lines; what stands in backticks is a key."""
    marked = [Cell(piece, "key" if number % 2 else "") for number, piece in enumerate(safe(text).split("`"))]
    return [[Cell(indent), *line] for line in wrap_line(marked, width, indent="")]
