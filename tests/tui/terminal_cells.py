"""What an emulated terminal shows, cell by cell."""

import pyte

_ATTRIBUTES = ("fg", "bg", "bold", "italics", "underscore", "strikethrough", "reverse", "blink")
_SEEN_ON_BLANKS = ("bg", "underscore", "strikethrough", "reverse")


def cells_of(display: pyte.Screen) -> list[list[tuple[str, str]]]:
    """Rows of (text, style); of a blank only what can be seen of its style."""
    found = []
    for y in range(display.lines):
        row = []
        for x in range(display.columns):
            cell = display.buffer[y][x]
            seen = _SEEN_ON_BLANKS if cell.data == " " else _ATTRIBUTES
            row.append((cell.data, " ".join(f"{name}={getattr(cell, name)}" for name in seen)))
        found.append(row)
    return found
