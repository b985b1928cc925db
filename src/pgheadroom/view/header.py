"""The top line: what server this is, how we got in, and how fresh what is shown is."""

from dataclasses import dataclass
from datetime import datetime

from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.update import Trouble
from pgheadroom.view.cells import Cell, Line, line_width, spread, spread_first_fitting
from pgheadroom.view.durations import duration, interval, round_trip
from pgheadroom.view.text import cell_width, fit, safe
from pgheadroom.view.words import SLOT_WORDS

_SHORTEST_TITLE = 20


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


def header(snapshot: Snapshot | None, title: str, freshness: Freshness, width: int, *, read_only: bool = False) -> Line:
    """One line of exactly `width` cells."""
    mark = [Cell("  read-only", "accent")] if read_only else []
    if snapshot is None:
        left = [Cell(safe(title), "title"), Cell("  waiting for the first sample", "dim"), *mark]
        return spread(left, _freshness(snapshot, freshness), width)
    lefts = [[*cells, *mark] for cells in (_identity(snapshot, title), _identity(snapshot, title, short=True))]
    rights = (_freshness(snapshot, freshness), _freshness(snapshot, freshness, short=True))
    over = line_width(lefts[-1]) + line_width(rights[-1]) + 1 - width
    if over > 0:
        lefts[-1][0] = _shortened(lefts[-1][0], over)
    return spread_first_fitting(lefts, rights, width)


def _shortened(title: Cell, by: int) -> Cell:
    """The server's name gives way first: who looks knows it, and primary or standby matters more."""
    room = cell_width(title.text) - by
    return title._replace(text=fit(title.text, max(min(_SHORTEST_TITLE, cell_width(title.text)), room)))


def _identity(snapshot: Snapshot, title: str, *, short: bool = False) -> list[Cell]:
    server, door = snapshot.server, snapshot.door
    role = "standby" if server.in_recovery else "primary"
    slot = door.slot.value if short else SLOT_WORDS[door.slot]
    return [
        Cell(safe(title), "title"),
        Cell(f"  {'PG' if short else 'PostgreSQL'} {safe(server.version)} "),
        Cell(role, "warn" if server.in_recovery else ""),
        Cell("  as ", "dim"),
        Cell(safe(door.user)),
        Cell(f" ({slot})", "dim"),
    ]


def _freshness(snapshot: Snapshot | None, freshness: Freshness, *, short: bool = False) -> list[Cell]:
    cells: list[Cell] = []
    if freshness.paused:
        cells.append(Cell(" PAUSED ", "alert-warn"))
    if freshness.trouble:
        cells.append(Cell(f" STALE {duration(freshness.age)} ", "alert-bad"))
    elif freshness.age is not None:
        cells.append(Cell(f" {duration(freshness.age)} old", "dim"))
    cells.append(Cell(f"{'/' if short else ', every '}{interval(freshness.interval)}", "dim"))
    if snapshot is not None:
        cells.append(Cell(f" {round_trip(snapshot.round_trip)}{'' if short else ' round trip'}", "dim"))
    return cells


def trouble_line(trouble: Trouble, now: datetime, width: int) -> Line:
    """Why what is shown is old, and for how long it has been so."""
    lasted = duration((now - trouble.since).total_seconds())
    tries = f" · try {trouble.tries}" if trouble.tries else ""
    return spread(
        [Cell("✗ ", "bad"), Cell(safe(trouble.reason), "bad")], [Cell(f"  for {lasted}{tries}", "bad")], width
    )
