"""Findings about slots: the server, its limits, its reserve, and what we cannot see of them."""

from collections import Counter
from collections.abc import Iterable, Iterator

from pgheadroom.model.capacity import Limit
from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.grouping import Hog, StateCount
from pgheadroom.model.session import IN_TRANSACTION_BUT_IDLE, Session, State
from pgheadroom.model.snapshot import SlotKind
from pgheadroom.rules.case import Case
from pgheadroom.rules.identifiers import quoted
from pgheadroom.rules.wording import clipped, crowd, ids, severity, who
from pgheadroom.view.durations import duration
from pgheadroom.view.words import SHORT_STATES, plural

_HOGS_SHOWN = 3
_AUTHENTICATING_PERCENT = 10
_AUTHENTICATING_LEAST = 5


def server_slots(case: Case) -> Iterator[Finding]:
    """The server is full for ordinary roles, or will be soon."""
    slots = case.capacity
    urgency = severity(case.thresholds.usage, slots.used, slots.usable)
    if urgency is None:
        return
    full = slots.free == 0
    about = "" if slots.exact else "about "
    parts = [f"{about}{slots.used} of {slots.usable} usable slots taken", *_what_most_do(case)]
    most = _longest_first(case, crowd(case.snapshot.sessions))
    parts[-1] += f"; most by {who(most[0])} ({len(most)})" if most else ""
    yield Finding(
        "server-full" if full else "server-filling",
        urgency,
        ("Full: " if full else "") + ", ".join(parts),
        (_free_words(case), _state_words(case.states), *(_hog_words(hog) for hog in case.hogs[:_HOGS_SHOWN])),
        _remedy(case),
        ids(most),
    )


def _longest_first(case: Case, sessions: Iterable[Session]) -> list[Session]:
    return sorted(sessions, key=lambda one: case.seconds_in_state(one) or 0.0, reverse=True)


def _mostly_waiting(case: Case) -> bool:
    return 2 * len(case.waiting_for_locks) >= case.capacity.used > 0


def _common_state(case: Case) -> StateCount:
    return max(case.states, key=lambda one: one.count)


def _what_most_do(case: Case) -> Iterator[str]:
    state = _common_state(case)
    if _mostly_waiting(case):
        yield f"{len(case.waiting_for_locks)} wait for a lock"
    elif state.count:
        yield f"{state.count} {SHORT_STATES[state.state]}"


def _free_words(case: Case) -> str:
    slots = case.capacity
    reserved = f", {slots.free_reserved} for pg_use_reserved_connections" if slots.reserved else ""
    return f"free: {slots.free} for ordinary roles{reserved}, {slots.free_superuser} for superusers"


def _state_words(states: tuple[StateCount, ...]) -> str:
    counted = sorted((one for one in states if one.count), key=lambda one: -one.count)
    return ", ".join(
        f"{one.count} {SHORT_STATES[one.state]} (oldest {duration(one.oldest_seconds)})" for one in counted
    )


def _hog_words(hog: Hog) -> str:
    place = f" from {clipped(hog.client or '?')} in {clipped(hog.database or '?')}"
    limit = f", limit {hog.limit}" if hog.limit is not None else ""
    return f"{hog.total} by {who(hog)}{place}: {hog.idle} idle, {hog.idle_in_transaction} in tx{limit}"


def _remedy(case: Case) -> str:
    """The article's decision flow: what most sessions do decides what helps."""
    state = _common_state(case).state
    if _mostly_waiting(case):
        return "End what holds the lock: the others then finish by themselves and leave."
    if state is State.IDLE:
        return "Terminate the longest idle; then pool (PgBouncer), or set idle_session_timeout (14+)."
    if state in IN_TRANSACTION_BUT_IDLE:
        return "Terminate the oldest idle in transaction; then set idle_in_transaction_session_timeout."
    if state is State.ACTIVE:
        return "Cancel what need not run; then pool (PgBouncer) before raising max_connections."
    return "Find out who connects, and limit the role (ALTER ROLE ... CONNECTION LIMIT)."


def limits(case: Case) -> Iterator[Finding]:
    """A role or a database is at its own limit: its next connection is refused whatever the server has left."""
    for limit in case.capacity.limits:
        urgency = None if limit.closed else severity(case.thresholds.limit, limit.used, limit.ceiling)
        if urgency is not None and not _only_us(case, limit):
            yield _limit(case, limit, urgency)


def _only_us(case: Case, limit: Limit) -> bool:
    """A role made for this program, with the limit that it advises: nobody else is refused."""
    return limit.kind == "role" and limit.name == case.snapshot.door.user and limit.used <= 1


def _limit(case: Case, limit: Limit, urgency: Severity) -> Finding:
    room = case.capacity.free
    verb = "is at its limit" if limit.free == 0 else "nears its limit"
    server = f", though the server has {room} free" if room else ""
    about = "" if case.capacity.exact else "about "
    members = [
        one for one in case.snapshot.sessions if limit.name == (one.user if limit.kind == "role" else one.database)
    ]
    sql = f"ALTER {limit.kind.upper()} {clipped(quoted(limit.name), 64)} CONNECTION LIMIT n"
    return Finding(
        f"{limit.kind}-limit:{limit.name}",
        urgency,
        f"{limit.kind.capitalize()} {clipped(limit.name)} {verb}: {about}{limit.used} of {limit.ceiling}{server}",
        (f"{sum(one.state is State.IDLE for one in members)} of its {plural(len(members), 'session')} idle",),
        f"Terminate its idle sessions, or raise the limit: {sql};",
        ids(_longest_first(case, members)),
    )


def reserve(case: Case) -> Iterator[Finding]:
    """Superusers, or members of pg_use_reserved_connections, sit in the slots that are kept for an emergency."""
    slots = case.capacity
    if slots.in_reserve <= _ours(case) or not slots.exact:
        return
    supers = [one for one in case.snapshot.sessions if one.user and _privileged(case, one.user)]
    evidence = tuple(f"{count} by {name}" for name, count in Counter(map(who, supers)).most_common(_HOGS_SHOWN))
    left = slots.free_superuser
    yield Finding(
        "reserve-in-use",
        Severity.WARNING if left else Severity.CRITICAL,
        f"{min(slots.in_reserve, slots.reserve)} of {plural(slots.reserve, 'reserved slot')} taken: "
        + (f"{left} left to get in" if left else "nobody gets in, not even a superuser"),
        evidence,
        "Keep a session of yours open; let applications log in as ordinary roles, not as superusers.",
        ids(supers),
    )


def _ours(case: Case) -> int:
    """What we took ourselves to look: the reserve is for that. Not when it was the last slot."""
    return int(case.snapshot.door.slot is not SlotKind.ORDINARY and case.capacity.free_superuser > 0)


def _privileged(case: Case, name: str) -> bool:
    role = case.snapshot.roles.get(name)
    return role is not None and (role.superuser or role.reserved)


def authenticating(case: Case) -> Iterator[Finding]:
    """Connections that hold a slot before they may do anything: a login storm, or a slow authentication."""
    slots = case.capacity
    least = max(_AUTHENTICATING_LEAST, slots.usable * _AUTHENTICATING_PERCENT / 100)
    if slots.authenticating >= least:
        yield Finding(
            "authenticating",
            Severity.WARNING,
            f"{slots.authenticating} connections hold a slot and still authenticate",
            ("they leave after authentication_timeout (60s unless set otherwise)",),
            "Look for clients that reconnect in a loop, or for a slow LDAP, RADIUS or DNS; then pool.",
            ids(one for one in case.snapshot.sessions if one.state is State.STARTING),
        )


def visibility(case: Case) -> Iterator[Finding]:
    """Our role may not see other roles' sessions: whatever is counted is a part of it."""
    door = case.snapshot.door
    if case.snapshot.exact and door.sees_all:
        return
    hidden = sum(one.state is State.HIDDEN for one in case.snapshot.sessions)
    yield Finding(
        "not-visible",
        Severity.NOTICE,
        f"Role {clipped(door.user)} cannot see other roles' sessions: counts are estimates",
        (f"{plural(hidden, 'session')} without state, age or client",),
        f"As a superuser: GRANT pg_monitor TO {clipped(quoted(door.user), 64)};",
    )
