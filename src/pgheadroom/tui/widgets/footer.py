"""The last line: the keys that work here and now."""

from textual.binding import Binding
from textual.screen import Screen

from pgheadroom.tui.widgets.painted import Painted
from pgheadroom.view.cells import Cell, fit_line, line_width

_NAMES = {
    "question_mark": "?", "plus": "+", "minus": "-", "slash": "/", "space": "Space", "tab": "Tab", "enter": "Enter",
    "escape": "Esc", "colon": ":", "equals_sign": "=", "pageup": "PgUp", "pagedown": "PgDn", "up": "Up", "down": "Down",
    "home": "Home", "end": "End", "shift+tab": "Shift+Tab",
}  # fmt: skip


def key_name(binding: Binding) -> str:
    """How a key is written: as it is printed on the keyboard."""
    if binding.key_display:
        return binding.key_display
    first = binding.key.split(",")[0]
    return _NAMES.get(first, first)


class KeyLine(Painted):
    """Shows the bindings that are active; what does not fit is in the help."""

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._refresh_keys)

    def on_resize(self) -> None:
        self._refresh_keys(self.screen)

    def _refresh_keys(self, screen: Screen[object]) -> None:
        if not self.is_attached:
            return
        shown = [(binding, _words(binding)) for binding in _shown(screen)]
        always = [words for binding, words in shown if _name(binding) in _ALWAYS]
        room = self.size.width + _GAP - sum(map(line_width, always))
        cells: list[Cell] = []
        for binding, words in shown:
            if _name(binding) in _ALWAYS:
                cells += words
            elif line_width(words) <= room:
                room -= line_width(words)
                cells += words
        cells[-1:] = [cell._replace(text=cell.text.rstrip()) for cell in cells[-1:]]
        self.paint([fit_line(cells, self.size.width)])


def _words(binding: Binding) -> list[Cell]:
    return [Cell(key_name(binding), "key"), Cell(f" {binding.description}{' ' * _GAP}", "dim")]


def _name(binding: Binding) -> str:
    return binding.action.split("(")[0].split(".")[-1]


def _shown(screen: Screen[object]) -> list[Binding]:
    active = [item for item in screen.active_bindings.values() if item.enabled and item.binding.show]
    bindings = {item.binding.action: item.binding for item in active}
    return sorted(bindings.values(), key=_urgency)


# What a tired person needs first, as far as the line reaches; what is not named comes in between.
_FIRST = (
    "confirm",
    "next_pane",
    "command",
    "open",
    "terminate",
    "cancel",
    "bulk",
    "mark",
    "filter",
    "next_order",
    "group",
    "hide_idle",
)
_LAST = ("mode", "pause", "sample_now", "help", "quit")
_ALWAYS = frozenset({"help", "quit"})
_GAP = 2


def _urgency(binding: Binding) -> int:
    name = _name(binding)
    if name in _FIRST:
        return _FIRST.index(name)
    return 200 + _LAST.index(name) if name in _LAST else 100
