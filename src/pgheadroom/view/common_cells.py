"""Cells that several tables have: states, names, counts."""

from pgheadroom.model.session import Session, State
from pgheadroom.view.cells import Cell
from pgheadroom.words.states import WAITING, state_word
from pgheadroom.words.text import safe

ABSENT = "-"

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

WAITING_GLYPH = "▌"


def state_style(session: Session) -> str:
    return STATE_STYLES.get(session.state, "other") if session.waits_for is None else WAITING


def state_cell(session: Session) -> Cell:
    return Cell(state_word(session), state_style(session))


def name_cell(name: str | None) -> Cell:
    """A name from the server, or a dash for none."""
    return Cell(safe(name)) if name else Cell(ABSENT, "dim")


def count_cell(count: int, style: str = "") -> Cell:
    """A number; zero is said quietly, so that the others are found."""
    return Cell(str(count), style) if count else Cell("0", "dim")


def wait_cell(session: Session) -> Cell:
    """What the server says that the process waits for."""
    if not session.wait_event_type:
        return Cell(ABSENT, "dim")
    style = "warn" if session.waits_for is not None else "dim" if session.wait_event_type == "Client" else ""
    return Cell(safe(f"{session.wait_event_type}:{session.wait_event}"), style)
