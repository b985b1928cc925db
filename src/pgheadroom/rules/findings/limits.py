"""Findings about what besides the server's slots lets nobody in: limits, the reserve, logins; and what is not seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from math import ceil
from typing import TYPE_CHECKING

from pgheadroom.model.capacity import Limit
from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.session import Session, State
from pgheadroom.model.snapshot import SlotKind
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.facts.locks import is_login
from pgheadroom.rules.facts.share import level_of_warning, raised_limit
from pgheadroom.rules.filters.language import condition
from pgheadroom.rules.findings.remedies import Remedy, all_of, any_of, look, old_enough, terminate
from pgheadroom.rules.findings.statements import Statement, grant, limit_of, no_role_limit, on_primary
from pgheadroom.rules.findings.whose import administrator
from pgheadroom.words.counts import plural
from pgheadroom.words.states import state_word
from pgheadroom.words.wording import clipped, ids, severity, who

if TYPE_CHECKING:
    from pgheadroom.model.hold import Hold

_HOGS_SHOWN = 3
_AUTHENTICATING_PERCENT = 10
_AUTHENTICATING_LEAST = 5
_CALM_SECONDS = 300.0
"""So long below the warning, a role that is held back may be let go."""
_UNUSED_SECONDS = 60.0
"""Idle for less, a session that is ended is likely to be missed, and to come back."""


def limits(case: Case) -> Iterator[Finding]:
    """A role or a database is at its own limit: its next connection is refused whatever the server has left."""
    told = set[tuple[str, str]]()
    for limit in case.limits_in_use:
        urgency = severity(case.thresholds.limit, limit.used, limit.ceiling)
        if urgency is None:
            continue
        if case.hold_of(limit.kind, limit.name) is not None or (limit.kind == "role" and case.held_back(limit.name)):
            told.add((limit.kind, limit.name))
            yield _held_back(case, limit)
        elif not case.only_us(limit):
            yield _limit(case, limit, urgency)
    yield from (_calm(case, one) for one in case.holds if (one.kind, one.name) not in told and _is_calm(case, one))


def _limit(case: Case, limit: Limit, urgency: Severity) -> Finding:
    room = case.capacity.free
    verb = "is at its limit" if limit.free == 0 else "nears its limit"
    server = f", though the server has {room} free" if room else ""
    about = "" if case.capacity.exact else "about "
    members = _members(case, limit)
    counts = Counter(map(state_word, members))
    found = Finding(
        f"{limit.kind}-limit:{limit.name}",
        urgency,
        f"{limit.kind.capitalize()} {clipped(limit.name)} {verb}: {about}{limit.used} of {limit.ceiling}{server}",
        (
            f"its {plural(len(members), 'session')}: "
            + (", ".join(f"{count} {state}" for state, count in counts.most_common()) or "none visible"),
            *(f"{count} by {name}" for name, count in Counter(map(who, members)).most_common(_HOGS_SHOWN)),
        ),
        sessions=ids(case.longest_first(members)),
        refuses=limit.free == 0,
    )
    return _limit_remedy(case, limit, members).of(found)


def _members(case: Case, limit: Limit) -> list[Session]:
    sessions = case.snapshot.sessions
    return [one for one in sessions if limit.name == (one.user if limit.kind == "role" else one.database)]


def _held_back(case: Case, limit: Limit) -> Finding:
    """The limit does what it was set for, at the cost of those whom it refuses."""
    members, name = _members(case, limit), clipped(limit.name)
    hold = case.hold_of(limit.kind, limit.name)
    how = f"since {case.held_for(hold)}" if hold is not None else "by a limit that was set while we look"
    found = Finding(
        f"{limit.kind}-limit:{limit.name}",
        Severity.NOTICE,
        f"{limit.kind.capitalize()} {name} is held to {limit.ceiling} {how}; "
        f"the others have {plural(case.capacity.free, 'slot')} left",
        (f"it has {plural(len(members), 'session')}; more of it are refused",),
        sessions=ids(case.longest_first(members)),
    )
    return Remedy(
        "Leave it until its application is mended or pooled",
        "Take the limit away again, or keep it at what the application needs" + ("; L lets it go" if hold else ""),
        look(condition("user" if limit.kind == "role" else "db", limit.name), f"see the sessions of {name}"),
        _undone(case, limit, hold),
        f"{limit.kind} {name} stays below its limit by itself",
    ).of(found)


def _is_calm(case: Case, hold: Hold) -> bool:
    """Whether a hold keeps somebody out, and the server has been below its warning for a time with it."""
    held_for = (case.snapshot.taken_at - hold.since).total_seconds()
    if not hold.tightens or held_for < _CALM_SECONDS or case.past is None or case.past.reach < _CALM_SECONDS:
        return False
    _, used = case.past.series("used", _CALM_SECONDS)
    return max(used, default=0) < level_of_warning(case)


def _calm(case: Case, hold: Hold) -> Finding:
    from pgheadroom.rules.acting.hold import members, statement_of  # of use where something is held only

    name, theirs = clipped(hold.name), members(case.snapshot.sessions, hold.kind, hold.name)
    how = "by NOLOGIN" if hold.after.login is False else f"to {hold.after.limit}"
    found = Finding(
        f"{hold.kind}-limit:{hold.name}",
        Severity.NOTICE,
        f"{hold.kind.capitalize()} {name} is held {how} since {case.held_for(hold)}, and the server is calm",
        (f"it has {plural(len(theirs), 'session')}", f"{plural(case.capacity.free, 'slot')} are free"),
        sessions=ids(case.longest_first(theirs)),
    )
    return Remedy(
        "L lets it go, once its application is mended or pooled",
        proposal=look(condition("user" if hold.kind == "role" else "db", hold.name), f"see the sessions of {name}"),
        statement=on_primary(case, statement_of(hold.kind, hold.name, hold.before)),
        proof="the server stays below the warning without it",
    ).of(found)


def _undone(case: Case, limit: Limit, hold: Hold | None) -> Statement:
    """What gives it back what it had before; without a record, no limit."""
    if hold is not None and hold.before.limit is not None and hold.before.limit >= 0:
        return limit_of(case, limit.kind, limit.name, hold.before.limit)
    return no_role_limit(case, limit.name) if limit.kind == "role" else limit_of(case, limit.kind, limit.name, -1)


def remedy_of(case: Case, limit: Limit) -> Remedy:
    """What lets in whom this limit refuses."""
    return _limit_remedy(case, limit, _members(case, limit))


def _limit_remedy(case: Case, limit: Limit, members: Sequence[Session]) -> Remedy:
    """The limit is what refuses them: where the server has room it is raised, up to twice. Else somebody has to go."""
    column = "user" if limit.kind == "role" else "db"
    its, name = condition(column, limit.name), clipped(limit.name)
    proof = f"{limit.kind} {name} stays below its limit, and its clients are not refused any more"
    more = raised_limit(case, limit.ceiling)
    spare = _long_idle(case, members, _UNUSED_SECONDS if more > limit.ceiling else 0.0)
    ending = terminate(all_of(its, "state:idle", old_enough(case, spare)), f"end idle sessions of {name}")
    now = ending if spare else look(its, f"see the sessions of {name}")
    if more == limit.ceiling:
        return Remedy(
            f"Terminate its idle sessions{'' if spare else ' (it has none now)'}", "Pool its clients", now, proof=proof
        )
    raised = limit_of(case, limit.kind, limit.name, more)
    return Remedy(
        f"Raise the limit to {more}{_by_key(limit)}, the server has room"
        + ("; or terminate what is long idle" if spare else ""),
        "Set it to what its clients need, or pool them",
        now,
        raised,
        proof,
    )


def _by_key(limit: Limit) -> str:
    return " with H" if limit.kind == "role" else ""


def _long_idle(case: Case, members: Sequence[Session], seconds: float) -> list[Session]:
    direct = {one.pid for one in case.direct}
    idle = (one for one in members if one.state is State.IDLE and one.pid in direct)
    return [one for one in idle if (case.seconds_in_state(one) or 0.0) >= seconds]


def reserve(case: Case) -> Iterator[Finding]:
    """Superusers, or members of pg_use_reserved_connections, sit in the slots that are kept for an emergency."""
    slots = case.capacity
    if slots.in_reserve <= _ours(case) or not slots.exact:
        return
    names = sorted(user for user in {one.user for one in case.snapshot.sessions} if user and _privileged(case, user))
    supers = [one for one in case.snapshot.sessions if one.user in names] if names else []
    left = slots.free_superuser
    found = Finding(
        "reserve-in-use",
        Severity.WARNING if left else Severity.CRITICAL,
        f"{min(slots.in_reserve, slots.reserve)} of {plural(slots.reserve, 'reserved slot')} taken: "
        + (f"{left} left to get in" if left else "nobody gets in, not even a superuser"),
        tuple(f"{count} by {name}" for name, count in Counter(map(who, supers)).most_common(_HOGS_SHOWN)),
        sessions=ids(supers),
        refuses=not left,
    )
    yield Remedy(
        "Keep a session of yours open",
        "Let applications log in as ordinary roles, not as superusers",
        look(any_of("user", names), "see who") if names else None,
        proof=f"{slots.reserve} reserved slots are free again",
    ).of(found)


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
        found = Finding(
            "authenticating",
            Severity.WARNING,
            f"{slots.authenticating} connections hold a slot and still authenticate",
            ("they leave after authentication_timeout (60s unless set otherwise)",),
            sessions=ids(case.snapshot.by_state[State.STARTING]),
            slots=slots.authenticating,
        )
        cause, lasting = _why_logins_take_long(case)
        yield Remedy(
            cause,
            lasting,
            look("state:starting", "see who starts"),
            proof=f"fewer than {ceil(least)} connections authenticate at a time",
        ).of(found)


def _why_logins_take_long(case: Case) -> tuple[str, str]:
    logins = [node for node in case.locks if is_login(node)]
    if 2 * len(logins) >= case.capacity.authenticating:
        holder = f": end pid {logins[0].root_pid}, which holds it" if logins[0].root_pid != logins[0].pid else ""
        return (
            f"They wait for a lock on a catalogue{holder}",
            "Take no strong lock on pg_authid or pg_database",
        )
    return (
        "Look for clients that reconnect in a loop, or for a slow LDAP, RADIUS or DNS",
        "Pool, so that connections are kept",
    )


def visibility(case: Case) -> Iterator[Finding]:
    """Our role may not see other roles' sessions: whatever is counted is a part of it."""
    door = case.snapshot.door
    if case.snapshot.exact and door.sees_all:
        return
    hidden = len(case.snapshot.by_state[State.HIDDEN])
    seen = grant(case, "pg_monitor", door.user)
    yield Finding(
        "not-visible",
        Severity.NOTICE,
        f"Role {clipped(door.user)} cannot see other roles' sessions: counts are estimates",
        (f"{plural(hidden, 'session')} without state, age or client",),
        f"As {administrator(case)}: {seen.sql or 'GRANT pg_monitor TO <role>;'}",
        lasting=f"Let {administrator(case)} grant pg_monitor to this role",
        sql=seen.sql,
        caution=seen.caution,
        proof="every session shows its state",
    )
