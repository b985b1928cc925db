"""The finding that sessions queue for locks: who holds them up, how many, and how many slots that costs."""

from collections.abc import Iterator, Sequence

from pgheadroom.model.finding import Finding, Proposal, Severity
from pgheadroom.model.locks import LockNode
from pgheadroom.model.session import IN_TRANSACTION_BUT_IDLE, RUNNING, Session, State, Wait, seconds_between
from pgheadroom.model.snapshot import PreparedTransaction
from pgheadroom.rules.acting.rollback import rollback_statement
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.facts.locks import is_login
from pgheadroom.rules.filters.language import condition
from pgheadroom.rules.findings.remedies import Remedy, cancel, look, terminate
from pgheadroom.rules.findings.statements import Statement, on_primary, role_setting
from pgheadroom.words.counts import plural
from pgheadroom.words.durations import duration
from pgheadroom.words.states import state_word
from pgheadroom.words.wording import clipped, first_for, most_severe, severity, who

LONG_WAIT_SECONDS = 60.0
"""A lock that somebody has waited for this long is worth a word, however few wait."""

_WRAPAROUND = "(to prevent wraparound)"
"""So autovacuum calls a vacuum that it does not give up for anybody. Source: autovac_report_activity, autovacuum.c."""
_PIDS_SHOWN = 3
_LEFT_BEHIND = ", a pooler's connection on which a client left its lock (a session-level advisory lock, for instance)"


def lock_pile_ups(case: Case) -> Iterator[Finding]:
    """A holder that many wait for, directly or behind others; or a few, but for long."""
    usable = case.capacity.usable
    total = severity(case.thresholds.waiting_for_locks, len(case.waiting_for_locks), usable)
    roots = [node for node in case.locks if node.is_root]
    for place, root in enumerate(roots):
        wait = max(node.waited_seconds or 0.0 for node in (root, *case.held_up.get(root.pid, ())))
        urgency = severity(case.thresholds.waiting_for_locks, root.waiting_behind, usable)
        if place == 0:
            urgency = most_severe(urgency, total)
        if urgency is None and wait >= LONG_WAIT_SECONDS:
            urgency = Severity.NOTICE
        if urgency is not None:
            yield _pile_up(case, root, wait, urgency)


def _pile_up(case: Case, root: LockNode, wait: float, urgency: Severity) -> Finding:
    behind = case.held_up.get(root.pid, ())
    slots = sum(node.kind != "process" for node in behind) + (root.kind == "session")
    found = Finding(
        "prepared-transaction" if root.kind == "prepared" else f"lock-pile-up:{root.pid}",
        urgency,
        f"{_holder(case, root)} holds up {_whom(behind)}{first_for(wait)}",
        (
            *_as_of(case),
            *_doing(root),
            *_candidates(case, root),
            f"it costs {plural(slots, 'slot')}",
            *map(_waiter, behind[:_PIDS_SHOWN]),
        ),
        sessions=(root.session.id,) if root.kind == "session" and root.session else (),
        slots=slots,
    )
    return _remedy(case, root).of(found)


def _whom(behind: Sequence[LockNode]) -> str:
    processes = [node for node in behind if node.kind == "process"]
    logins = sum(map(is_login, behind))
    sessions = len(behind) - len(processes) - logins
    told = [plural(sessions, "session")] if sessions or not (processes or logins) else []
    told += [plural(logins, "login")] if logins else []
    told += [_process_words(process) for process in processes[:1]]
    told += [f"{len(processes) - 1} more"] if processes[1:] else []
    return " and ".join(filter(None, (", ".join(told[:-1]), told[-1])))


def _process_words(node: LockNode) -> str:
    kind = node.session.backend_type if node.session is not None else ""
    return "recovery" if kind == "startup" else clipped(kind)


def _as_of(case: Case) -> Iterator[str]:
    """The lock table can be too dear to be read with each sample."""
    if age := case.snapshot.age_of("locks"):
        yield f"the locks are as of {duration(age)} ago"


def _holder(case: Case, root: LockNode) -> str:
    if root.kind == "prepared":
        return _prepared_words(root.prepared)
    if root.session is None:
        return f"pid {root.pid} (not visible)"
    if root.kind == "process":
        return f"pid {root.pid}, {clipped(root.session.backend_type)}"
    age = duration(case.seconds_in_state(root.session))
    return f"pid {root.pid} {who(root.session)}, {state_word(root.session)} {age},"


def _prepared_words(found: Sequence[PreparedTransaction]) -> str:
    if len(found) != 1:
        return "A prepared transaction" if not found else f"One of {len(found)} prepared transactions"
    (only,) = found
    return f"Prepared transaction {clipped(only.gid, 30)} of {clipped(only.owner)} in {clipped(only.database)}"


def _candidates(case: Case, root: LockNode) -> Iterator[str]:
    for one in root.prepared:
        ago = duration(seconds_between(one.since, case.snapshot.taken_at))
        yield f"prepared {ago} ago by {clipped(one.owner)} in {clipped(one.database)}: {clipped(one.gid, 60)}"


def _doing(root: LockNode) -> Iterator[str]:
    if root.session is not None and root.session.query:
        word = "runs" if root.session.state in RUNNING else "last ran"
        yield f"pid {root.pid} {word}: {clipped(root.session.query, 60)}"


def _waiter(node: LockNode) -> str:
    name = _name(node)
    wanted = f" for {clipped(node.request.mode)} on {clipped(node.request.target, 60)}" if node.request else ""
    return f"pid {node.pid} {name} waits {duration(node.waited_seconds)}{wanted}"


def _name(node: LockNode) -> str:
    """Who still logs in has no name yet, and before PostgreSQL 18 no row."""
    if is_login(node):
        return "a login"
    if node.session is None:
        return "not visible"
    return clipped(node.session.backend_type) if node.kind == "process" else who(node.session)


def _ending_of_prepared(found: Sequence[PreparedTransaction]) -> str:
    if len(found) != 1:
        return "Find it in pg_prepared_xacts; COMMIT PREPARED or ROLLBACK PREPARED in its database, as its owner"
    (only,) = found
    return (
        "Ask what prepared it which of the two is right: COMMIT PREPARED or ROLLBACK PREPARED, in database "
        f"{clipped(only.database)}, as {clipped(only.owner)} or a superuser"
    )


def _ending_by_key(found: Sequence[PreparedTransaction]) -> Proposal | None:
    """The question before its end, where it is known which one it is."""
    if len(found) != 1 or not rollback_statement(found[0]):
        return None
    return Proposal(None, "", "ROLLBACK PREPARED, after a question", prepared=found[0])


def _rollback(case: Case, found: Sequence[PreparedTransaction]) -> Statement:
    """To roll it back, where it is known which one it is; else to look which there are."""
    written = rollback_statement(found[0]) if len(found) == 1 else ""
    if not written:
        return Statement("SELECT gid, owner, database, prepared FROM pg_prepared_xacts ORDER BY prepared;")
    return on_primary(
        case,
        written,
        f"run it in database {clipped(found[0].database)}, as {clipped(found[0].owner)} or a superuser; its work is "
        "lost, and with it what the other databases of the same transaction rely on",
    )


def _remedy(case: Case, root: LockNode) -> Remedy:
    gone = "nobody waits for a lock"
    if root.in_cycle:
        return Remedy("They wait for each other: PostgreSQL ends one of them after deadlock_timeout", proof=gone)
    if root.kind == "prepared":
        return Remedy(
            _ending_of_prepared(root.prepared),
            "Watch what prepares transactions, or set max_prepared_transactions to 0",
            _ending_by_key(root.prepared),
            statement=_rollback(case, root.prepared),
            proof=gone,
        )
    if root.session is None:
        return Remedy("It has ended, or your role may not see it: GRANT pg_monitor", proof=gone)
    if root.kind == "process":
        return _remedy_of_process(case, root, gone)
    return _remedy_of_session(case, root, root.session, gone)


def _remedy_of_session(case: Case, root: LockNode, holder: Session, gone: str) -> Remedy:
    its, pooled = condition("pid", str(root.pid)), root.pid in case.pooled
    if holder.waits_for is Wait.STANDBY:
        return Remedy(
            "It is committed and waits for a synchronous standby: bring that back, or take it out of "
            "synchronous_standby_names",
            proposal=look(its, f"see pid {root.pid}"),
            proof=gone,
        )
    if holder.state in IN_TRANSACTION_BUT_IDLE:
        return Remedy(
            f"Terminate pid {root.pid} (its work rolls back)",
            "Set idle_in_transaction_session_timeout (H does)",
            terminate(its, f"end pid {root.pid}", poolers=pooled),
            role_setting(case, holder.user, "idle_in_transaction_session_timeout", "1min"),
            gone,
        )
    # A cancel reaches nobody who waits for its client, undoes no commit, and gives a full server no slot.
    cancelled = holder.runs and case.capacity.free > 0
    ending = terminate(its, f"end pid {root.pid}", poolers=pooled)
    now = cancel(its, f"cancel the query of pid {root.pid}", poolers=pooled) if cancelled else ending
    return Remedy(
        f"Cancel the query of pid {root.pid}, or terminate it"
        if cancelled
        else f"Terminate pid {root.pid}" + (_LEFT_BEHIND if pooled and holder.state is State.IDLE else ""),
        "Run such statements with a lock_timeout",
        now,
        role_setting(case, holder.user, "lock_timeout", "5s"),
        gone,
    )


def _remedy_of_process(case: Case, root: LockNode, gone: str) -> Remedy:
    """Roots that are no clients: what may be done to each is its own matter."""
    process = root.session
    if process is not None and process.backend_type == "startup":
        recovery = "Recovery holds it and cannot be signalled: it lets go when the primary's transaction ends"
        return Remedy(recovery, proof=gone)
    if process is None or process.backend_type != "autovacuum worker":
        return Remedy(f"Look what pid {root.pid} does before anything is done to it", proof=gone)
    if _WRAPAROUND not in process.query:
        return Remedy(f"Cancel pid {root.pid}: autovacuum comes again by itself", proof=gone)
    first = next((node for node in case.locks if root.pid in node.blocked_by and node.kind == "session"), None)
    return Remedy(
        "It prevents wraparound and must finish: cancel what waits for it, the others queue behind that",
        "Alter tables when no such vacuum runs, with a lock_timeout",
        cancel(condition("pid", str(first.pid)), f"cancel the query of pid {first.pid}") if first is not None else None,
        proof=gone,
    )
