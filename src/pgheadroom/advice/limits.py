"""Limits of roles and databases: so that no application takes the last slots.

What a limit does was measured on PostgreSQL 14 and 18, with 60 clients of one role that come back: after ending the
idle alone another role got in at 1 of 41 to 1 of 84 tries, with a limit below the crowd at each.
"""

from collections.abc import Iterator
from math import ceil
from typing import TypeGuard

from pgheadroom.advice import statements
from pgheadroom.advice.commands import command
from pgheadroom.advice.ground import Ground
from pgheadroom.advice.statements import Scope
from pgheadroom.model.advice import Advice, Effect
from pgheadroom.model.capacity import Limit
from pgheadroom.rules.facts.share import limit_that_spares_others, raised_limit
from pgheadroom.words.counts import plural
from pgheadroom.words.wording import clipped

KIND = "limits"
_MANUAL = "https://www.postgresql.org/docs/current/sql-alter"
_MUCH = 0.25
"""Of the usable slots: from there on a role without a limit can take the last ones."""
_SPARES = "leaves the others their share"
_EVICTS_NOBODY = "A limit refuses new sessions and ends none."


def limits(ground: Ground) -> Iterator[Advice]:
    """Of roles that have much and no limit, of databases where many roles share it, and limits that are too narrow."""
    found = [*_roles(ground)]
    yield from found
    yield from _databases(ground, {one.key for one in found})
    for one in ground.case.limits_in_use:
        yield from _narrow(ground, one)


def _roles(ground: Ground) -> Iterator[Advice]:
    usable, own = ground.fullest.capacity.usable, ground.snapshot.door.user
    for (kind, name), peak in sorted(ground.observed.peaks.items(), key=lambda one: -one[1]):
        role = ground.snapshot.roles.get(name)
        if kind != "role" or role is None or name == own or not takes_much(ground, peak):
            continue
        if role.superuser:
            yield _superuser(name, peak, usable)
        elif not bound(role.limit, usable) or (ground.short_of_slots and _value(ground, name, peak) < role.limit):
            yield _role(ground, name, peak, role.limit)


def takes_much(ground: Ground, peak: int) -> bool:
    """Whether so many sessions of one role need a limit."""
    return peak >= _MUCH * ground.fullest.capacity.usable


def bound(limit: int | None, usable: int) -> TypeGuard[int]:
    """Whether a limit is below the usable slots, so that it binds before they do."""
    return limit is not None and limit < usable


def _value(ground: Ground, name: str, peak: int) -> int:
    return min(_roomy(peak), limit_that_spares_others(ground.fullest, name))


def _roomy(peak: int) -> int:
    return peak + max(2, ceil(peak / 4))


def _role(ground: Ground, name: str, peak: int, before: int | None) -> Advice:
    slots = ground.fullest.capacity
    value, roomy = _value(ground, name, peak), _roomy(peak)
    done = statements.limit(ground, Scope(name), value)
    now = sum(one.user == name for one in ground.snapshot.sessions)
    return Advice(
        key=f"limit:{name}",
        kind=KIND,
        title=f"CONNECTION LIMIT {value} for role {clipped(name)}",
        seen=(
            f"Role {clipped(name)} had {peak} of {slots.usable} usable slots at its most {ground.within}; its limit "
            f"is {before if before is not None else 'none'}.",
            f"At the fullest moment {slots.used} of {slots.usable} were used.",
        ),
        **done._asdict(),
        why="With a limit of its own an application that leaks, or starts too many processes, is refused itself, and "
        f"all others still get in. The value {'is its peak and a quarter more' if value == roomy else _SPARES}.",
        source=f"{_MANUAL}role.html; measured with 60 clients that come back",
        risk=f"{_EVICTS_NOBODY} "
        + (f"It has {now} now: nobody new gets in until fewer than {value} are left. " if now >= value else "")
        + "Beyond it the application gets 53300, which its pool must take for a reason to wait.",
        beside=command("hold", "--user", name, "--limit", str(value), "--end") if now > value else (),
        needs=statements.who_may(ground, Scope(name)),
        role=name,
        saves=max(0, peak - value),
    )


def _superuser(name: str, peak: int, usable: int) -> Advice:
    return Advice(
        key=f"limit:{name}",
        kind=KIND,
        title=f"An ordinary role for what logs in as superuser {clipped(name)}",
        seen=(f"Superuser {clipped(name)} had {peak} of {usable} usable slots at its most.",),
        steps=("Let the application log in as a role of its own without SUPERUSER, and limit that one.",),
        why="No limit binds a superuser, and its sessions go on into the reserve that is kept for you.",
        source=f"{_MANUAL}role.html",
        effect=Effect.NEW_SESSIONS,
        risk="The new role needs the privileges that the application uses, and no more.",
        needs="",
    )


def _databases(ground: Ground, advised: set[str]) -> Iterator[Advice]:
    """Where many roles share one: their limits would have to be set one by one."""
    usable = ground.fullest.capacity.usable
    for (kind, name), peak in sorted(ground.observed.peaks.items(), key=lambda one: -one[1]):
        database = ground.snapshot.databases.get(name)
        if kind != "database" or database is None or peak < 2 * _MUCH * usable or bound(database.limit, usable):
            continue
        sessions = ground.fullest.snapshot.sessions
        roles = {one.user for one in sessions if one.database == name and one.user != ground.snapshot.door.user}
        others = len({one.database for one in sessions if one.database} - {name})
        if len(roles) < 3 or not others or any(f"limit:{role}" in advised for role in roles):
            continue
        value = min(_roomy(peak), usable - max(1, usable // 10))
        done = statements.limit(ground, Scope(None, name), value)
        yield Advice(
            key=f"limit:@{name}",
            kind=KIND,
            title=f"CONNECTION LIMIT {value} for database {clipped(name)}",
            seen=(f"{plural(len(roles), 'role')} had {peak} of {usable} usable slots in database {clipped(name)}.",),
            **done._asdict(),
            why="None of its roles has much alone, and together they can take the slots of the other databases.",
            source=f"{_MANUAL}database.html",
            risk=f"{_EVICTS_NOBODY} It binds all roles in it but superusers, also those that only read its statistics.",
            needs=statements.who_may(ground, Scope(None, name)),
            saves=max(0, peak - value),
        )


def _narrow(ground: Ground, limit: Limit) -> Iterator[Advice]:
    """A limit that is nearly reached, while the server has room."""
    raised = raised_limit(ground.case, limit.ceiling)
    near = ground.case.thresholds.limit.warning.reached(limit.used, limit.ceiling)
    if not near or raised <= limit.ceiling or ground.short_of_slots or ground.case.only_us(limit):
        return
    scope = Scope(limit.name) if limit.kind == "role" else Scope(None, limit.name)
    done = statements.limit(ground, scope, raised)
    yield Advice(
        key=f"raise:{limit.kind}:{limit.name}",
        kind=KIND,
        title=f"CONNECTION LIMIT {raised} for {limit.kind} {clipped(limit.name)}, or fewer sessions of it",
        seen=(
            f"{limit.kind.capitalize()} {clipped(limit.name)} has {limit.used} of the {limit.ceiling} that its limit "
            f"lets in, and the server has {ground.case.capacity.free} free.",
        ),
        **done._asdict(),
        why="At its limit it is refused, although there is room. Raise it where its sessions work; where most of them "
        "idle, its pool is too large.",
        source=f"{_MANUAL}{limit.kind}.html",
        effect=Effect.NOW,
        risk="What it may have more, the others may have less, once the server is full.",
        needs=statements.who_may(ground, scope),
        role=limit.name if limit.kind == "role" else "",
    )
