"""Who would be signalled, who is left out and why, and what it would bring. Nothing here signals anybody."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pgheadroom.model.action import Verb
from pgheadroom.model.lock_modes import conflicting
from pgheadroom.model.locks import LockNode
from pgheadroom.model.plan import Plan, Scope
from pgheadroom.model.session import RUNNING, Session, SessionId, State, Wait, oldest_seconds
from pgheadroom.model.snapshot import LockRequest, Snapshot
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.facts.dropped import role_was_dropped

START_HIDDEN = "its start is not visible: GRANT pg_monitor"
SUPERUSER_UNKNOWN = "whether its role is a superuser is not known"
NOT_TRACKED = "what it does is not tracked"
NOT_KNOWN = frozenset({START_HIDDEN, SUPERUSER_UNKNOWN, NOT_TRACKED})
"""Reasons that are no rule: what was asked for did not happen, because it cannot be told."""


ORDINARY_SESSIONS = Scope()
"""Nobody is protected by name, superusers and poolers' connections are left alone."""


def plan(case: Case, verb: Verb, chosen: Sequence[Session], scope: Scope = ORDINARY_SESSIONS) -> Plan:
    """Sort the chosen sessions into those to signal and those to leave alone.

    Our own session is always left alone; other monitors' are sessions like any other.

    Args:
        case: Of the newest sample: who is not in it any more is left out.
    """
    snapshot, pooled = case.snapshot, case.pooled
    protection = _Protection(snapshot, verb, scope, pooled, frozenset(session.id for session in snapshot.sessions))
    judged = [(session, protection.reason(session)) for session in dict.fromkeys(chosen)]
    targets = tuple(session for session, reason in judged if not reason)
    left_out = tuple((session, reason) for session, reason in judged if reason)
    opened = [session for session in targets if session.xact_start is not None and _rolls_back(verb, session)]
    pids = frozenset(session.pid for session in targets)
    waiters = {node.pid: node for node in case.locks if node.waits and node.blocked_by}
    return Plan(
        verb=verb,
        targets=targets,
        left_out=left_out,
        slots_freed=len(targets) if verb is Verb.TERMINATE else 0,
        waiters_released=_released(waiters, pids),
        waiters_at_once=_at_once(snapshot, waiters, pids),
        transactions_rolled_back=len(opened),
        transactions_writing=sum(session.backend_xid is not None for session in opened),
        oldest_transaction_seconds=oldest_seconds([session.xact_start for session in opened], snapshot.taken_at),
        poolers=tuple(session for session in targets if session.pid in pooled),
        superusers=tuple(session for session in targets if _is_superusers(snapshot, session)),
        may_be_superusers=scope.include_superusers and any(_may_be_superusers(snapshot, one) for one in targets),
        scope=scope,
    )


def _rolls_back(verb: Verb, session: Session) -> bool:
    """Not who is committed and waits for a standby; and a cancel does nothing to who waits for its client."""
    return session.waits_for is not Wait.STANDBY and (verb is Verb.TERMINATE or session.waits_for is not Wait.CLIENT)


def _is_superusers(snapshot: Snapshot, session: Session) -> bool:
    role = snapshot.roles.get(session.user or "")
    return role is not None and role.superuser


def _may_be_superusers(snapshot: Snapshot, session: Session) -> bool:
    user = session.user or ""
    return _is_superusers(snapshot, session) or not (user in snapshot.roles or role_was_dropped(snapshot, user))


@dataclass(frozen=True, slots=True)
class _Protection:
    snapshot: Snapshot
    verb: Verb
    scope: Scope
    pooled: frozenset[int]
    present: frozenset[SessionId]

    def reason(self, session: Session) -> str:
        """Why a session is left alone; empty when it is not. What protects ourselves and the server comes first."""
        if session.pid == self.snapshot.door.pid:
            return "it is our own session"
        return (
            self._identity(session)
            or self._role(session.user or "")
            or self._pooler(session)
            or self._activity(session)
        )

    def _identity(self, session: Session) -> str:
        if session.backend_start is None:
            return START_HIDDEN
        if not session.is_client:
            return "it is no client session"
        return "" if session.id in self.present else "it has ended"

    def _role(self, name: str) -> str:
        if not name:
            return "it still authenticates"
        if name in self.scope.protected_roles:
            return "its role is protected by the configuration"
        if self.scope.include_superusers:
            return ""
        role = self.snapshot.roles.get(name)
        if role is None:
            return "" if role_was_dropped(self.snapshot, name) else SUPERUSER_UNKNOWN
        return "it is a superuser's" if role.superuser else ""

    def _pooler(self, session: Session) -> str:
        spared = session.pid in self.pooled and not self.scope.include_poolers
        return "it is a pooler's server connection" if spared else ""

    def _activity(self, session: Session) -> str:
        if self.verb is Verb.TERMINATE or session.state in RUNNING:
            return ""
        if session.state is State.DISABLED:
            return NOT_TRACKED
        return "it runs no query to cancel"


def _released(waiters: Mapping[int, LockNode], targets: frozenset[int]) -> int:
    """Waiters that are no targets and have nobody else before them, each freed one freeing those behind it.

    A cancel counts like a terminate: the error ends the transaction, and with it its locks.
    """
    left = {pid: len(node.blocked_by) for pid, node in waiters.items()}
    behind: dict[int, list[int]] = {}
    for pid, node in waiters.items():
        for blocker in node.blocked_by:
            behind.setdefault(blocker, []).append(pid)
    released = 0
    going = list(targets)
    while going:
        for pid in behind.pop(going.pop(), ()):
            left[pid] -= 1
            if left[pid] == 0 and pid not in targets:
                going.append(pid)
                released += waiters[pid].kind != "process"
    return released


def _at_once(snapshot: Snapshot, waiters: Mapping[int, LockNode], targets: frozenset[int]) -> int:
    """Of those the ones that nobody is before any more when the targets have ended: the others wait for these."""
    requests = {request.pid: request for request in snapshot.lock_requests}
    free = [node for node in waiters.values() if node.pid not in targets and targets.issuperset(node.blocked_by)]
    return sum(node.kind != "process" and not _queues_on(node, waiters, targets, requests) for node in free)


def _queues_on(
    node: LockNode, waiters: Mapping[int, LockNode], targets: frozenset[int], requests: Mapping[int, LockRequest]
) -> bool:
    """Whether somebody stands before it behind whom a target stands now: of a queue it names the nearest only."""
    wanted = requests.get(node.pid)
    todo, seen = list(node.blocked_by), set(node.blocked_by)
    while wanted is not None and todo:
        before, request = waiters.get(todo[-1]), requests.get(todo.pop())
        if before is None or request is None or request.target != wanted.target:
            continue
        for pid in before.blocked_by:
            theirs = requests.get(pid)
            if pid in targets:
                todo += [pid] if pid not in seen else []
                seen.add(pid)
            elif theirs is None or theirs.target != wanted.target:
                # It holds the lock, and excludes whoever wants it in the same mode.
                if request.mode == wanted.mode:
                    return True
            elif theirs.mode in conflicting(wanted.mode):
                return True
    return False


def find(snapshot: Snapshot, ids: Iterable[SessionId]) -> tuple[Session, ...]:
    """The sessions with these ids that are still there, in the snapshot's order."""
    wanted = frozenset(ids)
    return tuple(session for session in snapshot.sessions if session.id in wanted)
