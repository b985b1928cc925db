"""How values are said in few cells: states, clients, names, counts."""

from pgheadroom.model.grouping import StateCount
from pgheadroom.model.session import Session, State
from pgheadroom.model.snapshot import SlotKind
from pgheadroom.view.cells import Cell
from pgheadroom.view.text import safe

ABSENT = "-"

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

# A style and a glyph for each state: never colour alone.
STATE_STYLES: dict[State, str] = {
    State.ACTIVE: "active",
    State.IDLE: "idle",
    State.IDLE_IN_TRANSACTION: "idletx",
    State.ABORTED: "aborted",
}
STATE_GLYPHS: dict[State, str] = {
    State.ACTIVE: "█",
    State.IDLE: "░",
    State.IDLE_IN_TRANSACTION: "▓",
    State.ABORTED: "▒",
    State.FASTPATH: "f",
    State.DISABLED: "d",
    State.STARTING: "s",
    State.HIDDEN: "?",
}

WAITING = "waiting"
WAITING_GLYPH = "▌"

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


def state_style(session: Session) -> str:
    return STATE_STYLES.get(session.state, "other") if session.waits_for is None else WAITING


def state_cell(session: Session) -> Cell:
    return Cell(state_word(session), state_style(session))


def name_cell(name: str | None, style: str = "") -> Cell:
    """A name from the server, or a dash for none."""
    return Cell(safe(name), style) if name else Cell(ABSENT, "dim")


def count_cell(count: int, style: str = "") -> Cell:
    """A number; zero is said quietly, so that the others are found."""
    return Cell(str(count), style) if count else Cell("0", "dim")


def wait_cell(session: Session) -> Cell:
    """What the server says that the process waits for."""
    if not session.wait_event_type:
        return Cell(ABSENT, "dim")
    style = "warn" if session.waits_for is not None else "dim" if session.wait_event_type == "Client" else ""
    return Cell(safe(f"{session.wait_event_type}:{session.wait_event}"), style)


def place(name: str) -> str:
    """A server's name in few cells: of a Unix socket's folder only the last part, `pgbouncer:6432`."""
    return safe(name.rsplit("/", 1)[-1] if name.startswith("/") else name)


def they(count: int, noun: str, verb: str, nouns: str = "") -> str:
    """`1 client waits`, `3 clients wait`."""
    return f"{plural(count, noun, nouns)} {verb}{'s' if count == 1 else ''}"


def a(noun: str) -> str:
    """With its article: `an ordinary slot`, `a superuser slot`."""
    return f"{'an' if noun[:1] in 'aeio' else 'a'} {noun}"


def plural(count: int, noun: str, nouns: str = "") -> str:
    """`1 session`, `3 sessions`."""
    return f"{count} {noun if count == 1 else nouns or noun + 's'}"
