"""One session looked at closely, in one round trip."""

from collections.abc import Sequence
from dataclasses import replace

from pgheadroom.model import versions
from pgheadroom.model.detail import LOCKS_SHOWN, Lock, LoginSetting, SessionDetail
from pgheadroom.model.session import Session, SessionId
from pgheadroom.postgres.catalogue import Catalogue
from pgheadroom.postgres.exchange import Answer, NoSample, Question, Row, Unanswered, ask_together
from pgheadroom.postgres.lock_target import lock_target
from pgheadroom.postgres.own_session import timeouts_in_packet
from pgheadroom.postgres.queries import query
from pgheadroom.postgres.raw_text import read_text
from pgheadroom.postgres.rows import DATABASE, QUERY, Words, database_of, lock_row, read_session
from pgheadroom.postgres.sampling import Probe

_MILLISECONDS = (("h", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1))


async def detail(probe: Probe, session_id: SessionId, known: SessionDetail | None = None) -> SessionDetail | None:
    """What can be known about this session. Of the query that is `known` already, the text does not come again: it can
    be a megabyte, and is asked for each second. Nor do the settings, which applied when it logged in.

    Returns:
        None when it has ended, also when its pid belongs to another session now.

    Raises:
        NoConnection: when the connection is lost.
        NoSample: when the server does not say.
    """
    ours = timeouts_in_packet(probe.connection.pgconn.options)
    questions = _questions(probe.catalogue, session_id, known, timeouts_are_ours=ours)
    answers = await ask_together(probe.connection, questions)
    found = dict(zip([question.part for question in questions], answers, strict=True))
    rows = found["session"]
    if isinstance(rows, Unanswered):
        raise NoSample(f"the server does not tell about the session: {rows.reason}")
    if not rows:
        return None
    told = _detail(rows[0], found, probe.catalogue)
    if known is not None:
        told = replace(told, login_settings=known.login_settings)
    if known is not None and rows[0][QUERY] is None:
        return replace(told, session=told.session._replace(query=known.session.query))
    if not probe.hides_literals:
        return told
    from pgheadroom.postgres.literals import hide_literals  # here: compiling its patterns takes a while

    return replace(told, session=hide_literals([told.session])[0])


def _questions(
    catalogue: Catalogue, session_id: SessionId, known: SessionDetail | None, *, timeouts_are_ours: bool
) -> list[Question]:
    version, database = catalogue.facts.version_num, catalogue.facts.database_oid
    pid, backend_start = session_id
    query_start = known.session.query_start if known is not None else None
    asked = [
        Question("session", query("session_detail", version), (pid, backend_start, query_start)),
        Question("locks", query("session_locks", version), (pid, database, LOCKS_SHOWN)),
    ]
    if known is None:
        asked.append(Question("settings", query("login_settings", version), (pid, database, timeouts_are_ours)))
    if version >= versions.WAIT_EVENTS_ARE_DESCRIBED_SINCE:
        asked.append(Question("wait event", query("wait_meaning", version), (pid,)))
    return asked


def _detail(row: Row, found: dict[str, Answer], catalogue: Catalogue) -> SessionDetail:
    *columns, host, encrypted, protocol, cipher = row
    locks, meaning = _rows(found["locks"]), _rows(found.get("wait event", []))
    codec = catalogue.codecs.get(columns[DATABASE], catalogue.codec)
    session = read_session((*columns[:QUERY], None, *columns[QUERY + 1 :]), catalogue, Words())
    session = session._replace(query=read_text(columns[QUERY] or b"", codec))
    return SessionDetail(
        session=session,
        hostname=read_text(host or b""),
        tls=f"{read_text(protocol or b'')} {read_text(cipher or b'')}" if encrypted else "",
        locks=tuple(_lock(lock, catalogue) for lock in locks),
        lock_count=locks[0][-1] if locks else 0,
        wait_meaning=read_text(meaning[0][0]) if meaning else "",
        login_settings=login_settings(_rows(found.get("settings", [])), session),
    )


def _rows(answer: Answer) -> Sequence[Row]:
    return () if isinstance(answer, Unanswered) else answer


def _lock(row: Row, catalogue: Catalogue) -> Lock:
    locktype, *rest = row[:12]
    mode, granted, fastpath = row[12:15]
    lock = lock_row(locktype, rest, catalogue)
    target = lock_target(lock, database_of(lock, catalogue))
    return Lock(lock.locktype, read_text(mode), target, granted, fastpath)


def login_settings(rows: Sequence[Row], session: Session) -> tuple[LoginSetting, ...]:
    """The value of each setting that wins: a role's in a database, a role's, a database's, that of all, the server's.

    Source of the order: the manual's page on ALTER ROLE.
    """
    winning: dict[str, tuple[int, LoginSetting]] = {}
    for raw_name, raw_value, for_database, for_role in rows:
        name = read_text(raw_name)
        rank = -1 if for_role is None else 2 * for_role + for_database
        setting = LoginSetting(name, _with_unit(read_text(raw_value)), _source(rank, session))
        if name not in winning or winning[name][0] < rank:
            winning[name] = (rank, setting)
    return tuple(setting for _, (_, setting) in sorted(winning.items()))


def _source(rank: int, session: Session) -> str:
    role, database = f"role {session.user}", f"database {session.database}"
    return {-1: "server", 0: "all roles", 1: database, 2: role, 3: f"{role} in {database}"}[rank]


def _with_unit(value: str) -> str:
    """`300000`, `300000ms` or `5min` as `5min`, `0` as it is; the unit of all these settings is the millisecond."""
    milliseconds = int(value.removesuffix("ms")) if value.removesuffix("ms").isdigit() else 0
    if not milliseconds:
        return value
    unit, size = next((unit, size) for unit, size in _MILLISECONDS if milliseconds % size == 0)
    return f"{milliseconds // size}{unit}"
