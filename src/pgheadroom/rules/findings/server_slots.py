"""The finding that the slots run out, with what helps by what most sessions do; and who takes most of them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from operator import attrgetter

from pgheadroom.model import versions
from pgheadroom.model.application import family
from pgheadroom.model.finding import Finding, Proposal, Severity
from pgheadroom.model.grouping import Hog, StateCount
from pgheadroom.model.locks import LockNode
from pgheadroom.model.session import IN_TRANSACTION_BUT_IDLE, Session, State
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.filters.language import condition
from pgheadroom.rules.findings.leaks import unused_words
from pgheadroom.rules.findings.remedies import (
    Remedy,
    all_of,
    below_warning,
    cancel_longest,
    ending,
    hog_filter,
    limited,
    look,
    old_enough,
    terminate,
)
from pgheadroom.rules.findings.statements import NO_STATEMENT, role_setting
from pgheadroom.words.durations import duration
from pgheadroom.words.states import count_word
from pgheadroom.words.text import safe
from pgheadroom.words.wording import clipped, ids, largest_group, severity, who, whose

_HOGS_SHOWN = 3
_OR_TIMEOUT = ", or set idle_session_timeout"
_SPARED_SECONDS = 10.0
"""Idle for less in a busy server, a session is likely to be used again."""


def server_slots(case: Case) -> Iterator[Finding]:
    """The server is full for ordinary roles, or will be soon."""
    slots = case.capacity
    urgency = severity(case.thresholds.usage, slots.used, slots.usable)
    if urgency is None:
        return
    about = "" if slots.exact else "about "
    beside = f" and {slots.in_reserve} of the reserve" if slots.in_reserve else ""
    parts = [
        f"{about}{slots.used - slots.in_reserve} of {slots.usable} usable slots{beside} taken",
        *_what_most_do(case),
    ]
    most = case.longest_first(_who_has_most(case))
    parts[-1] += f"; most by {whose(most[0])} ({len(most)})" if most else ""
    found = Finding(
        "server-slots",
        urgency,
        ("Full: " if slots.free == 0 else "") + ", ".join(parts),
        (
            _free_words(case),
            _state_words(case.states),
            *_unused_words(case),
            *_unread_words(case),
            *(_hog_words(hog) for hog in case.hogs[:_HOGS_SHOWN]),
        ),
        sessions=ids(most),
        slots=slots.used,
        refuses=slots.free == 0,
    )
    yield remedy(case).of(found)


def _who_has_most(case: Case) -> Sequence[Session]:
    """Of those that do what most do, as the remedy is about them; a pool's own idle connections it leaves alone."""
    common = _common_state(case)
    if common.state is State.IDLE and case.idle_crowd:
        return case.idle_crowd
    if common.state in IN_TRANSACTION_BUT_IDLE:
        return largest_group(case.idle_in_transaction)
    return largest_group(case.snapshot.sessions)


def _mostly_waiting(case: Case) -> bool:
    return 2 * len(case.waiting_for_locks) >= case.capacity.used > 0


def _common_state(case: Case) -> StateCount:
    return max(case.states, key=lambda one: one.count)


def _what_most_do(case: Case) -> Iterator[str]:
    state = _common_state(case)
    if _mostly_waiting(case):
        yield f"{len(case.waiting_for_locks)} wait for a lock"
    elif state.count:
        yield f"{state.count} {count_word(state)}"


def _free_words(case: Case) -> str:
    slots = case.capacity
    reserved = f", {slots.free_reserved} for pg_use_reserved_connections" if slots.reserved else ""
    return f"free: {slots.free} for ordinary roles{reserved}, {slots.free_superuser} for superusers"


def _state_words(states: tuple[StateCount, ...]) -> str:
    counted = sorted((one for one in states if one.count), key=lambda one: -one.count)
    return ", ".join(f"{one.count} {count_word(one)} (oldest {duration(one.oldest_seconds)})" for one in counted)


def _unused_words(case: Case) -> Iterator[str]:
    idle = case.idle_crowd
    if idle and _common_state(case).state is State.IDLE:
        yield f"{whose(idle[0])}: {unused_words(case, idle)}"


def _unread_words(case: Case) -> Iterator[str]:
    """That nobody sees who is refused, while somebody probably is."""
    if case.capacity.free == 0 and case.refused is None and case.snapshot.refusals_unread:
        yield f"who is refused is not known: {safe(case.snapshot.refusals_unread)}"


def _hog_words(hog: Hog) -> str:
    place = f" from {clipped(hog.client or '?')} in {clipped(hog.database or '?')}"
    limit = f", limit {hog.limit}" if hog.limit is not None else ""
    return f"{hog.total} by {who(hog)}{place}: {hog.idle} idle, {hog.idle_in_transaction} in tx{limit}"


# --- what helps: what gives slots back, of that what most sessions do -------------------------------------------------


def remedy(case: Case) -> Remedy:
    """A full server needs slots: what is idle is ended before anybody's query, and a query is ended, not cancelled."""
    common = _common_state(case)
    if _mostly_waiting(case):
        return _remedy_of_waiting(case)
    if common.state is State.IDLE:
        return _remedy_of_idle(case)
    if common.state in IN_TRANSACTION_BUT_IDLE:
        return _remedy_of_open_transactions(case)
    if common.state is State.ACTIVE:
        return _remedy_of_active(case, common)
    most = largest_group(case.direct)
    return Remedy(
        "Find out who connects",
        "Limit the role (ALTER ROLE ... CONNECTION LIMIT)",
        look(hog_filter(most), f"see {whose(most[0])}") if most else None,
        proof=_proof(case),
    )


def _remedy_of_active(case: Case, common: StateCount) -> Remedy:
    """Most run, or wait. The idle are few, and still what costs nobody anything; without any it is somebody's work."""
    if (cure := _remedy_of_the_few(case)) is not None:
        return cure
    pooled = "Pool (PgBouncer) before raising max_connections: queries then queue outside the server"
    if case.locks and (common.waits or not case.running):
        return _remedy_of_waiting(case)
    if case.capacity.free:
        return Remedy("Cancel what need not run", pooled, cancel_longest(case, case.running), proof=_proof(case))
    old = old_enough(case, case.running, "running")
    return Remedy(
        "End what need not run: a cancel stops a query and gives no slot back",
        pooled,
        terminate(old, "end the longest queries") if old else look("running", "see what runs"),
        proof=_proof(case),
    )


def _remedy_of_the_few(case: Case) -> Remedy | None:
    """The larger of those that idle, in a transaction or not, for long enough that they can be spared."""
    if case.capacity.free:
        return None
    endable = [one for one in case.direct if _can_be_spared(case, one)]
    spare = case.longest_first(largest_group(one for one in endable if one.state is State.IDLE))
    stuck = [one for one in endable if one.state in IN_TRANSACTION_BUT_IDLE]
    if not spare and not stuck:
        return None
    if len(spare) >= len(stuck):
        return _ending_idle(case, spare, old_enough(case, spare))
    return _remedy_of_open_transactions(case)


def _can_be_spared(case: Case, one: Session) -> bool:
    return (case.seconds_in_state(one) or 0.0) >= _SPARED_SECONDS and not case.of_superuser(one)


def _proof(case: Case) -> str:
    return f"used slots fall {below_warning(case)} and stay there"


def _remedy_of_waiting(case: Case) -> Remedy:
    root = next((node for node in case.locks if node.is_root), None)
    return Remedy(
        "End what holds the lock: the others finish by themselves and leave",
        "Set lock_timeout where tables are altered, and idle_in_transaction_session_timeout",
        _end_root(root) if root is not None else None,
        proof="nobody waits for a lock, and " + _proof(case),
    )


def _end_root(root: LockNode) -> Proposal | None:
    if root.kind != "session" or root.session is None:
        return None
    return terminate(condition("pid", str(root.pid)), f"end pid {root.pid}")


def _remedy_of_idle(case: Case) -> Remedy:
    idle = case.idle_crowd
    if not idle:
        return Remedy(
            "Most are idle server connections of a pool, which it keeps for later",
            "Lower its pool_size or server_idle_timeout",
            look("state:idle", "see the idle"),
            proof=_proof(case),
        )
    old = old_enough(case, idle)
    return _ending_idle(case, idle, old) if old else _remedy_of_used(case, idle)


def _ending_idle(case: Case, idle: Sequence[Session], old: str) -> Remedy:
    user = idle[0].user
    timed = case.snapshot.server.version_num >= versions.IDLE_SESSION_TIMEOUT_SINCE
    setting = role_setting(case, user, "idle_session_timeout", "10min") if timed else NO_STATEMENT
    # Of a role that nothing can be set for, why not is told behind it.
    timer = ", or terminate idle ones by a timer" if not timed else "" if setting.instead else _OR_TIMEOUT
    return Remedy(
        f"Terminate the longest idle of {whose(idle[0])}",
        f"Pool (PgBouncer){timer}",
        ending(case, idle, all_of(hog_filter(idle), "state:idle", old), f"end idle sessions of {whose(idle[0])}"),
        setting,
        _proof(case),
    )


def _remedy_of_used(case: Case, idle: Sequence[Session]) -> Remedy:
    """Idle for less than a second: they are used all the time, or come and go."""
    name = whose(idle[0])
    return Remedy(
        f"Limit {name}: its sessions are idle for moments only, and who is ended comes back",
        "Pool it (PgBouncer)",
        look(hog_filter(idle), f"see {name}"),
        limited(case, idle),
        _proof(case),
    )


def _remedy_of_open_transactions(case: Case) -> Remedy:
    return Remedy(
        "Terminate the oldest idle in transaction",
        "Set idle_in_transaction_session_timeout",
        terminate(
            all_of("state:idletx,aborted", old_enough(case, case.idle_in_transaction)), "end the oldest transactions"
        ),
        role_setting(
            case,
            next((one.user for one in largest_group(case.idle_in_transaction)), None),
            "idle_in_transaction_session_timeout",
            "1min",
        ),
        _proof(case),
    )


def taking_most(case: Case) -> Iterator[Finding]:
    """While the server fills: one application, or one client address, that has half of what is taken."""
    if severity(case.thresholds.usage, case.capacity.used, case.capacity.usable) is None:
        return
    application = largest_group(case.direct)
    place = _most_from_one_place(case)
    members = place if 10 * len(place) >= 9 * len(application) else application
    if not members or 2 * len(members) < case.capacity.used:
        return
    first = members[0]
    from_place = members is place and first.client is not None
    name = clipped(first.client or "?") if from_place else whose(first)
    others = Counter(whose(one) if from_place else clipped(one.client or "?") for one in members)
    found = Finding(
        f"taking-most:{first.client if from_place else f'{first.user}/{family(first.application)}'}",
        Severity.NOTICE,
        f"{name} alone takes {len(members)} of {case.capacity.usable} slots",
        tuple(f"{count} {'by' if from_place else 'from'} {other}" for other, count in others.most_common(_HOGS_SHOWN)),
        sessions=ids(case.longest_first(members)),
        slots=len(members),
    )
    yield Remedy(
        "See whether it needs them all",
        "Limit its role, so that the others keep some",
        look(condition("client", first.client) if from_place else hog_filter(members), f"see {name}"),
        limited(case, members),
        f"{name} takes less than half of the used slots",
    ).of(found)


_place_of = attrgetter("client")


def _most_from_one_place(case: Case) -> list[Session]:
    """Nobody where all come from one place, as from a jump host, a pooler or this machine: that tells nothing."""
    counts = Counter(map(_place_of, case.direct))  # counted first: there can be thousands each second
    del counts[None]
    most = counts.most_common(1)
    if not most or (most[0][1] == len(case.direct) and most[0][1] > 0):
        return []
    return [one for one in case.direct if one.client == most[0][0]]
