"""The top line: what server this is, how we got in, and how fresh what is shown is."""

import re
from dataclasses import dataclass
from datetime import datetime

from pgheadroom.model.health import Status
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.update import Trouble
from pgheadroom.view.cells import Cell, Line, line_width, spread, spread_first_fitting
from pgheadroom.words.durations import duration, interval, round_trip
from pgheadroom.words.refusals import trouble_words
from pgheadroom.words.states import SLOT_WORDS
from pgheadroom.words.text import cell_width, fit, safe

_FOLDERS = re.compile(r"\A/\S*/(?=\S+: )")
"""Of a Unix socket's place, as it stands before what is said of it; see `words.text.place`."""
_SHORTEST_TITLE = 20
_TITLE = 2
"""Which cell is the server's name."""

# Of one width each, so that nothing moves when it changes.
_BADGES = {
    Status.OK: (" OK       ", " OK   ", "ok"),
    Status.WARNING: (" WARNING  ", " WARN ", "alert-warn"),
    Status.CRITICAL: (" CRITICAL ", " CRIT ", "alert-bad"),
    Status.UNKNOWN: (" UNKNOWN  ", " ???? ", "dim"),
}


@dataclass(frozen=True, slots=True)
class Freshness:
    """How the screen stands to the server.

    Attributes:
        age: Seconds since the shown sample arrived, by our own clock; None before the first.
        interval: Seconds between samples, as set.
        trouble: Why no newer sample came; None while all is well.
    """

    age: float | None
    interval: float
    paused: bool = False
    trouble: Trouble | None = None


def header(
    snapshot: Snapshot | None,
    title: str,
    freshness: Freshness,
    width: int,
    *,
    status: Status = Status.UNKNOWN,
    read_only: bool = False,
) -> Line:
    """One line of exactly `width` cells. Of what is stale the status is not known, whatever `status` was then."""
    mark = [Cell("  read-only", "accent")] if read_only else []
    if snapshot is None:
        none = Cell(" NOT IN ", "alert-bad") if freshness.trouble else Cell("waiting for the first sample", "dim")
        left = [Cell(safe(title), "title"), Cell("  "), none, *mark]
        return spread(left, [], width)
    long, short, style = _BADGES[Status.UNKNOWN if freshness.trouble else status]
    lefts = [
        [Cell(long, style), Cell(" "), *_server(snapshot, title), *_door(snapshot), *mark],
        [Cell(short, style), Cell(" "), *_server(snapshot, title, short=True), *_door(snapshot, short=True), *mark],
        [Cell(short, style), Cell(" "), *_server(snapshot, title, short=True), *mark],
    ]
    rights = [_freshness(snapshot, freshness, short=short) for short in (False, True, True)]
    over = line_width(lefts[-1]) + line_width(rights[-1]) + 1 - width
    if over > 0:
        lefts[-1][_TITLE] = _shortened(lefts[-1][_TITLE], over)
    return spread_first_fitting(lefts, rights, width)


def _shortened(title: Cell, by: int) -> Cell:
    """The server's name gives way first: who looks knows it, and primary or standby matters more."""
    room = cell_width(title.text) - by
    return title._replace(text=fit(title.text, max(min(_SHORTEST_TITLE, cell_width(title.text)), room)))


def _server(snapshot: Snapshot, title: str, *, short: bool = False) -> list[Cell]:
    server = snapshot.server
    role = "standby" if server.in_recovery else "primary"
    return [
        Cell(safe(title), "title"),
        Cell(f"  {'PG' if short else 'PostgreSQL'} {safe(server.version)} "),
        Cell(role, "warn" if server.in_recovery else ""),
    ]


def _door(snapshot: Snapshot, *, short: bool = False) -> list[Cell]:
    """Left out first where there is little room: who looks has come in already."""
    door = snapshot.door
    slot = door.slot.value if short else SLOT_WORDS[door.slot]
    return [Cell("  as ", "dim"), Cell(safe(door.user)), Cell(f" ({slot})", "dim")]


def _freshness(snapshot: Snapshot, freshness: Freshness, *, short: bool = False) -> list[Cell]:
    cells: list[Cell] = []
    if freshness.paused:
        cells.append(Cell(" PAUSED ", "alert-warn"))
    if freshness.trouble:
        cells.append(Cell(f" STALE {duration(freshness.age)}", "alert-bad"))
    elif freshness.age is not None:
        cells.append(Cell(f" {duration(freshness.age)} old", "dim"))
    return [*cells, *_pace(snapshot, freshness.interval, short=short)]


def _pace(snapshot: Snapshot, wanted: float, *, short: bool) -> list[Cell]:
    """How often samples are wanted, and how long one takes; as a warning where that makes them come less often."""
    if snapshot.round_trip >= wanted:
        words = "" if short else f", not every {interval(wanted)}:"
        return [Cell(f"{words} a sample takes {round_trip(snapshot.round_trip)}", "warn")]
    slowed = next((one for one in snapshot.spared if one.part == "sessions"), None)
    if slowed is not None:
        why = "" if short else f" (of {interval(wanted)}) to spare the server,"
        cells = [Cell(f"{'/' if short else ', every '}{interval(round(slowed.every, 1))}{why}", "warn")]
    else:
        cells = [Cell(f"{'/' if short else ', every '}{interval(wanted)}", "dim")]
    return [*cells, Cell(f" {round_trip(snapshot.round_trip)}{'' if short else ' round trip'}", "dim")]


def trouble_line(trouble: Trouble, now: datetime, width: int) -> Line:
    """Why what is shown is old, and for how long it has been so. The folders of a socket give way to the reason."""
    lasted = duration((now - trouble.since).total_seconds())
    tries = f" · try {trouble.tries}" if trouble.tries else ""
    words, right = trouble_words(trouble), [Cell(f"  for {lasted}{tries}", "bad")]
    lefts = [[Cell("✗ ", "bad"), Cell(one, "bad")] for one in (words, _FOLDERS.sub("", words))]
    return spread_first_fitting(lefts, [right, right], width)
