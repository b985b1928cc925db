"""The gauge: how many slots are taken, by what kind of session, and what is left for whom."""

from collections.abc import Sequence

from pgheadroom.history.refused import RefusedLately
from pgheadroom.model.capacity import Capacity, Limit
from pgheadroom.model.forecast import Forecast
from pgheadroom.model.grouping import StateCount
from pgheadroom.rules.facts.forecast import sentence
from pgheadroom.view.bars import shares
from pgheadroom.view.cells import Cell, Line, fit_line, spread_first_fitting
from pgheadroom.view.tables.states import state_sign
from pgheadroom.words.text import cell_width, fit, safe
from pgheadroom.words.turned_away import per_second, reason_words

_REASON_CELLS = 22


def gauge_line(capacity: Capacity, style: str, trend: str, width: int, refused: RefusedLately | None = None) -> Line:
    """`SLOTS 94/97  97%  3 free`, who is turned away now, a trend of the used slots and, at the right, the reserve and
    what is in it."""
    about = "" if capacity.exact else "≈"
    left = [
        Cell("SLOTS ", "heading"),
        Cell(f"{about}{slots_words(capacity)}", f"{style} strong"),
        Cell(f"  {about}{min(100.0, capacity.used_percent):.0f}%", style),
        Cell(f"  {about}{capacity.free} free", style),
    ]
    left += refused_words(refused)
    least = list(left)
    if capacity.authenticating:
        left.append(Cell(f"  {capacity.authenticating} authenticating", "dim"))
    with_trend = [*left, Cell("  "), Cell(trend, "trend"), Cell("  ")]
    long, short = ([Cell(words, "bad" if capacity.in_reserve else "dim")] for words in reserve_words(capacity))
    return spread_first_fitting([with_trend, with_trend, left, left, least], [long, short, long, short, short], width)


def refused_words(refused: RefusedLately | None) -> list[Cell]:
    """`refused 37/s role limit web`; nothing while nobody is."""
    leading = refused.leading if refused is not None else None
    if refused is None or leading is None:
        return []
    return [
        Cell(f"  refused {per_second(refused.per_second)}/s", "bad strong"),
        Cell(f" {_short(reason_words(leading.who))}", "bad"),
    ]


def _short(words: str) -> str:
    """So short that the gauge keeps its other numbers on 80 columns."""
    return words if cell_width(words) <= _REASON_CELLS else fit(words, _REASON_CELLS)


def slots_words(capacity: Capacity) -> str:
    """`94/97`; `97/97 +1` where one more sits in the reserve: of the others nobody has more than all."""
    over = f" +{capacity.in_reserve}" if capacity.in_reserve else ""
    return f"{capacity.used - capacity.in_reserve}/{capacity.usable}{over}"


def reserve_words(capacity: Capacity) -> tuple[str, str]:
    """The reserve and what is in it, long and short: `reserve 3 superuser + 2 reserved, 1 in use`, `reserve 1/5`."""
    parts = [f"{capacity.superuser_reserved} superuser"]
    if capacity.reserved:
        parts.append(f"{capacity.reserved} reserved")
    long = f"reserve {' + '.join(parts)}, {capacity.in_reserve} in use"
    return long, f"reserve {capacity.in_reserve}/{capacity.reserve}"


def gauge_bar(capacity: Capacity, states: Sequence[StateCount], width: int) -> Line:
    """Every slot of `max_connections` on one line: the taken ones by state, the free ones, and the reserve."""
    counts = [state.count for state in states]
    free = max(0, capacity.usable - capacity.used)
    reserve = capacity.max_connections - max(capacity.usable, capacity.used)
    total = max(sum(counts) + free + reserve, 1)
    widths = shares([*counts, free, max(0, reserve)], width, total)
    cells = [
        Cell(state_sign(state).text * cells, state_sign(state).style)
        for state, cells in zip(states, widths, strict=False)
        if cells
    ]
    cells += [Cell("─" * widths[-2], "dim")] if widths[-2] else []
    cells += [Cell("·" * widths[-1], "reserve")] if widths[-1] else []
    return fit_line(cells, width)


def limit_words(limit: Limit, about: str = "") -> str:
    """`role web 40/40`; the server's own limit is `server 94/97`, or `server ≈94/97` where `about` says so."""
    name = "" if limit.kind == "server" else f" {safe(limit.name)}"
    over = max(0, limit.used - limit.ceiling)
    return f"{limit.kind}{name} {about}{limit.used - over}/{limit.ceiling}{f' +{over}' if over else ''}"


def headroom_line(capacity: Capacity, style: str, width: int, outlook: Cell | None = None) -> Line:
    """What each kind of role could still open, the fullest limit and, where it is given, until when that will do.

    Args:
        style: For how full that limit is.
    """
    tightest = capacity.tightest
    about = "" if capacity.exact else "≈"
    fullest = [
        Cell("  fullest: ", "dim"),
        Cell(f"{limit_words(tightest, about)} {about}{min(100.0, tightest.percent):.0f}%", style),
    ]
    long = [*_free_words(capacity, "free for ", "ordinary", "reserved", "superuser"), *fullest]
    short = [*_free_words(capacity, "free ", "ord", "res", "super"), *fullest]
    if outlook is None:
        return spread_first_fitting([long, short], [[], []], width)
    # What will be outweighs a limit that is only the fullest.
    bare = _free_words(capacity, "free ", "ord", "res", "super")
    right = [Cell("  "), outlook]
    return spread_first_fitting([long, short, bare], [right] * 3, width)


def outlook_words(ahead: Forecast | None, style: str) -> Cell | None:
    """`full in about 2 min (1-4)`, of a limit with its name; None where nothing surely rises."""
    if ahead is None:
        return None
    limit = ahead.limit
    name = "" if limit.kind == "server" else f"{limit.kind} {safe(limit.name)} "
    return Cell(f"{name}{sentence(ahead)}", style)


def _free_words(capacity: Capacity, lead: str, ordinary: str, reserved: str, superuser: str) -> list[Cell]:
    about = "" if capacity.exact else "≈"
    cells = [Cell(lead, "dim"), Cell(f"{ordinary} {about}{capacity.free}", "bad" if capacity.free == 0 else "")]
    if capacity.reserved:
        cells.append(Cell(f" · {reserved} {about}{capacity.free_reserved}"))
    free = f" · {superuser} {about}{capacity.free_superuser}"
    cells.append(Cell(free, "bad" if capacity.free_superuser == 0 else ""))
    return cells
