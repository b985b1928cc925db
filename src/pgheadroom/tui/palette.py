"""The meanings that cells are drawn with, in the terminal's own sixteen colours.

Those are what the user chose to read, they cost the fewest bytes, and every terminal has them. Meanings only: each also
has a word or a sign, so that the screen reads without colour. They are no CSS classes, because Textual works out each
class anew for each widget: for these that took a quarter of the time to the first picture.
"""

from collections.abc import Mapping

from rich.style import Style

_DIM = Style(dim=True)
_BOLD = Style(bold=True)
_ACCENT = Style(color="cyan")
_BOLD_ACCENT = Style(color="cyan", bold=True)
_PLAIN = Style()

PALETTE: Mapping[str, Style] = {
    "ok": Style(color="green"),
    "warn": Style(color="yellow"),
    "bad": Style(color="red", bold=True),
    "dim": _DIM,
    "strong": _BOLD,
    "accent": _ACCENT,
    "heading": _DIM,
    "sorted": Style(underline=True),
    "title": _BOLD_ACCENT,
    "focus": _BOLD_ACCENT,
    "query": _PLAIN,
    "trend": _ACCENT,
    "reserve": _DIM,
    "active": Style(color="green"),
    "waiting": Style(color="red"),
    "idle": Style(color="blue"),
    "idletx": Style(color="yellow"),
    "aborted": Style(color="magenta"),
    "other": _PLAIN,
    "alert-warn": Style(color="yellow", bold=True, reverse=True),
    "alert-bad": Style(color="red", bold=True, reverse=True),
    "cursor": Style(color="default", reverse=True),
    "cursor-blurred": _BOLD,
    "marked": Style(color="magenta", bold=True),
    "key": _BOLD_ACCENT,
    "keyword": _ACCENT,
    "tab": Style(bold=True, reverse=True),
    "rule": _DIM,
}
