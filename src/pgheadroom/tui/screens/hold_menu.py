"""How a role is held back, and which of the held ones is let go: a letter chooses, the question comes after it."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen

from pgheadroom.rules.acting.held import Held
from pgheadroom.rules.acting.hold import held_words
from pgheadroom.rules.acting.hold_options import HoldOption
from pgheadroom.tui.widgets.words import Words
from pgheadroom.words.wording import clipped

_LETTERS = "abcdefghijklmnop"


class HoldMenu(ModalScreen[HoldOption | None]):
    """What can be done, each with what it does here and now."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Close"),
        Binding("plus,equals_sign", "limit(1)", "higher limit", key_display="+"),
        Binding("minus", "limit(-1)", "lower limit", key_display="-"),
    ]

    def __init__(self, role: str, limit: int, offered: Callable[[int], list[HoldOption]]) -> None:
        super().__init__()
        self._role = role
        self._limit = limit
        self._offered = offered
        self._options = offered(limit)

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="commands"):
            yield Words(f"Hold {clipped(self._role)} back", classes="help-title")
            for letter, option in zip(_LETTERS, self._options, strict=False):
                yield Words(f"{letter}  {option.words}", classes="command")
                yield Words(f"   {option.explanation}", classes="help-text")
            yield Words(f"+ -  another limit than {self._limit}; Esc leaves it", classes="help-text")

    def on_key(self, event: events.Key) -> None:
        place = _LETTERS.find(event.character or " ")
        if 0 <= place < len(self._options):
            event.stop()
            self.dismiss(self._options[place])

    def action_limit(self, step: int) -> None:
        self._limit = max(0, self._limit + step)
        self._options = self._offered(self._limit)
        self.refresh(recompose=True)

    def action_close(self) -> None:
        self.dismiss(None)


class LetGoMenu(ModalScreen[list[Held] | None]):
    """One of those that are held, or all."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Close"),
        Binding("A", "all", "All"),
    ]

    def __init__(self, held: Sequence[Held]) -> None:
        super().__init__()
        self._held = list(held)

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="commands"):
            yield Words("Let go", classes="help-title")
            for letter, one in zip(_LETTERS, self._held, strict=False):
                yield Words(f"{letter}  {one.hold.kind} {clipped(one.name)}", classes="command")
                yield Words(
                    f"   {held_words(one.hold.after)}, before {held_words(one.hold.before)}", classes="help-text"
                )
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
