"""Help: every key that works on the screen it was called from."""

from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Any, ClassVar, cast

from textual.app import App, ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.geometry import Size
from textual.screen import ModalScreen, Screen

from pgheadroom import __version__
from pgheadroom.tui.surroundings import Surroundings
from pgheadroom.tui.widgets.footer import key_name
from pgheadroom.tui.widgets.pager import Pager
from pgheadroom.view.cells import Cell, Line, fit_line, wrap_line

_EVERYWHERE = "Capital letters act on the server, and ask first. Esc goes back."
_NAME = "help"
_ROOMY = 120
_INDENT = " " * 14
"""Before the words of a key."""

# In which part of the help an action stands; what is in none is the screen's own.
_PARTS: dict[str, tuple[str, ...]] = {
    "SCREENS": ("mode",),
    "MOVE": ("move", "page", "first", "last", "open", "next_pane", "next_order", "reverse", "back"),
    "ACT": ("cancel", "terminate", "bulk", "hold", "let_go", "apply", "undo", "command"),
    "HERE": (),
    "THE MONITOR": ("pause", "sample_now", "interval", "help", "command_palette", "suspend_process", "quit"),
}
_ON_THE_LEFT = ("SCREENS", "MOVE")
Parts = dict[str, list[tuple[str, str]]]
"""By the title of a part of the help: keys, and what they do."""
_TEXTUALS_OWN = ("screen.copy_text",)


class Help(ModalScreen[None]):
    """A list of keys; any of the keys that opened it closes it."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,h,f1,q,enter", "close", "Close", key_display="Esc"),
        *(binding for binding in Pager.BINDINGS if isinstance(binding, Binding)),
    ]

    def __init__(self) -> None:
        """It is made once, and called up again and again."""
        super().__init__()
        self._keys = KeyList()

    def tell_of(self, screen: Screen[Any]) -> None:
        """The keys that work there now: once the help lies over it, those that lead to other screens are off."""
        self._keys.offer(self._parts(screen.active_bindings.values()))

    def compose(self) -> ComposeResult:
        yield self._keys

    def on_screen_resume(self) -> None:
        if self.size == self.app.size:
            self.call_next(cast("Surroundings", self.app).show_at_once, self)

    def _parts(self, there: Iterable[ActiveBinding]) -> Parts:
        """By the name of its part: each action's keys, and what they do."""
        roomy = self.app.size.width >= _ROOMY
        names: dict[str, list[str]] = {}
        bindings: dict[str, Binding] = {}
        for item in there:
            binding = item.binding
            if item.enabled and binding.description and binding.action not in _TEXTUALS_OWN:
                names.setdefault(binding.action, []).append(key_name(binding))
                bindings[binding.action] = binding
        parts: Parts = {title: [] for title in _PARTS}
        for action, binding in bindings.items():
            words = (binding.tooltip or binding.description) if roomy else binding.description
            keys = " ".join(sorted(dict.fromkeys(names[action]), key=len)[:2])
            parts[_part_of(action)].append((keys, words[:1].upper() + words[1:]))
        return parts

    def action_close(self) -> None:
        self.dismiss()

    def action_scroll(self, lines: int) -> None:
        self.query_one(KeyList).action_scroll(lines)

    def action_page(self, pages: int) -> None:
        self.query_one(KeyList).action_page(pages)


def call_up_help(app: App[Any]) -> None:
    """Put the help over the screen that is seen; the next time it has its place and its styles already."""
    if isinstance(app.screen, Help):
        return
    if not app.is_screen_installed(_NAME):
        app.install_screen(Help(), _NAME)
    screen = app.get_screen(_NAME, Help)
    screen.tell_of(app.screen)
    app.push_screen(screen)


class KeyList(Pager, can_focus=False):
    """Two columns of keys. One widget, which knows its lines as soon as its width: it is drawn once."""

    def __init__(self) -> None:
        super().__init__(id="help")
        self.border_title = f"pgheadroom {__version__}"
        self._width = 0
        self._columns: list[list[str]] = []

    def offer(self, parts: Parts) -> None:
        """Show these, from the top."""
        columns = [list(_lines(parts, left=left)) for left in (True, False)]
        if columns != self._columns:
            self._columns, self._width = columns, 0
            self.refresh(layout=True)
        self.action_scroll(-len(self._all))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as there are at this width."""
        if width != self._width:
            self._width = width
            self._all = self._lines = self._set_out(width)
        return len(self._all)

    def _set_out(self, width: int) -> list[Line]:
        half = width // 2
        left, right = ([line for text in column for line in _wrapped(text, half)] for column in self._columns)
        both = zip_longest(left, right, fillvalue=())
        head = wrap_line([Cell(_EVERYWHERE, "dim")], width, "")
        return [*head, *((*fit_line(one, half), *fit_line(other, width - half)) for one, other in both)]

    def on_resize(self) -> None:
        height = self.size.height
        self._lines = self._lines[:height]
        self.action_scroll(0)

    def action_scroll(self, lines: int) -> None:
        super().action_scroll(lines)
        seen, every = len(self._lines), len(self._all)
        where = "" if seen == every else self._glyphs(f"{self._first + 1}–{self._first + seen} of {every}")
        if where != (self.border_subtitle or ""):
            self.border_subtitle = where


def _part_of(action: str) -> str:
    name = action.partition("(")[0].rpartition(".")[2]
    return next((title for title, names in _PARTS.items() if name in names), "HERE")


def _lines(parts: Parts, *, left: bool) -> Iterator[str]:
    for title, entries in parts.items():
        if entries and (title in _ON_THE_LEFT) == left:
            yield title
            for keys, words in entries:
                yield f" {keys:<12} {words}"


def _wrapped(text: str, width: int) -> list[Line]:
    """A line of a column; what does not fit goes on below the words that it belongs to."""
    indent = _INDENT if text[:1] == " " else ""
    return wrap_line([Cell(text)], width, indent)
