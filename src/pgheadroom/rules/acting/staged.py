"""Letting go in steps: a higher limit each time, while the server stays below its warning. Pure."""

from pgheadroom.model.hold import NO_LIMIT, Change, Grip, HeldKind, HoldState
from pgheadroom.rules.acting.held import Held, back
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.facts.share import room_below_warning

STEP_EVERY = 10.0
"""Seconds from one step to the next: who was let in is in the samples by then."""

Key = tuple[HeldKind, int]


def key_of(held: Held) -> Key:
    return held.hold.kind, held.hold.oid


def has_steps(held: Held) -> bool:
    """Whether it is a limit and nothing else, is as it was set, and lower than what was before."""
    hold = held.hold
    only_limit = hold.after.limit is not None and hold.after.login is None
    return held.state is HoldState.HELD and only_limit and hold.tightens


def next_step(case: Case, held: Held) -> Change | None:
    """The next higher limit, or at the end what was before; None where the usage is at its warning.

    It lets in no more than half of what is left to the warning, and never more than twice as many as are let in now.
    """
    hold, room = held.hold, room_below_warning(case)
    limit, before = hold.after.limit, hold.before.limit
    if room == 0 or limit is None:
        return None
    higher = limit + max(1, min(limit, room // 2))
    last = case.capacity.usable if before in (None, NO_LIMIT) else before
    if last is None or higher >= last:
        return back(held)
    return Change(hold.kind, hold.oid, held.name, hold.after, Grip(higher))
