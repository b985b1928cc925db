"""Findings about sessions that hold something up: open transactions, failed ones, long queries."""

from collections.abc import Iterator, Sequence

from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.session import Session, State
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.findings.remedies import Remedy, all_of, cancel, old_enough, terminate, too_many
from pgheadroom.rules.findings.statements import role_setting
from pgheadroom.words.counts import plural
from pgheadroom.words.durations import duration
from pgheadroom.words.wording import clipped, ids, largest_group, most_severe, severity, who, whose

ABORTED_SECONDS = 60.0
"""An application that noticed its error would have rolled back long before."""

_PIDS_SHOWN = 3


def _most(sessions: Sequence[Session]) -> str:
    most = largest_group(sessions)
    return f"; most by {whose(most[0])} ({len(most)})" if len(most) < len(sessions) else f"; all by {whose(most[0])}"


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
    by_count = severity(case.thresholds.idle_in_transaction, len(idlers), case.capacity.usable)
    by_age = severity(case.thresholds.oldest_idle_in_transaction, age or 0.0)
    urgency = most_severe(by_count, by_age)
    if urgency is not None:
        found = Finding(
            "idle-in-transaction",
            urgency,
            case.at_least
            + f"{plural(len(idlers), 'session')} idle in {_kind(idlers)}, oldest {duration(age)}{_most(idlers)}",
            _details(case, idlers),
            sessions=ids(idlers),
            slots=len(idlers),
        )
        yield Remedy(
            "Terminate the oldest (their work rolls back)",
            "Let the application roll back after an error: it swallows one, and goes on; set "
            "idle_in_transaction_session_timeout"
            if _mostly_failed(idlers)
            else "Set idle_in_transaction_session_timeout (H does)",
            terminate(
                all_of("state:idletx,aborted", _oldest(case, idlers, by_count is not None)),
                "end the oldest transactions",
            ),
            role_setting(case, largest_group(idlers)[0].user, "idle_in_transaction_session_timeout", "1min"),
            f"fewer than {case.thresholds.idle_in_transaction.warning.level(case.capacity.usable):g} are idle in "
            f"transaction, none for {duration(case.thresholds.oldest_idle_in_transaction.warning.level())}",
        ).of(found)


def _oldest(case: Case, idlers: Sequence[Session], too_many_idle: bool) -> str:
    """Those that have to go so that the finding does: all that are too old, and as many as are too many."""
    old = case.thresholds.oldest_idle_in_transaction.warning
    too_old = sum(old.reached(case.seconds_in_state(one) or 0.0) for one in idlers)
    if not too_many_idle:
        return old_enough(case, idlers, share=0.0, least=max(1, too_old))
    level = case.thresholds.idle_in_transaction.warning.level(case.capacity.usable)
    return old_enough(case, idlers, least=max(too_old, too_many(len(idlers), level)))


def _mostly_failed(idlers: Sequence[Session]) -> bool:
    return 2 * sum(one.state is State.ABORTED for one in idlers) > len(idlers)


def _kind(idlers: Sequence[Session]) -> str:
    failed = sum(one.state is State.ABORTED for one in idlers)
    if failed == len(idlers):
        return "failed transactions" if failed > 1 else "a failed transaction"
    return f"transaction ({failed} of them failed)" if _mostly_failed(idlers) else "transaction"


def aborted(case: Case) -> Iterator[Finding]:
    """A transaction that failed and was never rolled back: the application ignores its errors."""
    failed = [
        one
        for one in case.idle_in_transaction
        if one.state is State.ABORTED and (case.seconds_in_state(one) or 0.0) >= ABORTED_SECONDS
    ]
    if failed:
        age = duration(case.seconds_in_state(failed[0]))
        found = Finding(
            "aborted-transactions",
            Severity.NOTICE,
            f"{case.at_least}{plural(len(failed), 'failed transaction')} not rolled back, oldest {age}{_most(failed)}",
            _details(case, failed),
            sessions=ids(failed),
            slots=len(failed),
        )
        yield Remedy(
            "Terminate them: nothing is lost",
            "Let the application roll back after an error",
            terminate("state:aborted age>59s", "end failed transactions"),
            proof="no session stays in a failed transaction for a minute",
        ).of(found)


def long_queries(case: Case) -> Iterator[Finding]:
    """Many queries that run for long."""
    queries = case.long_queries
    urgency = severity(case.thresholds.long_queries, len(queries), case.capacity.usable)
    if urgency is not None and queries:
        least = duration(case.thresholds.long_query_seconds)
        level = case.thresholds.long_queries.warning.level(case.capacity.usable)
        surplus = too_many(len(queries), level)
        age = duration(case.seconds_in_state(queries[0]))
        found = Finding(
            "long-queries",
            urgency,
            case.at_least
            + f"{plural(len(queries), 'query', 'queries')} over {least}, oldest {age} by {who(queries[0])}",
            _details(case, queries),
            sessions=ids(queries),
            slots=len(queries),
        )
        yield Remedy(
            "Cancel those that nobody waits for",
            "Set statement_timeout for the role",
            cancel(old_enough(case, queries, "running", least=surplus) or "running", "cancel the longest queries"),
            role_setting(case, largest_group(queries)[0].user, "statement_timeout", "5min"),
            f"fewer than {level:g} queries run over {least}",
        ).of(found)
