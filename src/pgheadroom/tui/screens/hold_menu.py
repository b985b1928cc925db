"""How a role is held back, and which of the held ones is let go: a letter chooses, the question comes after it."""

from collections.abc import Callable, Sequence
from string import digits
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen

from pgheadroom.model.pooler_hold import PoolerHold
from pgheadroom.rules.acting.held import Held
from pgheadroom.rules.acting.hold import held_words
from pgheadroom.rules.acting.hold_options import HoldOption
from pgheadroom.rules.pools.commands import command_words
from pgheadroom.rules.pools.hold_options import PoolerOption
from pgheadroom.tui.widgets.words import Words
from pgheadroom.words.text import place
from pgheadroom.words.wording import clipped

_LETTERS = "abcdefghijklmnop"
_MOST_DIGITS = 6
"""More connections than a server can have."""


class HoldMenu(ModalScreen[HoldOption | PoolerOption | None]):
    """What can be done, each with what it does here and now; where the role itself may not be held, why."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Close"),
        Binding("plus,equals_sign", "limit(1)", "higher limit", key_display="+"),
        Binding("minus", "limit(-1)", "lower limit", key_display="-"),
        *(Binding(digit, f"digit('{digit}')", show=False) for digit in digits),
        Binding("backspace", "erase", "Erase a digit", show=False),
    ]

    def __init__(
        self, role: str, limit: int, offered: Callable[[int], list[HoldOption | PoolerOption]], *, refused: str = ""
    ) -> None:
        """Args:
        limit: What a limit begins with, and what is `offered` by it changes with it.
        refused: Why the role is not held, in a sentence; then nothing that is offered has a limit.
        """
        super().__init__()
        self._refused = refused
        self._role = role
        self._limit = limit
        self._offered = offered
        self._options = offered(limit)
        self._typed = ""

    @property
    def _title(self) -> str:
        first = self._options[0] if self._options else None
        raises = isinstance(first, HoldOption) and first.change.raises
        return f"Another limit for {clipped(self._role)}" if raises else f"Hold {clipped(self._role)} back"

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="commands"):
            yield Words(self._title, classes="help-title")
            if self._refused:
                yield Words(f"The role is not held: {self._refused}", classes="help-text")
            for letter, option in zip(_LETTERS, self._options, strict=False):
                yield Words(f"{letter}  {option.words}", classes="command")
                yield Words(option.explanation, classes="help-text explanation")
            if not self._refused:
                yield Words(f"limit {self._limit}: type another, or + and -; Esc leaves it", classes="help-text")

    def on_key(self, event: events.Key) -> None:
        place = _LETTERS.find(event.character or " ")
        if 0 <= place < len(self._options):
            event.stop()
            self.dismiss(self._options[place])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The keys of the limit only where one is offered."""
        return not self._refused or action == "close"

    def action_limit(self, step: int) -> None:
        self._typed = ""
        self._offer(max(0, self._limit + step))

    def action_digit(self, digit: str) -> None:
        """The first digit begins a new number."""
        self._typed = (self._typed + digit)[-_MOST_DIGITS:]
        self._offer(int(self._typed))

    def action_erase(self) -> None:
        self._typed = (self._typed or str(self._limit))[:-1]
        self._offer(int(self._typed or 0))

    def _offer(self, limit: int) -> None:
        self._limit, self._options = limit, self._offered(limit)
        self.refresh(recompose=True)

    def action_close(self) -> None:
        self.dismiss(None)


class LetGoMenu(ModalScreen[list[Held | PoolerHold] | None]):
    """One of those that are held, or all."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Close"),
        Binding("A", "all", "All"),
    ]

    def __init__(self, held: Sequence[Held | PoolerHold]) -> None:
        super().__init__()
        self._held = list(held)

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="commands"):
            yield Words("Let go", classes="help-title")
            for letter, one in zip(_LETTERS, self._held, strict=False):
                words, explanation = _told(one)
                yield Words(f"{letter}  {words}", classes="command")
                yield Words(explanation, classes="help-text explanation")
            yield Words("A  all of them", classes="command")

    def on_key(self, event: events.Key) -> None:
        place = _LETTERS.find(event.character or " ")
        if 0 <= place < len(self._held):
            event.stop()
            self.dismiss([self._held[place]])

    def action_all(self) -> None:
        self.dismiss(list(self._held))

    def action_close(self) -> None:
        self.dismiss(None)


def _told(one: Held | PoolerHold) -> tuple[str, str]:
    if isinstance(one, PoolerHold):
        return f"{command_words(one.command)} in PgBouncer {place(one.bouncer)}", command_words(one.undoing)
    kind = f"{one.hold.kind} {clipped(one.name)}"
    return kind, f"{held_words(one.hold.after)}, before {held_words(one.hold.before)}"
