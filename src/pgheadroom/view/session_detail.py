"""One session as lines: who it is, what it does, what it holds, whom it blocks."""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from pgheadroom.conninfo import at_port
from pgheadroom.model.chain import Chain
from pgheadroom.model.detail import Lock, SessionDetail
from pgheadroom.model.locks import LockNode
from pgheadroom.model.session import Session, seconds_between
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.view.cells import Cell, Line, fit_line
from pgheadroom.view.common_cells import ABSENT, state_cell
from pgheadroom.view.tables.locks import client_words
from pgheadroom.view.tables.sessions import age_in_state, transaction_age
from pgheadroom.words.counts import plural
from pgheadroom.words.durations import duration
from pgheadroom.words.text import place, safe, safe_lines, wrap

_LABEL = 13
Cells = list[Cell]


def detail_lines(
    session: Session,
    detail: SessionDetail | None,
    snapshot: Snapshot,
    tree: Sequence[LockNode],
    chain: Chain | None,
    width: int,
) -> list[Line]:
    """Every line, each fitted to `width`. Without `detail` (not answered yet, refused) what the sample knows."""
    now = snapshot.taken_at
    lines = [
        *_identity(session, detail, now),
        *_chain(chain),
        *_activity(session, detail, now),
        *_limits(session, snapshot),
        *_neighbours(session, snapshot, tree),
        _section("QUERY  literals hidden" if snapshot.literals_hidden else "QUERY", width),
    ]
    rest = [*_locks(detail, width), *_settings(detail, width)] if detail is not None else []
    return [
        *(fit_line(line, width) for line in lines),
        *_query(detail.session.query if detail else session.query, width),
        *(fit_line(line, width) for line in rest),
    ]


def _row(label: str, *cells: Cell) -> Cells:
    return [Cell(f"{label:<{_LABEL}}", "heading"), *cells]


def _section(title: str, width: int) -> Cells:
    return [Cell("─ ", "rule"), Cell(f"{title} ", "heading"), Cell("─" * max(0, width - len(title) - 3), "rule")]


def _identity(session: Session, detail: SessionDetail | None, now: datetime) -> list[Cells]:
    began = session.backend_start.isoformat(sep=" ", timespec="microseconds") if session.backend_start else ABSENT
    client = session.client or ABSENT
    if session.client_port and session.client_port > 0:
        client = at_port(client, session.client_port)
    host = f" ({safe(detail.hostname)})" if detail and detail.hostname else ""
    tls = f"  {safe(detail.tls)}" if detail and detail.tls else ""
    kind = f"  {safe(session.backend_type)}" if not session.is_client else ""
    leader = f"  worker of {session.leader_pid}" if session.leader_pid and session.leader_pid != session.pid else ""
    return [
        _row("session", Cell(f"pid {session.pid}", "strong"), Cell(f"  started {began}", "dim"), Cell(kind + leader)),
        _row(
            "user",
            Cell(safe(session.user or ABSENT), "strong"),
            Cell(" @ ", "dim"),
            Cell(safe(session.database or ABSENT)),
        ),
        _row("application", Cell(safe(session.application or ABSENT))),
        _row("client", Cell(safe(client) + host), Cell(tls, "dim")),
        _row("connected", Cell(f"{duration(seconds_between(session.backend_start, now))} ago")),
    ]


def _chain(chain: Chain | None) -> list[Cells]:
    """For a PgBouncer's server connection: through which pool, and for which client now."""
    if chain is None:
        return []
    pool = f"{place(chain.bouncer)} pool {safe(chain.server.database)}/{safe(chain.server.user)}"
    if chain.client is None:
        return [_row("through", Cell(pool), Cell("  no client uses it now", "dim"))]
    client = Cell(f"  ← {client_words(chain.client)}", "accent")
    return [_row("through", Cell(pool), client, Cell(f"  {safe(chain.client.state)}", "dim"))]


def _activity(session: Session, detail: SessionDetail | None, now: datetime) -> list[Cells]:
    lines = [_row("state", state_cell(session), Cell(f" for {duration(age_in_state(session, now))}"))]
    age = transaction_age(session, now)
    if age is not None:
        ids = [f"xid {session.backend_xid}" if session.backend_xid else "has changed nothing yet"]
        ids += [f"xmin {session.backend_xmin}"] if session.backend_xmin else []
        lines.append(_row("transaction", Cell(f"{duration(age)} old"), Cell(f"  {', '.join(ids)}", "dim")))
    lines.append(_row("query began", Cell(f"{duration(seconds_between(session.query_start, now))} ago")))
    if session.wait_event_type:
        wait = Cell(
            safe(f"{session.wait_event_type}: {session.wait_event}"), "warn" if session.waits_for is not None else ""
        )
        meaning = f"  {safe(detail.wait_meaning)}" if detail and detail.wait_meaning else ""
        lines.append(_row("waits for", wait, Cell(meaning, "dim")))
    return lines


def _limits(session: Session, snapshot: Snapshot) -> list[Cells]:
    """The limits that a session like this one meets, and how full they are."""
    cells: Cells = []
    role = snapshot.roles.get(session.user or "")
    if role is not None and role.superuser:
        return [_row("limits", Cell("superuser: no role or database limit"))]
    if role is not None and role.limit is not None:
        used = sum(1 for one in snapshot.sessions if one.user == session.user)
        cells.append(Cell(f"role {used}/{role.limit}  ", "bad" if used >= role.limit else ""))
    database = snapshot.databases.get(session.database or "")
    if database is not None and database.limit is not None:
        used = sum(1 for one in snapshot.sessions if one.database == session.database)
        cells.append(Cell(f"database {used}/{database.limit}", "bad" if used >= database.limit else ""))
    return [_row("limits", *(cells or [Cell("role and database have none", "dim")]))]


def _neighbours(session: Session, snapshot: Snapshot, tree: Sequence[LockNode]) -> list[Cells]:
    node = next((node for node in tree if node.pid == session.pid), None)
    if node is None:
        return [_row("locks", Cell("waits for nobody, holds up nobody", "dim"))]
    lines: list[Cells] = []
    if node.blocked_by:
        wants = f"{safe(node.request.mode)} on {safe(node.request.target)}  " if node.request else ""
        by = ", ".join(_named(pid, snapshot) for pid in node.blocked_by[:4])
        lines.append(_row("blocked by", Cell(by, "bad"), Cell(f"  wants {wants}" if wants else "")))
    if node.waiting_behind:
        behind = [one for one in tree if session.pid in one.blocked_by]
        first = ", ".join(_named(one.pid, snapshot) for one in behind[:3])
        lines.append(_row("holds up", Cell(plural(node.waiting_behind, "session"), "bad"), Cell(f"  {first}", "dim")))
    return lines


def _named(pid: int, snapshot: Snapshot) -> str:
    if pid == 0:
        return "a prepared transaction"
    found = next((one for one in (*snapshot.sessions, *snapshot.processes) if one.pid == pid), None)
    if found is None:
        return str(pid)
    return safe(f"{pid} {found.user or found.backend_type}/{found.application}")


@lru_cache(maxsize=2)
def _query(query: str, width: int) -> tuple[Line, ...]:
    """The query with its own lines, wrapped where they are wider than the screen. Kept: a text can be a megabyte, and
    is drawn again with each sample."""
    parts = [part for line in safe_lines(query) for part in wrap(line, width)]
    return tuple(fit_line(highlight(part), width) for part in parts)


_KEYWORDS = frozenset(
    re.split(
        r"\s+",
        """select from where and or not in is null insert into values update set delete join left right inner outer full
        on group order by having limit offset union all distinct as case when then else end begin commit rollback
        savepoint lock table alter create drop index view with returning for share nowait skip locked like ilike
        between exists truncate vacuum analyze explain copy call do grant revoke listen notify prepare execute
        declare cursor fetch""",
    )
)


def highlight(text: str) -> Cells:
    """SQL with its keywords set off; words in quotes stay as they are."""
    cells: Cells = []
    quoted = False
    for word in text.split(" "):
        keyword = not quoted and word.strip("(),;").casefold() in _KEYWORDS
        cells += [Cell(word, "keyword" if keyword else "query"), Cell(" ")]
        quoted ^= word.count("'") % 2 == 1
    return cells[:-1]  # the last word is followed by nothing: a line may be as wide as the screen


def _locks(detail: SessionDetail, width: int) -> list[Cells]:
    lines = [_section(f"LOCKS {detail.lock_count}", width)]
    lines += [_lock(lock) for lock in detail.locks]
    if detail.lock_count > len(detail.locks):
        lines.append([Cell(f"and {detail.lock_count - len(detail.locks)} more", "dim")])
    return lines


def _lock(lock: Lock) -> Cells:
    held = Cell("holds  ", "dim") if lock.granted else Cell("WAITS  ", "bad")
    return [held, Cell(f"{safe(lock.mode.removesuffix('Lock')):<21}"), Cell(safe(lock.target))]


def _settings(detail: SessionDetail, width: int) -> list[Cells]:
    lines = [_section("TIMEOUTS AT LOGIN", width)]
    for setting in detail.login_settings:
        value = Cell(f"{safe(setting.value):<10}", "dim" if setting.value in {"0", "off"} else "")
        lines.append([Cell(f"{safe(setting.name):<38}"), value, Cell(safe(setting.source), "dim")])
    return lines
