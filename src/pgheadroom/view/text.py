"""Text from a server on its way to a terminal: made harmless, measured in cells, fitted to a column.

Anyone who may connect can choose an `application_name` or a query text. Whatever a terminal would obey (escape sequences,
C1 controls, bidirectional overrides) is replaced here; nothing else may be put on a screen or into a report.
"""

import re
import unicodedata
from functools import lru_cache

REPLACEMENT = "\ufffd"
ELLIPSIS = "…"

# Obeyed by terminals, or able to reorder what is read: C0 and C1 controls, DEL, bidi marks and overrides, line and
# paragraph separators, interlinear and tag characters, lone surrogates, the byte-order mark.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e0fff\ud800-\udfff]"
)
_BLANK = re.compile("[\t\n\r]")
# Terminals disagree about the width of joined sequences; without the joiners each part has a width all agree on.
_JOINERS = re.compile("[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u3164\ufe00-\ufe0f\uffa0]")
_SKIN_TONES = re.compile("[\U0001f3fb-\U0001f3ff]")


def safe(text: str) -> str:
    """The text on one line, without anything that a terminal would obey; never longer in characters than it was."""
    if text.isascii() and text.isprintable():
        return text
    text = _BLANK.sub(" ", text)
    text = _UNSAFE.sub(REPLACEMENT, text)
    if text.isascii():
        return text
    return _SKIN_TONES.sub("", _JOINERS.sub("", text))


def safe_lines(text: str) -> list[str]:
    """The text's own lines, each one made safe; tabs become spaces up to the next multiple of four."""
    return [safe(line.expandtabs(4)) for line in re.split(r"\r\n|\n|\r", text)]


@lru_cache(maxsize=8192)
def char_width(char: str) -> int:
    """Terminal cells of one character: 0 for combining marks, 2 for wide ones (Unicode's East Asian Width W and F)."""
    if unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def cell_width(text: str) -> int:
    """Terminal cells of a safe text."""
    return len(text) if text.isascii() else sum(map(char_width, text))


def fit(text: str, width: int, align: str = "<") -> str:
    """A safe text cut or padded to exactly `width` cells; what was cut off ends in an ellipsis.

    `align` is `<` (left) or `>` (right). A wide character that would be cut in half is left out whole.
    """
    if width <= 0:
        return ""
    used = cell_width(text)
    if used > width:
        text, used = _cut(text, width)
    padding = " " * (width - used)
    return padding + text if align == ">" else text + padding


def _cut(text: str, width: int) -> tuple[str, int]:
    if text.isascii():
        return text[: width - 1] + ELLIPSIS, width
    kept: list[str] = []
    used = 0
    for char in text:
        step = char_width(char)
        if used + step > width - 1:
            break
        kept.append(char)
        used += step
    return "".join(kept) + ELLIPSIS, used + 1
