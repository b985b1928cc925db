"""The table of states: how many sessions are in each, and how long the oldest has been."""

from datetime import datetime

from pgheadroom.model.grouping import StateCount
from pgheadroom.model.session import State
from pgheadroom.view.cells import Cell
from pgheadroom.view.columns import Column
from pgheadroom.view.common_cells import STATE_GLYPHS, STATE_STYLES, WAITING_GLYPH, count_cell
from pgheadroom.words.durations import duration
from pgheadroom.words.states import WAITING

_WORDS = {State.ABORTED: "idle in tx (aborted)", State.FASTPATH: "fastpath call"}


def state_sign(row: StateCount) -> Cell:
    """The glyph that stands for one session of these, in its style."""
    return (
        Cell(WAITING_GLYPH, WAITING)
        if row.waits
        else Cell(STATE_GLYPHS[row.state], STATE_STYLES.get(row.state, "other"))
    )


def _style(row: StateCount) -> str:
    return state_sign(row).style if row.count else "dim"


def _glyph(row: StateCount, now: datetime) -> Cell:
    return Cell(state_sign(row).text, _style(row))


def _state(row: StateCount, now: datetime) -> Cell:
    return Cell(WAITING if row.waits else _WORDS.get(row.state, row.state.value), _style(row))


def _count(row: StateCount, now: datetime) -> Cell:
    return count_cell(row.count)


def _percent(row: StateCount, now: datetime) -> Cell:
    return Cell(f"{row.percent:.0f}%", "" if row.count else "dim")


def _oldest(row: StateCount, now: datetime) -> Cell:
    return Cell(duration(row.oldest_seconds), "" if row.count else "dim")


STATE_COLUMNS: tuple[Column[StateCount], ...] = (
    Column("glyph", "", 1, _glyph),
    Column("state", "state", 20, _state),
    Column("count", "count", 5, _count, align=">"),
    Column("percent", "%", 4, _percent, align=">", importance=1),
    Column("oldest", "oldest", 6, _oldest, align=">"),
)
