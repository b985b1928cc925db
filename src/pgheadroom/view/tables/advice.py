"""The table of advice, and one piece told whole."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from pgheadroom.model.advice import Advice, Effect, PoolNeed, PoolRow, WellSet
from pgheadroom.rules.acting.applied import AppliedPiece
from pgheadroom.view.cells import Cell, Line, fit_line
from pgheadroom.view.columns import Column
from pgheadroom.words.counts import plural
from pgheadroom.words.durations import duration
from pgheadroom.words.text import safe, wrap

_LABEL = 13
_EFFECTS = {
    Effect.NOW: ("at once", "ok"),
    Effect.NEW_SESSIONS: ("new sessions", ""),
    Effect.RELOAD: ("reload", ""),
    Effect.RESTART: ("restart", "warn"),
}


def _saves(piece: Advice, now: datetime) -> Cell:
    return Cell(str(piece.saves), "strong") if piece.saves else Cell("-", "dim")


def _kind(piece: Advice, now: datetime) -> Cell:
    return Cell(piece.kind, "dim")


def _effect(piece: Advice, now: datetime) -> Cell:
    if isinstance(piece, AppliedPiece):
        return Cell("changed", "warn") if piece.is_changed else Cell("applied", "ok")
    return Cell(*_EFFECTS[piece.effect])


def _title(piece: Advice, now: datetime) -> Cell:
    return Cell(piece.title)


ADVICE_COLUMNS: tuple[Column[Advice], ...] = (
    Column("saves", "slots", 5, _saves, align=">"),
    Column("kind", "kind", 9, _kind, importance=2),
    Column("effect", "counts for", 12, _effect, importance=1),
    Column("title", "what keeps it from coming again", 30, _title, flex=1),
)


def advice_lines(piece: Advice, width: int) -> list[Line]:
    """A piece told whole, in lines of `width` cells: what to do comes before why."""
    parts: tuple[tuple[str, Sequence[str], str], ...] = (
        ("y copies", piece.do, "accent"),
        ("change", piece.change, "accent"),
        ("what to do", piece.steps, ""),
        ("seen", piece.seen, ""),
        ("why", (piece.why,), ""),
        ("know before", (piece.risk,), "warn"),
        ("who may", (piece.needs,), ""),
        ("and beside", piece.beside, "accent"),
        ("undo", (*piece.undo, *piece.change_back), ""),
        ("source", piece.source.split("; "), "dim"),
    )
    return [*_wrapped("", piece.title, "strong", width), *_labelled(parts, width)]


def well_set_lines(looked: str, well_set: Sequence[WellSet], gaps: Sequence[str], width: int) -> list[Line]:
    """How long was looked, what is set well, and what could not be read."""
    parts = (
        ("looked", (looked,), "dim"),
        ("well set", [one.sentence for one in well_set], "ok"),
        ("not read", gaps, ""),
    )
    return list(_labelled(parts, width))


def pool_lines(needs: Sequence[PoolNeed], together: str, width: int) -> list[Line]:
    """For each application the sizes that it could choose from, as a small table."""
    lines: list[Line] = []
    for need in needs:
        label = "" if lines else "pool sizes"
        lines += _wrapped(label, f"{_name(need)}: {_used(need)}", "", width)
        lines += _wrapped("", _SIZES_HEAD, "heading", width)
        for row in need.rows:
            lines += _wrapped("", _size(row), "ok" if row.size == need.enough else "", width)
    return [*lines, *(_wrapped("", together, "", width) if lines else ())]


_SIZES_HEAD = "size  somebody waits  longest"


def _name(need: PoolNeed) -> str:
    names = safe("/".join(filter(None, (need.user, need.application))))
    return f"{names} in {safe(need.database)}" if need.database else names


def _used(need: PoolNeed) -> str:
    clients = plural(need.instances, "client")
    return (
        f"peak {need.peak} from {clients}, {need.busiest} busy at once at most, within {duration(need.seconds)}; "
        f"{need.of_each} for each would do"
    )


def _size(row: PoolRow) -> str:
    if not row.waiting:
        return f"{row.size:>4}           never"
    return f"{row.size:>4}  {100 * row.waiting:>13.2g}%  {duration(row.longest):>7}"


def _labelled(parts: Sequence[tuple[str, Sequence[str], str]], width: int) -> Iterator[Line]:
    for label, texts, style in parts:
        for number, text in enumerate(filter(None, texts)):
            yield from _wrapped("" if number else label, text, style, width)


def _wrapped(label: str, text: str, style: str, width: int) -> Iterator[Line]:
    indent = _LABEL if label or style != "strong" else 0
    for number, piece in enumerate(wrap(text, max(10, width - indent))):
        head = Cell(f"{'' if number else label:<{indent}}", "heading")
        yield fit_line([head, Cell(piece, style)], width)
