"""Help: every key that works on the screen it was called from."""

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from pgheadroom import __version__
from pgheadroom.tui.widgets.footer import key_name

_EVERYWHERE = """\
Esc goes back, takes a filter or marks away. Tab goes from pane to pane, j k g G and the arrows within one.
The cursor stays with its row when rows move; where its row is gone there is no cursor until you move it.
Capital letters act on the server, and ask first. Small letters never do."""


_TEXTUALS_OWN = ("screen.copy_text",)


class Help(ModalScreen[None]):
    """A list of keys; any of the keys that opened it closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,h,f1,q,enter", "close", "Close", key_display="Esc"),
        Binding("j,down", "scroll(1)", show=False),
        Binding("k,up", "scroll(-1)", show=False),
    ]

    def __init__(self, of: Screen[Any]) -> None:
        super().__init__()
        self._of = of

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help"):
            yield Static(Content(f"pgheadroom {__version__}"), classes="help-title")
            yield Static(Content(_EVERYWHERE), classes="help-text")
            with Horizontal(id="help-columns"):
                keys = self._keys()
                half = (len(keys) + 1) // 2
                yield Static(Content("\n".join(keys[:half])))
                yield Static(Content("\n".join(keys[half:])))

    def _keys(self) -> list[str]:
        """One line an action: its keys, and what they do."""
        names: dict[str, list[str]] = {}
        words: dict[str, str] = {}
        for item in self._of.active_bindings.values():
            binding = item.binding
            if item.enabled and binding.description and binding.action not in _TEXTUALS_OWN:
                names.setdefault(binding.action, []).append(key_name(binding))
                words[binding.action] = binding.tooltip or binding.description
        return [f"{' '.join(dict.fromkeys(keys[:3])):<12} {words[action]}" for action, keys in names.items()]

    def action_close(self) -> None:
        self.dismiss()

    def action_scroll(self, lines: int) -> None:
        self.query_one("#help", VerticalScroll).scroll_relative(y=lines, animate=False)
