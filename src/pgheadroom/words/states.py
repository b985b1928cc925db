"""What a state and a kind of slot are called, in a word."""

from pgheadroom.model.grouping import StateCount
from pgheadroom.model.session import Session, State
from pgheadroom.model.snapshot import SlotKind

SHORT_STATES: dict[State, str] = {
    State.ACTIVE: "active",
    State.IDLE: "idle",
    State.IDLE_IN_TRANSACTION: "idle in tx",
    State.ABORTED: "aborted",
    State.FASTPATH: "fastpath",
    State.DISABLED: "disabled",
    State.STARTING: "starting",
    State.HIDDEN: "hidden",
}

WAITING = "waiting"

SLOT_WORDS: dict[SlotKind, str] = {
    SlotKind.ORDINARY: "ordinary slot",
    SlotKind.RESERVED: "reserved slot",
    SlotKind.SUPERUSER: "superuser slot",
}


def count_word(count: StateCount) -> str:
    """What the sessions of a count do, in a word."""
    return WAITING if count.waits else SHORT_STATES[count.state]


def state_word(session: Session) -> str:
    """What it does, in a word: `waiting` where it is called active and waits for a lock, its client or a standby."""
    return SHORT_STATES[session.state] if session.waits_for is None else WAITING
