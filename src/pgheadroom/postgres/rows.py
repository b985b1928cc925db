"""Rows of `activity.sql` as sessions. Pure, and the hot path: it runs for every session each second."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pgheadroom.model.session import CLIENT_BACKEND, LOCAL, Session, State
from pgheadroom.postgres.catalogue import Catalogue
from pgheadroom.postgres.exchange import Row
from pgheadroom.postgres.lock_target import LockRow
from pgheadroom.postgres.raw_text import read_text

QUERY_BYTES = 240
"""Where `activity.sql` cuts a query."""
_STATE, _STATE_CHANGE = 7, 12
DATABASE, QUERY = 3, 17
"""Where a row of `activity.sql` has the database's OID and the query."""
_LONGEST_CHARACTER = 4
_SOCKET_PORT = -1
_PARALLEL_WORKER = "parallel worker"
_STATES = {state.value.encode(): state for state in State}


@dataclass(frozen=True, slots=True)
class Activity:
    """Every process that has a row.

    Attributes:
        exact: False when rows of other roles were hidden, so that some sessions may be something else.
        leaders: Leader's pid by parallel worker's.
    """

    sessions: tuple[Session, ...]
    processes: tuple[Session, ...]
    exact: bool
    leaders: dict[int, int]


class Words(dict[bytes | None, str]):
    """Text of columns that hold few different values, each read once."""

    _MANY = 10_000

    def __missing__(self, raw: bytes | None) -> str:
        if len(self) > self._MANY:
            self.clear()
        word = "" if raw is None else read_text(raw)
        self[raw] = word
        return word


def activity_of(everybody: Sequence[Session]) -> Activity:
    """All that have a row as sessions and other processes, in the server's order."""
    sessions: list[Session] = []
    processes: list[Session] = []
    hidden = False
    for session in everybody:
        if session.backend_type == CLIENT_BACKEND:
            sessions.append(session)
        elif session.backend_type:
            processes.append(session)
        else:
            hidden = True
            # Background processes have no role or no database; parallel workers have both and cannot be told apart.
            (sessions if session.user and session.database else processes).append(session)
    leaders = {p.pid: p.leader_pid for p in processes if p.leader_pid and p.backend_type == _PARALLEL_WORKER}
    return Activity(tuple(sessions), tuple(processes), not hidden, leaders)


def read_session(row: Row, catalogue: Catalogue, words: Words) -> Session:
    (
        pid, backend_start, role, database, application, client, port, state, wait_event_type, wait_event,
        xact_start, query_start, state_change, xid, xmin, backend_type, leader_pid, query, blocked_by,
    ) = row  # fmt: skip
    return Session(
        pid,
        backend_start,
        _name(role, catalogue.role_names),
        _name(database, catalogue.database_names),
        words[application],
        LOCAL if port == _SOCKET_PORT else (words[client] if client is not None else None),
        port if port != _SOCKET_PORT else None,
        _STATES[state] if state in _STATES else _without_state(backend_type, state),
        words[wait_event_type],
        words[wait_event],
        xact_start,
        query_start,
        state_change,
        xid and read_text(xid),
        xmin and read_text(xmin),
        words[backend_type],
        leader_pid,
        _query(query, database, catalogue),
        tuple(dict.fromkeys(blocked_by)) if blocked_by else (),
    )


def is_short(row: Row) -> bool:
    """Whether the row tells only what can be another while `state_change` stays."""
    return row[_STATE] is None and row[_STATE_CHANGE] is not None


def told_again(row: Row, known: Mapping[int, Session], words: Words) -> Session | None:
    """The session of a short row, the same object where it is as it was; None where nobody knows the rest of it."""
    (
        pid, _, _, _, application, _, _, _, wait_event_type, wait_event,
        xact_start, _, state_change, xid, xmin, _, leader_pid, _, blocked_by,
    ) = row  # fmt: skip
    before = known.get(pid)
    if before is None or before.state_change != state_change:
        return None
    now = before._replace(
        application=words[application],
        wait_event_type=words[wait_event_type],
        wait_event=words[wait_event],
        xact_start=xact_start,
        backend_xid=xid and read_text(xid),
        backend_xmin=xmin and read_text(xmin),
        leader_pid=leader_pid,
        blocked_by=tuple(dict.fromkeys(blocked_by)) if blocked_by else (),
    )
    return before if now == before else now


def _name(oid: int | None, names: dict[int | None, str | None]) -> str | None:
    """The name, or the OID for one that is not in the catalogue (dropped, or the catalogue cannot be read)."""
    try:
        return names[oid]
    except KeyError:
        return f"oid {oid}" if oid else None


def _without_state(backend_type: bytes | None, state: bytes | None) -> State:
    """A client backend has no state in its first instant; background processes never have one; others are hidden."""
    if state is None and backend_type == CLIENT_BACKEND.encode():
        return State.STARTING
    return State.HIDDEN


def _query(raw: bytes | None, database: int | None, catalogue: Catalogue) -> str:
    if not raw:
        return ""
    if raw.isascii():
        return raw.decode("ascii")
    # The server cuts too, at a character of *our* database's encoding, which need not be that of the session's.
    cut = len(raw) >= QUERY_BYTES or len(raw) >= catalogue.facts.query_size - _LONGEST_CHARACTER
    return read_text(raw, catalogue.codecs.get(database, catalogue.codec), cut=cut)


def lock_row(locktype: bytes, rest: Sequence[object], catalogue: Catalogue) -> LockRow:
    """The columns that say what a lock is on, with text read."""
    values = [read_text(value, catalogue.codec) if isinstance(value, bytes) else value for value in (locktype, *rest)]
    return LockRow(*values)  # type: ignore[arg-type]


def database_of(lock: LockRow, catalogue: Catalogue) -> str:
    return _name(lock.database, catalogue.database_names) or ""
