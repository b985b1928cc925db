"""Letting go in steps: a higher limit each time, while the server stays below its warning. Pure."""

from pgheadroom.model.hold import NO_LIMIT, Change, Grip, HeldKind, HoldState
from pgheadroom.rules.acting.held import Held, back
from pgheadroom.rules.acting.hold import members
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.facts.share import room_below_warning

STEP_EVERY = 10.0
"""Seconds from one step to the next: who was let in is in the samples by then."""

Key = tuple[HeldKind, int]


def key_of(held: Held) -> Key:
    return held.hold.kind, held.hold.oid


def has_steps(held: Held) -> bool:
    """Whether it keeps somebody out, and is as it was set."""
    return held.state is HoldState.HELD and held.hold.tightens


def _first_login(case: Case, held: Held, more: int) -> Change:
    hold, there = held.hold, len(members(case.snapshot.sessions, held.hold.kind, held.name))
    now = NO_LIMIT if held.now is None else held.now.limit
    limit = there + more if hold.after.limit is None else hold.after.limit
    if 0 <= now <= limit:
        limit = now
    return Change(hold.kind, hold.oid, held.name, Grip(now, False), Grip(limit, True))


def next_step(case: Case, held: Held) -> Change | None:
    """The next higher limit, or at the end what was before; None where the usage is at its warning.

    It lets in no more than half of what is left to the warning, and never more than twice as many as are let in now.
    Of a role that may not log in the first step is LOGIN, with a limit that lets in as many.
    """
    hold, room = held.hold, room_below_warning(case)
    if room == 0:
        return None
    if hold.after.login is False:
        return _first_login(case, held, max(1, room // 2))
    limit, before = hold.after.limit, hold.before.limit
    if limit is None:
        return None
    higher = limit + max(1, min(limit, room // 2))
    last = case.capacity.usable if before in (None, NO_LIMIT) else before
    if last is None or higher >= last:
        return back(held)
    return Change(hold.kind, hold.oid, held.name, hold.after, Grip(higher))
