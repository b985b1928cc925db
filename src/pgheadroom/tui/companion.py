"""Somebody who looks over the user's shoulder, on every screen, and does nothing itself."""

from collections.abc import Iterator
from typing import Any, Protocol

from textual.app import ComposeResult


class Companion(Protocol):
    """What the monitor tells whoever accompanies its user."""

    def begin(self) -> None:
        """The monitor runs."""

    def frame(self, body: Iterator[Any]) -> ComposeResult:
        """A screen's body, and what stands beside it."""

    def look(self) -> None:
        """A screen was drawn."""

    def toggle(self) -> None:
        """Hide what stands beside the screens, or show it again."""
