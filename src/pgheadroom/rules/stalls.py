"""Findings about sessions that hold something up: open transactions, long queries, locks."""

from collections.abc import Iterator, Sequence

from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.locks import LockNode
from pgheadroom.model.session import IN_TRANSACTION_BUT_IDLE, Session, State
from pgheadroom.rules.case import Case
from pgheadroom.rules.wording import clipped, crowd, first_for, ids, severity, who, worst
from pgheadroom.view.durations import duration
from pgheadroom.view.words import SHORT_STATES, plural

LONG_WAIT_SECONDS = 60.0
"""A lock that somebody has waited for this long is worth a word, however few wait."""

ABORTED_SECONDS = 60.0
"""An application that noticed its error would have rolled back long before."""

_PIDS_SHOWN = 3


def _most(sessions: Sequence[Session]) -> str:
    most = crowd(sessions)
    return f"; most by {who(most[0])} ({len(most)})" if len(most) < len(sessions) else f"; all by {who(most[0])}"


def _details(case: Case, sessions: Sequence[Session]) -> tuple[str, ...]:
    return tuple(
        f"pid {one.pid} {who(one)} {duration(case.seconds_in_state(one))}: {clipped(one.query, 60)}"
        for one in sessions[:_PIDS_SHOWN]
    )


def idle_in_transaction(case: Case) -> Iterator[Finding]:
    """Too many of them, or one for too long. They hold locks, and keep vacuum from cleaning up."""
    idlers = case.idle_in_transaction
    if not idlers:
        return
    age = case.seconds_in_state(idlers[0])
    by_count = severity(case.thresholds.idle_in_transaction, len(idlers))
    by_age = severity(case.thresholds.oldest_idle_in_transaction, age or 0.0)
    urgency = worst(by_count, by_age)
    least = "" if case.snapshot.exact else "At least "
    if urgency is not None:
        yield Finding(
            "idle-in-transaction",
            urgency,
            f"{least}{plural(len(idlers), 'session')} idle in transaction, oldest {duration(age)}{_most(idlers)}",
            _details(case, idlers),
            "Terminate the oldest (their work rolls back); then set idle_in_transaction_session_timeout.",
            ids(idlers),
        )


def aborted(case: Case) -> Iterator[Finding]:
    """A transaction that failed and was never rolled back: the application ignores its errors."""
    failed = [
        one
        for one in case.idle_in_transaction
        if one.state is State.ABORTED and (case.seconds_in_state(one) or 0.0) >= ABORTED_SECONDS
    ]
    if failed:
        age = duration(case.seconds_in_state(failed[0]))
        yield Finding(
            "aborted-transactions",
            Severity.NOTICE,
            f"{plural(len(failed), 'failed transaction')} not rolled back, oldest {age}{_most(failed)}",
            _details(case, failed),
            "Terminate them: nothing is lost. The application must roll back after an error.",
            ids(failed),
        )


def long_queries(case: Case) -> Iterator[Finding]:
    """Many queries that run for long."""
    queries = case.long_queries
    urgency = severity(case.thresholds.long_queries, len(queries))
    if urgency is not None and queries:
        least = duration(case.thresholds.long_query_seconds)
        age = duration(case.seconds_in_state(queries[0]))
        yield Finding(
            "long-queries",
            urgency,
            f"{plural(len(queries), 'query', 'queries')} over {least}, oldest {age} by {who(queries[0])}",
            _details(case, queries),
            "Cancel those that nobody waits for; then set statement_timeout for the role.",
            ids(queries),
        )


def lock_pile_ups(case: Case) -> Iterator[Finding]:
    """A holder that many wait for, directly or behind others; or a few, but for long."""
    total = severity(case.thresholds.waiting_for_locks, len(case.waiting_for_locks))
    roots = [node for node in case.locks if node.is_root]
    for place, root in enumerate(roots):
        wait = max((node.waited_seconds or 0.0 for node in case.locks if node.root_pid == root.pid), default=0.0)
        urgency = severity(case.thresholds.waiting_for_locks, root.waiting_behind)
        if place == 0:
            urgency = worst(urgency, total)
        if urgency is None and wait >= LONG_WAIT_SECONDS:
            urgency = Severity.NOTICE
        if urgency is not None:
            yield _pile_up(case, root, wait, urgency)


def _pile_up(case: Case, root: LockNode, wait: float, urgency: Severity) -> Finding:
    behind = [node for node in case.locks if node.root_pid == root.pid and node.waits and node.pid != root.pid]
    return Finding(
        f"lock-pile-up:{root.pid}",
        urgency,
        f"{_holder(case, root)} holds up {plural(root.waiting_behind, 'session')}{first_for(wait)}",
        (*_doing(root), *map(_waiter, behind[:_PIDS_SHOWN])),
        _lock_remedy(case, root),
        (root.session.id,) if root.kind == "session" and root.session else (),
    )


def _holder(case: Case, root: LockNode) -> str:
    if root.kind == "prepared":
        return "A prepared transaction"
    if root.session is None:
        return f"pid {root.pid} (not visible)"
    if root.kind == "process":
        return f"pid {root.pid}, {clipped(root.session.backend_type)}"
    age = duration(case.seconds_in_state(root.session))
    return f"pid {root.pid} {who(root.session)}, {SHORT_STATES[root.session.state]} {age},"


def _doing(root: LockNode) -> Iterator[str]:
    if root.session is not None and root.session.query:
        word = "runs" if root.session.state is State.ACTIVE else "last ran"
        yield f"pid {root.pid} {word}: {clipped(root.session.query, 60)}"


def _waiter(node: LockNode) -> str:
    name = who(node.session) if node.session else "not visible"
    wanted = f" for {clipped(node.request.mode)} on {clipped(node.request.target, 60)}" if node.request else ""
    return f"pid {node.pid} {name} waits {duration(node.waited_seconds)}{wanted}"


def _lock_remedy(case: Case, root: LockNode) -> str:
    if root.in_cycle:
        return "They wait for each other: PostgreSQL ends one of them after deadlock_timeout."
    if root.kind == "prepared":
        return "See pg_prepared_xacts; COMMIT PREPARED or ROLLBACK PREPARED in its database, as its owner."
    if root.session is None:
        return "It has ended, or your role may not see it: GRANT pg_monitor."
    if root.kind == "process":
        return _process_remedy(root)
    if root.session.state in IN_TRANSACTION_BUT_IDLE:
        return f"Terminate pid {root.pid} (its work rolls back); then set idle_in_transaction_session_timeout."
    return f"Cancel the query of pid {root.pid}, or terminate it; run such statements with a lock_timeout."


def _process_remedy(root: LockNode) -> str:
    if root.session is not None and root.session.backend_type == "startup":
        return "Recovery holds it and cannot be signalled: it lets go when the primary's transaction ends."
    return f"Cancelling pid {root.pid} is safe for autovacuum, which comes again; else look what it does."
