"""The finding that a table is locked by somebody who does nothing: the queue behind it forms with the next query."""

from collections.abc import Iterator

from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.session import Session
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.filters.language import condition
from pgheadroom.rules.findings.remedies import Remedy, terminate
from pgheadroom.rules.findings.statements import role_setting
from pgheadroom.words.durations import duration
from pgheadroom.words.wording import clipped, who

IDLE_FOR = 5.0
"""Seconds without a statement; who works has a reason to hold what it holds."""
_SHOWN = 5


def held_idle(case: Case) -> Iterator[Finding]:
    """One for each such session that nobody waits for yet: then its pile-up tells of it."""
    if not case.snapshot.held_locks:
        return
    sessions = {one.pid: one for one in case.snapshot.sessions}
    waited_for = {node.pid for node in case.locks if node.waiting_behind}
    for pid in dict.fromkeys(held.pid for held in case.snapshot.held_locks):
        holder = sessions.get(pid)
        if holder is None or pid in waited_for or (case.seconds_in_state(holder) or 0.0) < IDLE_FOR:
            continue
        yield _finding(case, holder)


def _finding(case: Case, holder: Session) -> Finding:
    held = [one for one in case.snapshot.held_locks if one.pid == holder.pid]
    first, more = held[0], f" and {len(held) - 1} more" if len(held) > 1 else ""
    age = duration(case.seconds_in_state(holder))
    found = Finding(
        f"lock-held-idle:{holder.pid}",
        Severity.WARNING,
        f"pid {holder.pid} {who(holder)}, idle in tx {age}, locks {clipped(first.target, 40)}{more}: "
        "who comes next will wait",
        (
            *(f"{one.mode.removesuffix('Lock')} on {clipped(one.target, 60)}" for one in held[:_SHOWN]),
            "nobody waits yet; each one that does keeps its slot",
            f"last ran: {clipped(holder.query, 60)}",
        ),
        sessions=(holder.id,),
        slots=1,
    )
    return Remedy(
        f"Ask who it is to commit, or terminate pid {holder.pid} (its work rolls back)",
        "Set idle_in_transaction_session_timeout for who alters tables",
        terminate(condition("pid", str(holder.pid)), f"end pid {holder.pid}"),
        role_setting(case, holder.user, "idle_in_transaction_session_timeout", "1min"),
        "it has committed, or is gone",
    ).of(found)
