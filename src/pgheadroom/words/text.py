"""Text from a server on its way to a terminal: made harmless, measured in cells, fitted to a column.

Anyone who may connect can choose an `application_name` or a query text. Whatever a terminal would obey (escape
sequences, C1 controls, bidirectional overrides) is replaced here; nothing else may be put on a screen or into a report.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

REPLACEMENT = "\ufffd"
ELLIPSIS = "…"

# Line breaks, and what is shown as a blank and is none (no-break space, spaces of other widths, the empty Braille
# pattern): two names that differ only in them look the same, so that they are the same here, and are escaped in SQL.
_BLANK = re.compile("[\t\n\r\x0b\x0c\u00a0\u1680\u2000-\u200a\u202f\u205f\u2800\u3000]")
# Obeyed by terminals, or able to reorder what is read (UAX 9): C0, DEL, C1, bidi marks and overrides, separators.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"})
# Invisible, and terminals disagree about the width of what they join: soft hyphen, fillers, joiners, variation
# selectors, skin tones. Without them each part has a width that all agree on.
_DROPPED = re.compile(
    "[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\U0001f3fb-\U0001f3ff\U000e0100-\U000e01ef]"
)
# Made wide by Unicode 16: terminals of different ages draw them in different widths.
_UNSETTLED = re.compile("[\u2630-\u2637\u268a-\u268f\u4dc0-\u4dff\U0001d300-\U0001d37f]")


@lru_cache(maxsize=8192)
def _shown(char: str) -> str:
    if _DROPPED.match(char):
        return ""
    if unicodedata.category(char) in _UNSAFE_CATEGORIES or _UNSETTLED.match(char):
        return REPLACEMENT
    return char


def safe(text: str) -> str:
    """The text on one line, without anything that a terminal would obey; never longer in characters than it was."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_shown, _BLANK.sub(" ", text)))


def safe_lines(text: str) -> list[str]:
    """The text's own lines, each one made safe; tabs become spaces up to the next multiple of four."""
    return [safe(line.expandtabs(4)) for line in re.split(r"\r\n|\n|\r", text)]


def copyable(text: str) -> str:
    """A text on its way to a clipboard, and from there into another terminal: its own lines and tabs stay, nothing that
    a terminal would obey does."""
    return "\n".join("\t".join(map(safe, line.split("\t"))) for line in re.split(r"\r\n|\n|\r", text))


_CONJOINING_JAMO = frozenset((*range(0x1160, 0x1200), *range(0xD7B0, 0xD7FF)))


@lru_cache(maxsize=8192)
def char_width(char: str) -> int:
    """Terminal cells of one character: 0 for combining marks, 2 for wide ones (Unicode's East Asian Width W and F)."""
    if unicodedata.category(char) in {"Mn", "Me", "Mc"} or ord(char) in _CONJOINING_JAMO:
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


def wrap(text: str, width: int) -> list[str]:
    """A safe text in pieces of at most `width` cells, cut at spaces where there are any."""
    pieces: list[str] = []
    while cell_width(text) > width > 0:
        cut = _fitting(text, width)
        space = text.rfind(" ", 0, cut + 1)
        cut = space if space > cut // 2 else cut
        pieces.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return [*pieces, text]


def pieces_of(word: str, width: int) -> Iterator[str]:
    """A safe word in pieces of at most `width` cells, cut behind `_` and `/` where it has them; nothing is left out."""
    while cell_width(word) > width:
        cut = _fitting(word, width)
        joint = max(word.rfind("_", 0, cut), word.rfind("/", 0, cut)) + 1
        cut = joint or cut
        yield word[:cut]
        word = word[cut:]
    yield word


def _fitting(text: str, width: int) -> int:
    """How many characters fit into `width` cells, at least one."""
    used = 0
    for index, char in enumerate(text):
        used += char_width(char)
        if used > width:
            return max(1, index)
    return len(text)


def place(name: str) -> str:
    """A server's name in few cells: of a Unix socket's folder only the last part, `pgbouncer:6432`."""
    return safe(name.rsplit("/", 1)[-1] if name.startswith("/") else name)
