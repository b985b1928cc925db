"""The last line: the keys that work here and now."""

from textual.binding import Binding
from textual.screen import Screen

from pgheadroom.tui.widgets.painted import Painted
from pgheadroom.view.cells import Cell, fit_line, line_width

_NAMES = {
    "question_mark": "?", "plus": "+", "minus": "-", "slash": "/", "space": "Space", "tab": "Tab", "enter": "Enter",
    "escape": "Esc", "colon": ":",
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
        cells: list[Cell] = []
        width = self.size.width
        for binding in _shown(screen):
            more = [Cell(key_name(binding), "key"), Cell(f" {binding.description}  ", "dim")]
            if line_width([*cells, *more]) - 2 <= width:
                cells += more
        self.paint([fit_line(cells, width)])


def _shown(screen: Screen[object]) -> list[Binding]:
    active = [item for item in screen.active_bindings.values() if item.enabled and item.binding.show]
    bindings = {item.binding.action: item.binding for item in active}
    return sorted(bindings.values(), key=_urgency)


# What a tired person needs first, as far as the line reaches; what is not named comes in between.
_FIRST = ("next_pane", "open", "terminate", "cancel", "bulk", "mark", "filter", "next_order", "group", "hide_idle")
_LAST = ("pause", "sample_now", "help", "quit")


def _urgency(binding: Binding) -> int:
    name = binding.action.split("(")[0].split(".")[-1]
    if name in _FIRST:
        return _FIRST.index(name)
    return 200 + _LAST.index(name) if name in _LAST else 100
