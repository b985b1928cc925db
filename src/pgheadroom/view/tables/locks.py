"""The table of lock waits: a tree, each waiter under the session that it waits for."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from pgheadroom.model.bouncer import UNIX, BouncerClient
from pgheadroom.model.locks import LockNode
from pgheadroom.model.session import seconds_between
from pgheadroom.view.cells import Cell
from pgheadroom.view.columns import Column
from pgheadroom.view.durations import duration
from pgheadroom.view.text import safe
from pgheadroom.view.words import count_cell, name_cell, state_cell

_DEEPEST_INDENT = 5


class LockRow(NamedTuple):
    """A holder or waiter, and the real client where it is a PgBouncer's server connection."""

    node: LockNode
    behind: BouncerClient | None = None


def client_words(client: BouncerClient) -> str:
    """A client of PgBouncer: `checkout 10.0.0.5:4312`."""
    where = client.address if client.address == UNIX else f"{client.address}:{client.port}"
    return safe(f"{client.application or client.user} {where}")


def _who(node: LockNode, now: datetime) -> Cell:
    name = "prepared" if node.kind == "prepared" else str(node.pid)
    if node.depth == 0:
        return Cell("● " + name, "bad")
    indent = "  " * (min(node.depth, _DEEPEST_INDENT) - 1)
    return Cell(f"{indent}└ {name}{' (cycle)' if node.in_cycle else ''}", "warn" if node.waiting_behind else "")


def _behind(node: LockNode, now: datetime) -> Cell:
    return count_cell(node.waiting_behind, "bad" if node.depth == 0 else "warn")


def _since(node: LockNode, now: datetime) -> Cell:
    if node.depth or node.session is None:
        return Cell(duration(node.waited_seconds))
    return Cell(duration(seconds_between(node.session.xact_start or node.session.state_change, now)))


def _user(node: LockNode, now: datetime) -> Cell:
    if node.session is None:
        return Cell("-", "dim")
    return name_cell(node.session.user or node.session.backend_type)


def _application(row: LockRow, now: datetime) -> Cell:
    if row.behind is not None:
        return Cell(f"←{client_words(row.behind)}", "accent")
    return name_cell(row.node.session.application if row.node.session else None)


def _what(node: LockNode, now: datetime) -> Cell:
    """A waiter: what it wants. A root: what it is doing while all the others wait."""
    if node.request is not None:
        return Cell(safe(f"{node.request.mode.removesuffix('Lock')} on {node.request.target}"))
    if node.kind == "prepared":
        return Cell("prepared transaction", "bad")
    if node.session is None:
        return Cell("gone or not visible", "dim")
    return state_cell(node.session)


def _query(node: LockNode, now: datetime) -> Cell:
    return Cell(safe(node.session.query) if node.session else "", "query")


def _of_node(cell: Callable[[LockNode, datetime], Cell]) -> Callable[[LockRow, datetime], Cell]:
    return lambda row, now: cell(row.node, now)


LOCK_COLUMNS: tuple[Column[LockRow], ...] = (
    Column("who", "holder/waiter", 14, _of_node(_who)),
    Column("behind", "behind", 6, _of_node(_behind), align=">"),
    Column("since", "for", 6, _of_node(_since), align=">"),
    Column("user", "user", 8, _of_node(_user), flex=1, importance=3),
    Column("application", "application", 11, _application, flex=1, importance=2),
    Column("what", "wants / state", 15, _of_node(_what), flex=3),
    Column("query", "query", 10, _of_node(_query), flex=5, importance=1),
)
