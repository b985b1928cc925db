"""Advice as text, for a terminal or a ticket; statements stand on lines of their own, ready to copy."""

from collections.abc import Iterator, Sequence

from pgheadroom.advice.commands import command
from pgheadroom.model.advice import Advice, Counsel, Effect, LimitRow, PoolRow
from pgheadroom.rules.acting.apply import by_hand
from pgheadroom.words.counts import plural
from pgheadroom.words.durations import duration
from pgheadroom.words.pasting import pastable
from pgheadroom.words.text import fit, safe, wrap

_EFFECTS = {
    Effect.NOW: "at once",
    Effect.NEW_SESSIONS: "for new sessions",
    Effect.RELOAD: "with a reload, for the sessions that are there too",
    Effect.RESTART: "with a restart",
}
_LABEL = 8
_MOST_ROWS = 30


def render(counsel: Counsel, width: int) -> str:
    """All of it, without a line break at the end."""
    return "\n".join(_lines(counsel, width))


def _lines(counsel: Counsel, width: int) -> Iterator[str]:
    yield from wrap(counsel.looked, width)
    if not counsel.advice:
        yield from wrap("Nothing to advise" + (", it is well set." if counsel.well_set else "."), width)
    for number, piece in enumerate(counsel.advice, 1):
        yield ""
        yield from _piece(number, piece, width)
    if counsel.well_set:
        yield ""
        yield "Well set:"
        for one in counsel.well_set:
            yield from _indented("", one.sentence, width)
    yield from _pools(counsel, width)
    yield from _limits(counsel, width)
    for gap in counsel.gaps:
        yield ""
        yield from wrap(f"Not read: {safe(gap)}", width)


def _piece(number: int, piece: Advice, width: int) -> Iterator[str]:
    spared = f" (would have spared {plural(piece.saves, 'slot')})" if piece.saves else ""
    yield from wrap(f"{number}. {piece.title}{spared}", width)
    yield from _indented("seen", " ".join(piece.seen), width)
    yield from _statements("do", piece.do)
    yield from _statements("change", piece.change)
    for step in piece.steps:
        yield from _indented("do", step, width)
    yield from _indented("why", piece.why, width)
    yield from _indented("effect", f"{_EFFECTS[piece.effect]}.", width)
    yield from _indented("risk", piece.risk, width)
    yield from _statements("undo", piece.undo)
    yield from _statements("undo", piece.change_back)
    yield from _statements("beside", piece.beside)
    yield from _indented("by", f"{piece.needs}." if piece.needs else "", width)
    yield from _statements("source", piece.source.split("; "))
    if not by_hand(piece):
        yield from _statements("apply", command("advise", "--apply", piece.key))


def _indented(label: str, text: str, width: int) -> Iterator[str]:
    for number, line in enumerate(wrap(text, max(20, width - _LABEL - 3)) if text else ()):
        yield f"   {fit(label if not number else '', _LABEL)}{line}"


def _statements(label: str, statements: Sequence[str]) -> Iterator[str]:
    """Not wrapped: what is copied has to be whole."""
    for number, statement in enumerate(statements):
        for line in pastable(statement).split("\n"):
            yield f"   {fit(label if not number else '', _LABEL)}{line}"


def _pools(counsel: Counsel, width: int) -> Iterator[str]:
    if not counsel.pools:
        return
    yield ""
    counts = f"{'each':>5} {'of':>3} {'peak':>5} {'busy':>5}"
    yield f"{fit('Pools: how many connections would do', 36)} {counts}   share of time waiting"
    for need in counsel.pools[:_MOST_ROWS]:
        name = safe("/".join(filter(None, (need.user, need.application))))
        name += f" in {safe(need.database)}" if need.database else ""
        choices = "  ".join(map(_choice, need.rows))
        yield f"{fit(name, 36)} {need.of_each:>5} {need.instances:>3} {need.peak:>5} {need.busiest:>5}   {choices}"
    yield from wrap(
        f"{counsel.pool_sum} Busy: how many were at once, at most. A choice is size: share of the time in which "
        "somebody would have waited, and the longest stretch of it.",
        width,
    )


def _choice(row: PoolRow) -> str:
    if not row.waiting:
        return f"{row.size}: never"
    return f"{row.size}: {100 * row.waiting:.2g}% {duration(row.longest)}"


def _limits(counsel: Counsel, width: int) -> Iterator[str]:
    if not counsel.limits:
        return
    yield ""
    yield f"{fit('Limits', 30)} {'limit':>6} {'now':>5} {'peak':>5}"
    for row in counsel.limits[:_MOST_ROWS]:
        yield _limit_row(row).rstrip()
    if len(counsel.limits) > _MOST_ROWS:
        yield f"... and {len(counsel.limits) - _MOST_ROWS} more (all of them: --format json)"
    if counsel.limit_sum:
        yield from wrap(counsel.limit_sum, width)


def _limit_row(row: LimitRow) -> str:
    limit = "-" if row.limit is None else str(row.limit)
    return f"{fit(f'{row.kind} {safe(row.name)}', 30)} {limit:>6} {row.now:>5} {row.peak:>5}  {row.note}"
