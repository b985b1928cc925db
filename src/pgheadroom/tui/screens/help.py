"""Help: every key that works on the screen it was called from."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen, Screen

from pgheadroom import __version__
from pgheadroom.tui.widgets.footer import key_name
from pgheadroom.tui.widgets.words import Words

_EVERYWHERE = "Capital letters act on the server, and ask first. Esc goes back."
_ROOMY = 120

# In which part of the help an action stands; what is in none is the screen's own.
_PARTS: dict[str, tuple[str, ...]] = {
    "SCREENS": ("mode",),
    "MOVE": ("move", "page", "first", "last", "open", "next_pane", "next_order", "reverse", "back"),
    "ACT": ("cancel", "terminate", "bulk", "hold", "let_go", "apply", "undo", "command"),
    "HERE": (),
    "THE MONITOR": ("pause", "sample_now", "interval", "help", "command_palette", "suspend_process", "quit"),
}
_ON_THE_LEFT = ("SCREENS", "MOVE")


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
        # As they are now: under a dialogue the keys that lead to other screens are off.
        self._keys_there = list(of.active_bindings.values())

    def compose(self) -> ComposeResult:
        parts = self._parts()
        box = VerticalScroll(id="help")
        box.border_title = f"pgheadroom {__version__}"
        with box:
            yield Words(_EVERYWHERE, classes="help-text")
            with Horizontal(id="help-columns"):
                for left in (True, False):
                    yield Words("\n".join(_lines(parts, left=left)))

    def _parts(self) -> dict[str, list[tuple[str, str]]]:
        """By the name of its part: each action's keys, and what they do."""
        roomy = self.app.size.width >= _ROOMY
        names: dict[str, list[str]] = {}
        bindings: dict[str, Binding] = {}
        for item in self._keys_there:
            binding = item.binding
            if item.enabled and binding.description and binding.action not in _TEXTUALS_OWN:
                names.setdefault(binding.action, []).append(key_name(binding))
                bindings[binding.action] = binding
        parts: dict[str, list[tuple[str, str]]] = {title: [] for title in _PARTS}
        for action, binding in bindings.items():
            words = (binding.tooltip or binding.description) if roomy else binding.description
            keys = " ".join(sorted(dict.fromkeys(names[action]), key=len)[:2])
            parts[_part_of(action)].append((keys, words[:1].upper() + words[1:]))
        return parts

    def action_close(self) -> None:
        self.dismiss()

    def action_scroll(self, lines: int) -> None:
        self.query_one("#help", VerticalScroll).scroll_relative(y=lines, animate=False)


def _part_of(action: str) -> str:
    name = action.partition("(")[0].rpartition(".")[2]
    return next((title for title, names in _PARTS.items() if name in names), "HERE")


def _lines(parts: Mapping[str, Sequence[tuple[str, str]]], *, left: bool) -> Iterator[str]:
    for title, entries in parts.items():
        if entries and (title in _ON_THE_LEFT) == left:
            yield title
            for keys, words in entries:
                yield f" {keys:<12} {words}"
