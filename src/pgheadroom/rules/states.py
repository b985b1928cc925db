"""The breakdown by state."""

from pgheadroom.model.capacity import percent
from pgheadroom.model.grouping import StateCount
from pgheadroom.model.session import Session, State, oldest_seconds
from pgheadroom.model.snapshot import Snapshot


def states(snapshot: Snapshot) -> tuple[StateCount, ...]:
    """Every state in the order of the enum; `hidden` only where there are such sessions.

    `starting` includes those that authenticate without a row. What is missing to `used` is the slot-sync worker.
    """
    members: dict[State, list[Session]] = {state: [] for state in State}
    for session in snapshot.sessions:
        members[session.state].append(session)
    used = len(snapshot.sessions) + snapshot.authenticating + snapshot.slot_sync_takes_slot
    return tuple(
        _count(snapshot, state, of_state, used)
        for state, of_state in members.items()
        if of_state or state is not State.HIDDEN
    )


def _count(snapshot: Snapshot, state: State, sessions: list[Session], used: int) -> StateCount:
    count = len(sessions) + (snapshot.authenticating if state is State.STARTING else 0)
    oldest = oldest_seconds([session.in_state_since for session in sessions], snapshot.taken_at)
    return StateCount(state, count, percent(count, used) if used else 0.0, oldest)
