"""The breakdown by state."""

from collections.abc import Sequence
from operator import attrgetter

from pgheadroom.model.capacity import percent
from pgheadroom.model.grouping import StateCount
from pgheadroom.model.session import Session, State, oldest_seconds
from pgheadroom.model.snapshot import Snapshot

_CHANGED = attrgetter("state_change")
_BEGAN = {State.ACTIVE: attrgetter("query_start"), State.STARTING: attrgetter("backend_start")}
"""As `Session.in_state_since`, called from C for thousands of sessions that are all in one state."""


def states(snapshot: Snapshot) -> tuple[StateCount, ...]:
    """Every state in the order of the enum; `hidden` only where there are such sessions.

    What the server calls active stands in two lines: those that run, and those that wait. `starting` includes those
    that authenticate without a row. What is missing to `used` is the slot-sync worker.
    """
    used = len(snapshot.sessions) + snapshot.authenticating + snapshot.slot_sync_takes_slot
    found: list[StateCount] = []
    waiting: Sequence[Session] = ()
    for state, of_state in snapshot.by_state.items():
        if state is State.ACTIVE:
            waiting = [one for one in of_state if one.waits_for is not None]
            of_state = [one for one in of_state if one.waits_for is None] if waiting else of_state
        if of_state or state is not State.HIDDEN:
            found.append(_count(snapshot, state, of_state, used))
        if state is State.ACTIVE:
            found.append(_count(snapshot, state, waiting, used, waits=True))
    return tuple(found)


def _count(
    snapshot: Snapshot, state: State, sessions: Sequence[Session], used: int, *, waits: bool = False
) -> StateCount:
    count = len(sessions) + (snapshot.authenticating if state is State.STARTING else 0)
    oldest = oldest_seconds([*map(_BEGAN.get(state, _CHANGED), sessions)], snapshot.taken_at)
    return StateCount(state, count, percent(count, used) if used else 0.0, oldest, waits)
