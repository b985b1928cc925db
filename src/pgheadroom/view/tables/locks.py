"""The table of lock waits: a tree, each waiter under the session that it waits for."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from pgheadroom.conninfo import at_port
from pgheadroom.model.bouncer import UNIX, BouncerClient
from pgheadroom.model.locks import LockNode
from pgheadroom.model.session import Session, seconds_between
from pgheadroom.view.cells import Cell
from pgheadroom.view.columns import Column
from pgheadroom.view.common_cells import count_cell, name_cell, state_cell
from pgheadroom.words.durations import duration
from pgheadroom.words.text import safe

_DEEPEST_INDENT = 4
_OF_RELATION = re.compile(r"(?:(?P<part>.+) of )?(?:\w+ )?(?:table|index|view|sequence|relation) (?P<name>\S.*)")


class LockRow(NamedTuple):
    """A holder or waiter, and the real client where it is a PgBouncer's server connection.

    Attributes:
        last: No other waits at the same place behind it.
    """

    node: LockNode
    behind: BouncerClient | None = None
    last: bool = True


def lock_rows(nodes: Sequence[LockNode], client_of: Callable[[Session], BouncerClient | None]) -> list[LockRow]:
    """The flattened forest as rows; each knows whether a sibling follows."""
    rows: list[LockRow] = []
    followed: set[int] = set()  # depths at which a row further down stands under the same one
    for node in reversed(nodes):
        followed = {depth for depth in followed if depth <= node.depth}
        rows.append(LockRow(node, client_of(node.session) if node.session else None, node.depth not in followed))
        followed.add(node.depth)
    return rows[::-1]


def client_words(client: BouncerClient) -> str:
    """A client of PgBouncer: `checkout 10.0.0.5:4312`."""
    where = client.address if client.address == UNIX else at_port(client.address, client.port)
    return safe(f"{client.application or client.user} {where}")


def _who(row: LockRow, now: datetime) -> Cell:
    """The pid is never cut: what is deeper than there is room for has its depth as a number."""
    node = row.node
    name = "prepared" if node.kind == "prepared" else str(node.pid)
    if node.depth == 0:
        return Cell("● " + name, "bad")
    sign = f"{'└' if row.last else '├'} "
    lead = " " * (node.depth - 1) + sign if node.depth <= _DEEPEST_INDENT else f"{node.depth:>{_DEEPEST_INDENT}} {sign}"
    return Cell(f"{lead}{name}", "warn" if node.waiting_behind else "")


def _behind(node: LockNode, now: datetime) -> Cell:
    return count_cell(node.waiting_behind, "bad" if node.depth == 0 else "warn")


def _since(node: LockNode, now: datetime) -> Cell:
    if len(node.prepared) == 1:
        return Cell(duration(seconds_between(node.prepared[0].since, now)))
    if node.depth or node.session is None:
        return Cell(duration(node.waited_seconds))
    return Cell(duration(seconds_between(node.session.xact_start or node.session.state_change, now)))


def _user(node: LockNode, now: datetime) -> Cell:
    if node.session is None:
        owners = ", ".join(dict.fromkeys(one.owner for one in node.prepared))
        return name_cell(owners) if owners else Cell("-", "dim")
    return name_cell(node.session.user or node.session.backend_type)


def _application(row: LockRow, now: datetime) -> Cell:
    if row.behind is not None:
        return Cell(f"←{client_words(row.behind)}", "accent")
    return name_cell(row.node.session.application if row.node.session else None)


def _what(node: LockNode, now: datetime) -> Cell:
    """A waiter: what it wants. A root: what it is doing while all the others wait."""
    if node.request is not None:
        mode, cycle = node.request.mode.removesuffix("Lock"), "in a cycle: " if node.in_cycle else ""
        return Cell(safe(f"{cycle}{_object_first(node.request.target)}: {mode}"))
    if node.kind == "prepared":
        gids = ", ".join(one.gid for one in node.prepared)
        return Cell(safe(gids) or "prepared transaction", "bad")
    if node.session is None:
        return Cell("gone or not visible", "dim")
    return state_cell(node.session)


def _object_first(target: str) -> str:
    """`public.orders row (0,1)` of `row (0,1) of table public.orders`: its name is what is looked for."""
    found = _OF_RELATION.fullmatch(target)
    return f"{found['name']} {found['part']}" if found and found["part"] else found["name"] if found else target


def _query(node: LockNode, now: datetime) -> Cell:
    return Cell(safe(node.session.query) if node.session else "", "query")


def _of_node(cell: Callable[[LockNode, datetime], Cell]) -> Callable[[LockRow, datetime], Cell]:
    return lambda row, now: cell(row.node, now)


LOCK_COLUMNS: tuple[Column[LockRow], ...] = (
    Column("who", "holder/waiter", 14, _who),
    Column("behind", "behind", 6, _of_node(_behind), align=">"),
    Column("since", "for", 6, _of_node(_since), align=">"),
    Column("user", "user", 8, _of_node(_user), flex=1, importance=3),
    Column("application", "application", 11, _application, flex=1, importance=2),
    Column("what", "wants / state", 15, _of_node(_what), flex=3),
    Column("query", "query", 10, _of_node(_query), flex=5, importance=1),
)
