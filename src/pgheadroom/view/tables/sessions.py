"""The table of sessions: every client backend, a line each."""

from collections.abc import Sequence
from datetime import datetime

from pgheadroom.model.session import IN_TRANSACTION_BUT_IDLE, Session, State, seconds_between
from pgheadroom.view.cells import Cell
from pgheadroom.view.columns import Column
from pgheadroom.view.common_cells import name_cell, state_cell, wait_cell
from pgheadroom.words.durations import MINUTE, duration
from pgheadroom.words.states import state_word
from pgheadroom.words.text import safe


def age_in_state(session: Session, now: datetime) -> float | None:
    return seconds_between(session.in_state_since, now)


def transaction_age(session: Session, now: datetime) -> float | None:
    """Seconds since its transaction began, None outside a transaction."""
    return seconds_between(session.xact_start, now)


def connection_age(session: Session, now: datetime) -> float | None:
    return seconds_between(session.backend_start, now)


def _transaction(session: Session, now: datetime) -> Cell:
    age = transaction_age(session, now)
    held = age is not None and age >= 5 * MINUTE and session.state in IN_TRANSACTION_BUT_IDLE
    return Cell(duration(age), "dim" if age is None else "bad" if held else "")


# Who does something, or keeps others from doing it, comes before who only sits there.
_RANK = {State.ABORTED: 0, State.IDLE_IN_TRANSACTION: 0, State.ACTIVE: 1, State.FASTPATH: 1, State.STARTING: 2}
_LAST_RANK = 3


def by_urgency(sessions: Sequence[Session], now: datetime, own_pid: int = 0) -> list[Session]:
    """The table's order until the user chooses one: open transactions, running queries, the others; oldest first.

    Our own session runs the question that finds them all, and is last: it is nobody's trouble.
    """

    def order(session: Session) -> tuple[int, float]:
        if session.pid == own_pid:
            return (_LAST_RANK + 1, 0.0)
        since = (session.xact_start if session.state in IN_TRANSACTION_BUT_IDLE else None) or session.in_state_since
        return (_RANK.get(session.state, _LAST_RANK), since.timestamp() if since else now.timestamp())

    return sorted(sessions, key=order)


SESSION_COLUMNS: tuple[Column[Session], ...] = (
    Column("pid", "pid", 8, lambda s, now: Cell(str(s.pid)), lambda s, now: s.pid, align=">"),
    Column("user", "user", 9, lambda s, now: name_cell(s.user), lambda s, now: s.user, flex=1),
    Column(
        "database", "database", 8, lambda s, now: name_cell(s.database), lambda s, now: s.database, flex=1, importance=3
    ),
    Column(
        "application", "application", 12, lambda s, now: name_cell(s.application), lambda s, now: s.application, flex=1
    ),
    Column("client", "client", 11, lambda s, now: name_cell(s.client), lambda s, now: s.client, flex=1, importance=2),
    Column("state", "state", 10, lambda s, now: state_cell(s), lambda s, now: state_word(s)),
    Column(
        "age", "age", 6, lambda s, now: Cell(duration(age_in_state(s, now))), age_in_state, align=">", descending=True
    ),
    Column("transaction", "xact", 6, _transaction, transaction_age, align=">", descending=True),
    Column(
        "connection",
        "conn",
        6,
        lambda s, now: Cell(duration(connection_age(s, now)), "dim"),
        connection_age,
        align=">",
        importance=1,
        descending=True,
    ),
    Column(
        "wait",
        "wait",
        13,
        lambda s, now: wait_cell(s),
        lambda s, now: s.wait_event_type + s.wait_event,
        flex=1,
        importance=4,
    ),
    Column("query", "query", 12, lambda s, now: Cell(safe(s.query), "query"), lambda s, now: s.query, flex=8),
)
