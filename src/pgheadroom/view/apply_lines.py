"""What is asked before advice is applied or undone."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from pgheadroom.model.advice import Advice, Effect
from pgheadroom.model.applied import Alteration, AppliedState
from pgheadroom.model.session import Session
from pgheadroom.rules.acting.applied import Standing, applied_words
from pgheadroom.rules.acting.apply import catalogue_of, not_reached, place_words, statements_of, value_words
from pgheadroom.view.cells import Cell, Line, fit_line
from pgheadroom.view.hold_lines import labelled

_MOST = 16
"""Lines that a question shows."""
_COUNTS = {
    Effect.NOW: "at once",
    Effect.NEW_SESSIONS: "for new sessions",
    Effect.RELOAD: "with the reload, for the sessions that are there too",
    Effect.RESTART: "with a restart",
}


def apply_lines(piece: Advice, alteration: Alteration, sessions: Sequence[Session], width: int) -> list[Line]:
    """The statement and what stands there now; then its undoing, for whom it counts and for whom not, and its risk."""
    lines = [
        *_statements("SQL   ", alteration, "query"),
        *labelled("Now   ", [_now(piece, alteration)]),
        [],
        *_statements("Undo  ", alteration.undone, "", "U, or "),
        *labelled("Counts", [f" {_COUNTS[piece.effect]}"]),
        *labelled("Not   ", list(not_reached(alteration.spot, alteration.after, sessions))),
        *labelled("Know  ", [piece.risk], "warn"),
    ]
    if len(lines) > _MOST:
        lines[_MOST - 1 :] = [[Cell("      ... all of it stands below the list", "dim")]]
    return [fit_line(line, width) for line in lines]


def _now(piece: Advice, alteration: Alteration) -> str:
    """What stands at the place itself, as just read; where nothing does, what holds there from elsewhere."""
    elsewhere = piece.applies.now if piece.applies is not None else ""
    if alteration.before is None:
        return f"{elsewhere}; {place_words(alteration.spot)} has no value of its own"
    spot = alteration.spot
    return f"{place_words(spot)} has {value_words(spot, alteration.before)} ({catalogue_of(spot)})"


def _statements(label: str, alteration: Alteration, style: str, before: str = "") -> Iterator[list[Cell]]:
    texts = statements_of(alteration.spot, alteration.after) or ("a name that cannot be written as SQL here",)
    return labelled(label, [f"{before}{' '.join(texts)}"], style)


def undo_lines(one: Standing, alteration: Alteration, now: datetime, width: int) -> list[Line]:
    """What was applied, by whom; what comes back; and what somebody else has set meanwhile."""
    lines = [
        *labelled("Was   ", [applied_words(one, now)]),
        *_statements("SQL   ", alteration, "query"),
        [],
    ]
    if one.state is AppliedState.CHANGED:
        set_by_others = value_words(one.spot, one.found.value)
        lines += labelled("But   ", [f"somebody else has set {set_by_others} since: y takes that away, too"], "warn")
    lines += labelled("Then  ", [f"{place_words(one.spot)} has {value_words(one.spot, alteration.after)}, as before"])
    return [fit_line(line, width) for line in lines]
