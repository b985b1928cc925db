"""Screen 3: every lock wait, each waiter under the session that it waits for. Overview's pane shows the same."""

from collections.abc import Iterator
from typing import Any

from pgheadroom.analysis import Analysis
from pgheadroom.model.locks import LockNode
from pgheadroom.model.session import Session
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.tui.screens.base import LiveScreen
from pgheadroom.tui.widgets.painted import Lines
from pgheadroom.tui.widgets.table import Table
from pgheadroom.view.cells import Cell
from pgheadroom.view.gauge import gauge_line
from pgheadroom.view.tables.locks import LOCK_COLUMNS, LockRow, lock_rows
from pgheadroom.view.urgency import usage_style
from pgheadroom.words.durations import duration
from pgheadroom.words.text import safe
from pgheadroom.words.turned_away import per_second

_NOBODY = "nobody waits for a lock"
_NOBODY_SEEN = "nobody is seen to wait for a lock; not all is visible"


def lock_table() -> Table[LockRow]:
    return Table("LOCK WAITS", LOCK_COLUMNS, lambda row: row.node.pid, id="locks", empty=_NOBODY)


def show_locks(table: Table[LockRow], analysis: Analysis) -> None:
    """Fill the table; a part that could not be read is said in its title."""
    waiting = sum(1 for node in analysis.locks if node.waits)
    reason = _gap(analysis.snapshot)
    age = analysis.snapshot.age_of("locks")
    as_of = f", as of {duration(age)} ago" if age else ""
    now = f"{waiting} waiting{as_of}" if waiting else ""
    counted = _counted(analysis)
    words = f"not all known: {safe(reason)}" if reason else ", ".join(filter(None, (now, counted)))
    rows = _rows_of.of(analysis)
    certain = analysis.snapshot.exact and not reason
    table.show(rows, analysis.snapshot.taken_at, Cell(words, "warn"), empty=_NOBODY if certain else _NOBODY_SEEN)


class _RowsOfOne:
    """The rows of the analysis that is shown: who goes to another screen that has them need not wait for thousands."""

    def __init__(self) -> None:
        self._analysis: Analysis | None = None
        self._rows: list[LockRow] = []

    def of(self, analysis: Analysis) -> list[LockRow]:
        if analysis is not self._analysis:
            self._analysis, self._rows = analysis, lock_rows(analysis.locks, analysis.chains.client_of)
        return self._rows


_rows_of = _RowsOfOne()


def _counted(analysis: Analysis) -> str:
    """`12 waits/s tuple, 3/s transactionid`: by the server's own count (19+), also those that are over at a sample."""
    rates = (analysis.before.lock_waits or ())[:_TYPES_TOLD]
    return ", ".join(
        f"{per_second(rate)}{' waits' if not place else ''}/s {safe(kind)}" for place, (kind, rate) in enumerate(rates)
    )


_TYPES_TOLD = 3


def _gap(snapshot: Snapshot) -> str:
    return next((gap.reason for gap in snapshot.gaps if gap.part == "locks"), "")


def tree_filter(analysis: Analysis, node: LockNode) -> str:
    """The filter for all sessions of the tree that a node stands in."""
    return "pid:" + ",".join(str(one.pid) for one in analysis.locks if one.root_pid == node.root_pid and one.pid)


def no_session_words(row: object) -> str:
    """Of a prepared transaction; empty for any other row."""
    if not isinstance(row, LockRow) or row.node.kind != "prepared":
        return ""
    return "a prepared transaction has no session: Enter on screen 6 rolls it back"


class Locks(LiveScreen):
    """The lock tree over the whole screen."""

    kind = "locks"

    def body(self) -> Iterator[Any]:
        yield Lines(id="slots")
        yield lock_table()

    def show(self, analysis: Analysis) -> None:
        slots = self.query_one("#slots", Lines)
        slots.paint([gauge_line(analysis.capacity, usage_style(analysis), "", slots.size.width, analysis.refused)])
        show_locks(self.pane("locks"), analysis)

    def chosen(self) -> list[Session]:
        row = self.pane("locks").current
        return [row.node.session] if row is not None and row.node.session is not None else []

    def on_table_opened(self, event: Table.Opened) -> None:
        if event.row.node.session is not None:
            self.monitor.open_detail(event.row.node.session)
        elif words := no_session_words(event.row):
            self.monitor.say(words)

    def without_session(self) -> str:
        return no_session_words(self.pane("locks").current)

    def leave(self) -> None:
        self.monitor.action_mode("overview")
