"""Slots: the reserve, who may use it, and what more of them would cost."""

from collections.abc import Iterator

from pgheadroom.advice import statements
from pgheadroom.advice.ground import Ground
from pgheadroom.advice.statements import Scope
from pgheadroom.model.advice import Advice, Effect
from pgheadroom.model.server_settings import Setting
from pgheadroom.model.session import State
from pgheadroom.model.snapshot import SlotKind
from pgheadroom.model.versions import RESERVED_SLOTS_SINCE
from pgheadroom.rules.acting.apply import RELOAD
from pgheadroom.rules.facts.capacity import WALSENDER
from pgheadroom.words.counts import plural
from pgheadroom.words.sql_names import quoted
from pgheadroom.words.wording import clipped

KIND = "slots"
_MANUAL = "https://www.postgresql.org/docs/current/runtime-config-connection.html#GUC-"
_KEPT = 3
"""Slots of each reserve: one for this program, one for psql, one for the next who comes to help. It is the server's own
default for superusers."""
_DOOR = "pgheadroom"
_SLOT_KB = (42, 50)
"""Shared memory of one more slot, measured on PostgreSQL 18 from 100 to 2,000 of them."""
_PRIVATE_MB = (2, 15)
"""Private memory of a backend, measured on PostgreSQL 18: fresh, and after a sort and hundreds of tables."""


def slots(ground: Ground) -> Iterator[Advice]:
    """The reserve first: without a way in, nothing else can be done."""
    yield from _superuser_reserve(ground)
    if ground.version >= RESERVED_SLOTS_SINCE:
        yield from _reserve(ground)
        yield from _not_inherited(ground)
    yield from _more_slots(ground)
    yield from _pending(ground)


def _superuser_reserve(ground: Ground) -> Iterator[Advice]:
    kept = ground.snapshot.settings.superuser_reserved
    if kept >= _KEPT:
        return
    name = "superuser_reserved_connections"
    done = statements.setting(ground, Scope(), name, str(_KEPT))
    yield Advice(
        key=name,
        kind=KIND,
        title=f"{name} = {_KEPT}",
        seen=(f"{plural(kept, 'slot')} {'is' if kept == 1 else 'are'} kept for superusers.",),
        **done._asdict(),
        why="When all others are taken, these are the only way in to see what goes on, and one is not enough: a "
        "monitor that is a superuser, or a failover tool, may hold it.",
        source=f"{_MANUAL}SUPERUSER-RESERVED-CONNECTIONS",
        effect=Effect.RESTART,
        risk="Ordinary roles have so many slots less.",
        needs=statements.who_may(ground, Scope()),
    )


def _reserve(ground: Ground) -> Iterator[Advice]:
    heirs = [
        name for name, role in ground.snapshot.roles.items() if role.reserved and not role.superuser and role.login
    ]
    if ground.settings.common("reserved_connections") == "0":
        if ground.short_of_slots or ground.snapshot.door.slot is not SlotKind.SUPERUSER:
            yield _no_reserve(ground, heirs)
    elif not heirs and ground.settings.common("reserved_connections") is not None:
        yield _nobody_uses_it(ground)


def _no_reserve(ground: Ground, heirs: list[str]) -> Advice:
    done = statements.setting(ground, Scope(), "reserved_connections", str(_KEPT))
    grants, back = ((), ()) if heirs else _door(ground)
    return Advice(
        key="reserved_connections",
        kind=KIND,
        title=f"reserved_connections = {_KEPT}, and a role that may use them",
        seen=(
            "No slot is kept for roles with pg_use_reserved_connections"
            f"{': ' + ', '.join(map(clipped, heirs[:3])) + ' would have them' if heirs else ''}.",
        ),
        do=(*done.do, *grants),
        undo=(*done.undo, *back),
        steps=done.steps,
        applies=done.applies,
        why="A door for this program that an outage leaves open, without giving it a superuser: it sees everybody, may "
        "end sessions of ordinary roles, and takes one slot.",
        source=f"{_MANUAL}RESERVED-CONNECTIONS",
        effect=Effect.RESTART,
        risk="Ordinary roles have so many slots less. The role counts only where it inherits the privilege.",
        needs=statements.who_may(ground, Scope()),
    )


def _door(ground: Ground) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A role for this program: our own where that is one, else a new one. Its password is set by hand."""
    ours = ground.snapshot.door
    if ours.slot is SlotKind.ORDINARY and quoted(ours.user):
        name = quoted(ours.user)
        return (
            (f"GRANT pg_use_reserved_connections TO {name};",),
            (f"REVOKE pg_use_reserved_connections FROM {name};",),
        )
    if _DOOR in ground.snapshot.roles:
        return (
            (f"GRANT pg_use_reserved_connections TO {_DOOR};",),
            (f"REVOKE pg_use_reserved_connections FROM {_DOOR};",),
        )
    privileges = "pg_monitor, pg_signal_backend, pg_use_reserved_connections"
    return (
        (f"CREATE ROLE {_DOOR} LOGIN CONNECTION LIMIT {_KEPT} IN ROLE {privileges};",),
        (f"DROP ROLE {_DOOR};",),
    )


def _nobody_uses_it(ground: Ground) -> Advice:
    do, undo = _door(ground)
    kept = ground.snapshot.settings.reserved
    return Advice(
        key="reserve-unused",
        kind=KIND,
        title="A role that may use the reserved slots",
        seen=(f"{plural(kept, 'slot')} {'is' if kept == 1 else 'are'} reserved, and no role inherits them.",),
        do=do,
        undo=undo,
        why="As it is, these slots are only lost. A role for this program that may use them has a door in an outage.",
        source=f"{_MANUAL}RESERVED-CONNECTIONS",
        effect=Effect.NEW_SESSIONS,
        risk="Whoever has it may take the last slots: give it to no application.",
        needs="a superuser, or a role with ADMIN OPTION on pg_use_reserved_connections",
    )


def _not_inherited(ground: Ground) -> Iterator[Advice]:
    """Members that the server does not count, because the grant is not inherited."""
    for name in ground.settings.without_reserve:
        if not (written := quoted(name)) or ground.superuser(name):
            continue
        grant = f"GRANT pg_use_reserved_connections TO {written} WITH INHERIT"
        yield Advice(
            key=f"not-inherited:{name}",
            kind=KIND,
            title=f"Role {clipped(name)} has to inherit pg_use_reserved_connections",
            seen=(f"Role {clipped(name)} is a member of it, but does not inherit: it is refused as all others are.",),
            do=(f"{grant} TRUE;",),
            undo=(f"{grant} FALSE;",),
            why="Only an inherited privilege opens the reserve, for it is looked at before SET ROLE could be said.",
            source=f"{_MANUAL}RESERVED-CONNECTIONS; tried on PostgreSQL 16 and 18",
            effect=Effect.NEW_SESSIONS,
            risk="None that the grant was not meant to have.",
            needs="a superuser, or a role with ADMIN OPTION on pg_use_reserved_connections",
        )


_WORK = (
    "All of them work, so that the others are refused. More sessions than the cores can run make each "
    "of them slower: a pooler in front keeps them in a queue instead."
)
_REST = (
    "Sessions that do nothing fill any number of slots. A limit for who has them, a timeout, or a pooler takes none of "
    "the server's memory."
)


# --- more slots ------------------------------------------------------------------------------------------------------


def _more_slots(ground: Ground) -> Iterator[Advice]:
    """What raising max_connections would cost, and whether it would help; told only where slots are short."""
    if not ground.short_of_slots:
        return
    capacity = ground.fullest.capacity
    busy = ground.observed.active_peak
    helps = ground.case.thresholds.active.warning.reached(busy, capacity.usable)
    more = _rounded(capacity.max_connections * 3 // 2)
    done = statements.setting(ground, Scope(), "max_connections", str(more)) if helps else statements.NOTHING
    resting = "" if helps else _resting(ground)
    yield Advice(
        key="max_connections",
        kind=KIND,
        title=f"max_connections = {more}, or a pooler" if helps else "Do not raise max_connections for this",
        seen=(
            f"At most {busy} sessions ran something at once, of {capacity.used} that held a slot.",
            *([resting] if resting else []),
        ),
        do=done.do,
        undo=done.undo,
        steps=(*done.steps, *_costs(ground, more - capacity.max_connections), *_standbys(ground)),
        why=_WORK if helps else _REST,
        source=f"{_MANUAL}MAX-CONNECTIONS; memory measured on PostgreSQL 18",
        effect=Effect.RESTART,
        risk="work_mem and maintenance_work_mem were chosen for the old number: their sum can exceed the memory.",
        needs=statements.who_may(ground, Scope()),
    )


def _rounded(count: int) -> int:
    step = 10 if count < 200 else 50
    return -(-count // step) * step


def _resting(ground: Ground) -> str:
    by_state = ground.fullest.snapshot.by_state
    idle = len(by_state[State.IDLE])
    stuck = len(by_state[State.IDLE_IN_TRANSACTION]) + len(by_state[State.ABORTED])
    told = [f"{idle} idled" if idle else "", f"{stuck} idled in a transaction" if stuck else ""]
    return f"At the fullest moment {' and '.join(filter(None, told))}." if idle or stuck else ""


def _costs(ground: Ground, more: int) -> Iterator[str]:
    low, high = (max(1, more * kilobytes // 1024) for kilobytes in _SLOT_KB)
    now = ground.settings.common("shared_memory_size")
    has = f"Shared memory is {now} MB now; " if now else "Shared memory: "
    rise = f"{low}" if low == high else f"{low} to {high}"
    yield f"{has}{more} more slots add about {rise} MB, an estimate from servers of 100 to 2,000 slots."
    low, high = (more * megabytes for megabytes in _PRIVATE_MB)
    if ground.private_memory:
        typical = sorted(ground.private_memory)[len(ground.private_memory) // 2]
        largest = max(ground.private_memory)
        yield (
            f"Private memory of this server's backends is {_mb(typical)} in the middle and {_mb(largest)} at most "
            f"(RssAnon and VmPTE of {plural(len(ground.private_memory), 'process', 'processes')}): {more} more of the "
            f"middle take {_mb(more * typical)}."
        )
    else:
        yield (
            f"Private memory: {low} to {high} MB if all are used, an estimate: {_PRIVATE_MB[0]} MB is a fresh backend, "
            f"{_PRIVATE_MB[1]} one after a sort of 16 MB, or with plans over hundreds of tables."
        )


def _mb(size: float) -> str:
    return f"{size / 2**20:.1f} MB" if size < 100 * 2**20 else f"{size / 2**20:.0f} MB"


def _standbys(ground: Ground) -> Iterator[str]:
    if ground.snapshot.server.in_recovery:
        yield "This is a standby: its max_connections must not be below the primary's."
    count = sum(one.backend_type == WALSENDER for one in ground.snapshot.processes)
    if count:
        yield (
            f"Standbys first, and restart them first ({plural(count, 'walsender')} connected): one with fewer than its "
            "primary stops replaying, or does not start."
        )


# --- what waits for a restart ----------------------------------------------------------------------------------------


def _pending(ground: Ground) -> Iterator[Advice]:
    waiting = [one for one in ground.settings.settings.values() if one.pending or _changed(ground, one)]
    if not waiting:
        return
    told = [f"{one.name} is {one.value}{one.unit}{_will_be(ground, one)}" for one in waiting[:8]]
    first = ", ".join(one.name for one in waiting[:3]) + (", ..." if len(waiting) > 3 else "")
    undone = [one.name for one in waiting if (_line(ground, one) or "").endswith("/postgresql.auto.conf")]
    yield Advice(
        key="pending-restart",
        kind=KIND,
        title=f"A restart is pending: {first}",
        seen=tuple(f"{clipped(one, 80)}." for one in told),
        steps=("Restart the server when it can be spared, or take the change back.",),
        undo=(*(f"ALTER SYSTEM RESET {name};" for name in undone), *([RELOAD] if undone else [])),
        why="It was changed in the configuration, and holds from the next restart on, whoever restarts it and when.",
        source="https://www.postgresql.org/docs/current/view-pg-settings.html; pg_settings tells it after a reload, "
        "pg_file_settings before",
        effect=Effect.RESTART,
        risk="A value that the server cannot start with is found out at the restart.",
        needs="whoever may restart it",
    )


def _changed(ground: Ground, setting: Setting) -> bool:
    """Whether the files say something else than what runs, for what only a restart changes."""
    if setting.context != "postmaster":
        return False
    lines = [one for one in ground.settings.filed or () if one.name == setting.name]
    return bool(lines) and not lines[-1].applied and lines[-1].value != setting.value


def _will_be(ground: Ground, setting: Setting) -> str:
    lines = [one for one in ground.settings.filed or () if one.name == setting.name]
    return f" and will be {lines[-1].value} ({lines[-1].file} line {lines[-1].line})" if lines else ""


def _line(ground: Ground, setting: Setting) -> str | None:
    lines = [one for one in ground.settings.filed or () if one.name == setting.name]
    return lines[-1].file if lines else None
