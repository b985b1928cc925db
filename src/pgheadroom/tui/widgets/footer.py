"""The last line: the keys that work here and now."""

from collections.abc import Callable

from textual import events
from textual.binding import ActiveBinding, Binding
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

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._keys: list[tuple[int, ActiveBinding]] = []
        self._asking: Screen[object] | None = None

    def under(self, question: Screen[object] | None) -> None:
        """While a question lies over the screen, its keys are the ones that work."""
        self._asking = question
        self._refresh_keys(self.screen)

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._refresh_keys)

    def on_resize(self) -> None:
        self._refresh_keys(self.screen)

    def _refresh_keys(self, screen: Screen[object]) -> None:
        if not self.is_attached:
            return
        shown = [(item, _words(item.binding)) for item in _shown(self._asking or screen)]
        always = [words for item, words in shown if _name(item.binding) in _ALWAYS]
        room = self.size.width + _GAP - sum(map(line_width, always))
        cells: list[Cell] = []
        self._keys = []
        for item, words in shown:
            if _name(item.binding) not in _ALWAYS:
                if line_width(words) > room:
                    continue
                room -= line_width(words)
            cells += words
            self._keys.append((line_width(cells), item))
        cells[-1:] = [cell._replace(text=cell.text.rstrip()) for cell in cells[-1:]]
        self.paint([fit_line(cells, self.size.width)])

    async def on_click(self, event: events.Click) -> None:
        """As if the key had been pressed."""
        item = next((item for end, item in self._keys if event.x < end), None)
        if item is not None and item.enabled:
            await self.app.run_action(item.binding.action, default_namespace=item.node)


def _words(binding: Binding) -> list[Cell]:
    return [Cell(key_name(binding), "key"), Cell(f" {binding.description}{' ' * _GAP}", "dim")]


def _name(binding: Binding) -> str:
    return binding.action.split("(")[0].split(".")[-1]


def _shown(screen: Screen[object]) -> list[ActiveBinding]:
    offers: Callable[[str], bool] = getattr(screen, "offers", lambda action: True)
    active = [
        item
        for item in screen.active_bindings.values()
        if item.enabled and item.binding.show and offers(item.binding.action)
    ]
    by_action = {item.binding.action: item for item in active}
    return sorted(by_action.values(), key=lambda item: _urgency(item.binding))


# What a tired person needs first, as far as the line reaches; what is not named comes in between.
_FIRST = (
    "confirm",
    "next_pane",
    "command",
    "open",
    "terminate",
    "cancel",
    "bulk",
    "apply",
    "undo",
    "hold",
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
