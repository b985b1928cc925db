"""What a screen may ask of the monitor around it. Screens know this, and not the application."""

from collections.abc import Iterator
from typing import Any, Protocol

from textual.app import ComposeResult
from textual.screen import Screen

from pgheadroom.analysis import Analysis
from pgheadroom.model.action import Verb
from pgheadroom.model.bouncer import BouncerClient
from pgheadroom.model.ports import Advisory, Inquiries, Source
from pgheadroom.model.session import Session
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.model.update import Trouble
from pgheadroom.tui.acting import Acting


class Surroundings(Protocol):
    """The monitor, as its screens see it.

    Attributes:
        source: Where samples come from, and how often.
        acting: For everything that is done to a server.
        trouble: Why no sample comes; None while they come.
        inquiries: For looking at a session closely; None for a replay.
        advisory: For reading what is set; None for a replay.
        came_from: The screen that narrowed the list of sessions; empty where none did.
        pressed_at: When the key or button that is dealt with was pressed, in seconds of `monotonic`.
    """

    source: Source
    acting: Acting
    trouble: Trouble | None
    inquiries: Inquiries | None
    advisory: Advisory | None
    came_from: str
    pressed_at: float

    @property
    def thresholds(self) -> Thresholds:
        """By which numbers are judged, also while there is no sample."""

    @property
    def analysis(self) -> Analysis | None:
        """What is shown: the newest, or while paused the one that was shown then."""

    @property
    def newest(self) -> Analysis | None:
        """Of the newest sample, also while what is shown is paused."""

    def draw(self) -> None:
        """Draw the screen that is seen."""

    def show_at_once(self, of: Screen[Any] | None = None) -> None:
        """Have what was drawn on the terminal without waiting for timers. A screen says that it is its own turn."""

    def frame(self, body: Iterator[Any]) -> ComposeResult:
        """What a screen has between its header and its footer: its body, and what stands beside it."""

    def say(self, words: str, lasting: float | None = None) -> None:
        """One line above the keys, until the next one or Esc; news go after `lasting` seconds."""

    def hush(self) -> None:
        """What was said has been read."""

    def may_ask(self) -> bool:
        """Whether a key or a click may go to another screen now."""

    def action_mode(self, mode: str) -> object:
        """Go to a screen."""

    def go_back(self) -> None:
        """From the list of sessions to the screen that narrowed it, else to the overview."""

    def open_sessions(self, filter_text: str) -> None:
        """The list of sessions with this filter."""

    def open_detail(self, session: Session) -> None:
        """One session, looked at closely."""

    def open_client(self, bouncer: str, client: BouncerClient) -> None:
        """The PgBouncer screen with the cursor on this client."""

    def open_bulk(self, verb: Verb, filter_text: str, *, poolers: bool = False) -> None:
        """The preview of a signal to all whom the filter matches."""
