"""Text in a dialogue."""

from typing import Any

from textual.content import Content
from textual.widgets import Static

from pgheadroom.words.text import safe_lines


class Words(Static):
    """Lines of text, whoever they are from: nothing in them is markup, or obeyed by the terminal."""

    def __init__(self, text: str = "", **given: Any) -> None:
        super().__init__(_content(text), **given)

    def say(self, text: str) -> None:
        """Show this instead."""
        self.update(_content(text))


def _content(text: str) -> Content:
    return Content("\n".join(safe_lines(text)))
