"""The waiting room in lines: since when, how often, what each door said, and what can be done from outside."""

from datetime import datetime

from pgheadroom.model.refusal import Refusal
from pgheadroom.model.update import Waiting
from pgheadroom.view.cells import Cell, Line, fit_line
from pgheadroom.words.counts import plural
from pgheadroom.words.durations import duration
from pgheadroom.words.refusals import limit_words
from pgheadroom.words.text import safe, wrap

_FIRST = "the first slot that falls free is taken and kept"
_MOVES = "sessions come and go: the first slot that falls free is taken and kept"


def waiting_lines(waiting: Waiting, now: datetime, width: int) -> list[Line]:
    """Each line fitted to `width`."""
    lasted = duration((now - waiting.since).total_seconds())
    lines: list[list[Cell]] = [
        [
            Cell(" NO ROOM ", "alert-bad"),
            Cell(f"  for {lasted}, {plural(waiting.tries, 'try', 'tries')}{_rate(waiting.per_second)}", "bad"),
            Cell(f"  {_MOVES if waiting.moves else _FIRST}", "dim"),
        ],
        [],
    ]
    for refusal in waiting.refusals:
        lines += _door(refusal, now, width)
    if waiting.advice:
        lines.append([Cell("What helps", "heading")])
        lines += [[Cell(head), Cell(part)] for text in waiting.advice for head, part in _bullet(text, width)]
    return [fit_line(line, width) for line in lines]


def _rate(per_second: float) -> str:
    if not per_second:
        return ""
    return f", now {per_second:.0f} a second" if per_second >= 2 else f", now every {1 / per_second:.1f} s"


def _door(refusal: Refusal, now: datetime, width: int) -> list[list[Cell]]:
    style = "bad" if refusal.full else "warn"
    ago = duration((now - refusal.at).total_seconds())
    code = f"  {safe(refusal.sqlstate)}" if refusal.sqlstate else ""
    words = wrap(safe(refusal.message), max(10, width - 4))
    return [
        [Cell("● ", style), Cell(safe(refusal.door), "strong"), Cell(f"  {ago} ago{code}", "dim")],
        *([Cell(f"    {part}", style)] for part in wrap(limit_words(refusal), max(10, width - 4))),
        *([Cell("    "), Cell(part, "dim")] for part in words),
        [],
    ]


def _bullet(text: str, width: int) -> list[tuple[str, str]]:
    pieces = wrap(safe(text), max(10, width - 4))
    return [("  - " if index == 0 else "    ", piece) for index, piece in enumerate(pieces)]
