"""Help: every key that works on the screen it was called from."""

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from pgheadroom import __version__
from pgheadroom.tui.widgets.footer import key_name

_EVERYWHERE = """\
Esc goes back, takes a filter or marks away. Tab goes from pane to pane, j k g G and the arrows within one.
The cursor stays with its row when rows move; where its row is gone there is no cursor until you move it.
Capital letters act on the server, and ask first. Small letters never do."""


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
            yield Static(Content("\n".join(self._keys())), id="help-keys")
            yield Static(Content(_EVERYWHERE), classes="help-text")

    def _keys(self) -> list[str]:
        seen: dict[str, list[str]] = {}
        descriptions: dict[str, str] = {}
        for item in self._of.active_bindings.values():
            binding = item.binding
            if not item.enabled or not binding.description:
                continue
            seen.setdefault(binding.action, [])
            name = key_name(binding) if binding.key_display is None else binding.key_display
            name = name if not seen[binding.action] else key_name(Binding(binding.key, binding.action))
            if name not in seen[binding.action]:
                seen[binding.action].append(name)
            descriptions[binding.action] = binding.tooltip or binding.description
        return [f"{' '.join(keys):<18} {descriptions[action]}" for action, keys in seen.items()]

    def action_close(self) -> None:
        self.dismiss()

    def action_scroll(self, lines: int) -> None:
        self.query_one("#help", VerticalScroll).scroll_relative(y=lines, animate=False)
