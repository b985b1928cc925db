"""Which command a PgBouncer is to be given: only those that can be, each with what it would do here and now."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen

from pgheadroom.model.bouncer_command import BouncerCommand
from pgheadroom.model.pool import PgBouncer
from pgheadroom.rules.pools.commands import command_words, consequence
from pgheadroom.tui.widgets.words import Words

_LETTERS = "abcdefghijklmnop"


class CommandMenu(ModalScreen[BouncerCommand | None]):
    """A letter chooses; the confirmation comes after it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "close", "Close")]

    def __init__(self, bouncer: PgBouncer, commands: Sequence[BouncerCommand]) -> None:
        super().__init__()
        self._bouncer = bouncer
        self._commands = dict(zip(_LETTERS, commands, strict=False))

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="commands"):
            yield Words(f"Command to {self._bouncer.name}", classes="help-title")
            for letter, command in self._commands.items():
                yield Words(f"{letter}  {command_words(command)}", classes="command")
                yield Words(consequence(command, self._bouncer), classes="help-text explanation")
            if not self._commands:
                why = ": PgBouncer gives no data" if self._bouncer.trouble else ""
                yield Words(f"There is none that could be given now{why}.")

    def on_key(self, event: events.Key) -> None:
        if event.character in self._commands:
            event.stop()
            self.dismiss(self._commands[event.character])

    def action_close(self) -> None:
        self.dismiss(None)
