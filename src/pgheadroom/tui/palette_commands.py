"""What the command palette offers: every key of the screen under it, by name, and the themes."""

from collections.abc import Callable, Iterator
from typing import Any

from textual.app import App, SystemCommand
from textual.screen import Screen

from pgheadroom.tui.widgets.choices import SCREENS
from pgheadroom.tui.widgets.footer import key_name

_TO_SCREENS = frozenset(f"mode('{mode}')" for _, mode, _ in SCREENS)
_THEMES = ("textual-dark", "textual-light", "ansi-dark", "ansi-light")


def palette_commands(app: App[Any], screen: Screen[Any]) -> Iterator[SystemCommand]:
    """The commands for this screen."""
    for item in screen.active_bindings.values():
        binding = item.binding
        # The palette itself is in the way of going to another screen, until it is closed by the choice.
        enabled = item.enabled or binding.action in _TO_SCREENS
        if enabled and binding.description and "move" not in binding.action:
            title = binding.description[:1].upper() + binding.description[1:]
            yield SystemCommand(title, f"key {key_name(binding)}", _press(app, item.node, binding.action))
    for theme in _THEMES:
        yield SystemCommand(f"Theme {theme}", "colours", lambda theme=theme: setattr(app, "theme", theme))


def _press(app: App[Any], node: Any, action: str) -> Callable[[], Any]:
    async def run() -> None:
        await app.run_action(action, default_namespace=node)

    return run
