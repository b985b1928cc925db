"""TOML as it is read, and where in it a key stands, for messages that say where."""

import re
from bisect import bisect_left
from typing import Any

_PIECE = re.compile(
    r'''
      """ (?: \\. | [^\\] )*? """ "{0,2}
    | \'\'\' .*? \'\'\' \'{0,2}
    | " (?: \\. | [^"\\\n] )* "
    | ' [^'\n]* '
    | \# [^\n]*
    | (?P<mark> [\[\]{}\n] )
    ''',
    re.VERBOSE | re.DOTALL,
)


def document(text: str) -> dict[str, Any]:
    """What the text says.

    Raises:
        ValueError: It is not TOML.
        RecursionError: It is nested too deeply.
    """
    import tomllib  # here: most have no file

    return tomllib.loads(text)


def line_of(text: str, path: tuple[str, ...]) -> int | None:
    """The line in which what gives the key begins: TOML has many ways to write one, so TOML is asked."""
    ends, lines = _ends_of_statements(text), text.split("\n")
    place = bisect_left(ends, True, key=lambda end: _holds(_begun(lines[:end]), path))
    if place == len(ends):
        return None
    return ends[place - 1] + 1 if place else 1


def _begun(lines: list[str]) -> dict[str, Any] | None:
    """What the first lines say; None when they are not TOML by themselves."""
    try:
        return document("\n".join(lines) + "\n")
    except ValueError:
        return None


def _ends_of_statements(text: str) -> list[int]:
    """How many lines there are up to the end of each statement, of text that is TOML.

    A line ends one, unless it ends within a text of several lines, or within brackets.
    """
    ends, line, depth = [], 0, 0
    for piece in _PIECE.finditer(text + "\n"):
        mark = piece["mark"]
        line += piece[0].count("\n")
        depth += (mark in ("[", "{")) - (mark in ("]", "}"))
        if mark == "\n" and depth <= 0:
            ends.append(line)
    return ends


def _holds(document: object, path: tuple[str, ...]) -> bool:
    for key in path:
        if not isinstance(document, dict) or key not in document:
            return False
        document = document[key]
    return True
