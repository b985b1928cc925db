"""One sample as plain text, for a ticket: no escape codes, nothing wider than asked for."""

from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import TypeVar

from pgheadroom.analysis import Analysis
from pgheadroom.model.capacity import Capacity
from pgheadroom.model.finding import Finding
from pgheadroom.model.grouping import GroupBy
from pgheadroom.model.health import Health, Status
from pgheadroom.model.session import seconds_between
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.rules.acting.hold import hold_words
from pgheadroom.rules.facts.chain import hog_key
from pgheadroom.view.cells import Cell, plain, wrap_line
from pgheadroom.view.columns import format_row, heading, lay_out, table_text
from pgheadroom.view.gauge import limit_words, slots_words
from pgheadroom.view.tables.hogs import HogRow, hog_columns
from pgheadroom.view.tables.locks import LOCK_COLUMNS, lock_rows
from pgheadroom.view.tables.pools import POOL_COLUMNS, pool_rows
from pgheadroom.view.tables.refused import REFUSED_COLUMNS
from pgheadroom.view.tables.states import STATE_COLUMNS
from pgheadroom.words.counts import plural
from pgheadroom.words.durations import duration, round_trip
from pgheadroom.words.states import SLOT_WORDS
from pgheadroom.words.text import cell_width, fit, safe
from pgheadroom.words.turned_away import per_second

DEFAULT_WIDTH = 100
NARROWEST = 60
_HOGS_SHOWN = 20
_LOCKS_SHOWN = 50
_LIMITS_SHOWN = 5
_REFUSED_SHOWN = 10
_WIDTH_FOR_QUERIES = 140

Row = TypeVar("Row")


def render(case: Analysis, width: int = DEFAULT_WIDTH) -> str:
    """The whole sample, a part after the other; ends in a newline. `width` is in cells, at least 60."""
    snapshot, width = case.snapshot, max(NARROWEST, width)
    sections = (
        _server(snapshot, case.status),
        _capacity(case),
        _held(case),
        _findings(case.findings, width),
        _refused(case, width),
        _states(case, width),
        _hogs(case, width),
        _locks(case, width),
        _pools(case, width),
        _health(case.health),
        _gaps(snapshot),
    )
    blocks = ["\n".join(_cut(safe(line), width) for line in section) for section in sections]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _cut(line: str, width: int) -> str:
    return (line if cell_width(line) <= width else fit(line, width)).rstrip()


def _server(snapshot: Snapshot, status: Status) -> Iterator[str]:
    server, door = snapshot.server, snapshot.door
    role = "standby" if server.in_recovery else "primary"
    up = duration(seconds_between(server.started_at, snapshot.taken_at))
    yield f"pgheadroom  {snapshot.taken_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    yield f"status      {status.value}"
    yield f"server      {safe(server.name)}, PostgreSQL {safe(server.version)}, {role}, up {up}"
    yield (
        f"door        {safe(door.user)}@{safe(door.database)}, {SLOT_WORDS[door.slot]}, "
        f"answered in {round_trip(snapshot.round_trip)}"
    )
    if snapshot.literals_hidden:
        yield "queries     literals and comments are hidden"


def _capacity(case: Analysis) -> Iterator[str]:
    slots = case.capacity
    about = "" if slots.exact else "about "
    over = f", {slots.in_reserve} over" if slots.in_reserve else ""
    percent = min(100.0, slots.used_percent)
    yield (f"SLOTS       {about}{slots_words(slots)} used, {percent:.0f}%, {slots.free} free{over}; {_reserve(slots)}")
    yield f"free for    {_free(slots)}"
    if slots.authenticating:
        yield f"starting    {plural(slots.authenticating, 'connection')} still authenticating"
    if slots.max_wal_senders:
        yield f"walsenders  {slots.walsenders}/{slots.max_wal_senders}, in slots of their own"
    if slots.limits:
        yield f"limits      {_limits(slots)}"


def _held(case: Analysis) -> Iterator[str]:
    for place, one in enumerate(case.holds):
        yield f"{'HELD' if not place else '':12}{hold_words(one, case.snapshot.taken_at)}"


def _reserve(slots: Capacity) -> str:
    reserved = f" + {slots.reserved} reserved" if slots.reserved else ""
    return f"reserve {slots.superuser_reserved} superuser{reserved}, {slots.in_reserve} in use"


def _free(slots: Capacity) -> str:
    reserved = f", pg_use_reserved_connections {slots.free_reserved}" if slots.reserved else ""
    return f"ordinary roles {slots.free}{reserved}, superusers {slots.free_superuser}"


def _limits(slots: Capacity) -> str:
    shown = ", ".join(limit_words(limit) for limit in slots.limits[:_LIMITS_SHOWN])
    more = len(slots.limits) - _LIMITS_SHOWN
    return f"{shown}, {more} more" if more > 0 else shown


def _findings(found: Sequence[Finding], width: int) -> Iterator[str]:
    yield "FINDINGS" if found else "FINDINGS    none"
    for finding in found:
        yield f"  {finding.severity.upper():<9} {finding.sentence}"
        for text in (*finding.evidence, f"-> {finding.remedy}"):
            words = Cell(" ".join(text.split()))
            yield from (f"{'':12}{plain(line)}" for line in wrap_line([words], width - 12, indent="   "))


def _more(all_rows: Sequence[object], shown: int, noun: str) -> Iterator[str]:
    if len(all_rows) > shown:
        yield f"... {plural(len(all_rows) - shown, noun)} more"


def _refused(case: Analysis, width: int) -> Iterator[str]:
    seen = case.refused
    if seen is None or not seen.groups:
        return
    room, logins = per_second(seen.per_second), per_second(seen.unwanted_per_second)
    yield f"REFUSED     {room}/s for lack of room, {logins}/s logins"
    shown = seen.groups[:_REFUSED_SHOWN]
    yield from table_text(REFUSED_COLUMNS, shown, case.snapshot.taken_at, width)
    yield from _more(seen.groups, _REFUSED_SHOWN, "group")


def _states(case: Analysis, width: int) -> Iterator[str]:
    yield "STATES"
    yield from table_text(STATE_COLUMNS, case.states, case.snapshot.taken_at, width)


def _hogs(case: Analysis, width: int) -> Iterator[str]:
    yield "HOGS"
    hogs, behind = case.hogs_by(GroupBy.ALL)
    rows = [HogRow(hog, behind.get(hog_key(hog), ())) for hog in hogs[:_HOGS_SHOWN]]
    yield from table_text(hog_columns(GroupBy.ALL), rows, case.snapshot.taken_at, width)
    yield from _more(hogs, _HOGS_SHOWN, "group")


def _locks(case: Analysis, width: int) -> Iterator[str]:
    if not case.locks:
        yield "LOCK WAITS  none"
        return
    age = case.snapshot.age_of("locks")
    as_of = f", as of {duration(age)} ago" if age else ""
    yield f"LOCK WAITS  {plural(len(case.waiting_for_locks), 'session')} waiting{as_of}"
    # What is wanted says more than the statement that wants it, of which a narrow page shows but a few letters.
    columns = [column for column in LOCK_COLUMNS if column.name != "query" or width >= _WIDTH_FOR_QUERIES]
    shown = case.locks[:_LOCKS_SHOWN]
    rows = lock_rows(shown, case.chains.client_of)
    yield from table_text(columns, rows, case.snapshot.taken_at, width)
    yield from _more(case.locks, _LOCKS_SHOWN, "line")


def _pools(case: Analysis, width: int) -> Iterator[str]:
    snapshot = case.snapshot
    if not snapshot.pgbouncers:
        return
    yield "PGBOUNCER"
    layout = lay_out(POOL_COLUMNS, width)
    yield plain(heading(layout, "", descending=False, width=width))
    for row in pool_rows(snapshot.pgbouncers, case.thresholds):
        yield row.note.text if row.note else plain(format_row(layout, row, snapshot.taken_at, width))


def _health(metrics: Sequence[Health]) -> Iterator[str]:
    yield f"HEALTH{'':41}value  warning/critical"
    for one in metrics:
        value = "-" if one.value is None else f"{one.value:g}"
        subject = f"  {safe(one.subject)}" if one.subject and one.status is not Status.OK else ""
        yield f"  {one.status:<9} {one.metric:<34} {value:>6}  {one.warning:g}/{one.critical:g}{subject}"


def _gaps(snapshot: Snapshot) -> Iterator[str]:
    if snapshot.gaps:
        yield "NOT KNOWN"
        yield from (f"  {safe(gap.part)}: {safe(gap.reason)}" for gap in snapshot.gaps)
