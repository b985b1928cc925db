r"""A query on its way to a clipboard, and from there into psql: what psql would obey is taken out.

The query is somebody else's text, and need not be SQL at all: the server shows also what it could not parse. psql
obeys a backslash wherever it stands outside of quotes and comments (`\! rm`, `\o file`, `\c other`), and completes a
name at a tab. SQL has a backslash nowhere else, so no statement loses anything. What the SQL itself does is for the
reader to judge.

Source of the rules: psql's own reader, src/fe_utils/psqlscan.l.
"""

import re
from collections.abc import Iterator

from pgheadroom.words.sql_names import LETTER, LETTER_OR_DIGIT, OF_A_NAME
from pgheadroom.words.text import REPLACEMENT, copyable

_COMMON = rf"""
    | (?P<dollar> \$ (?: {LETTER} {LETTER_OR_DIGIT}* )? \$ )
    | "[^"]*"? | --[^\n]* | (?P<comment> /\* )
    | {LETTER} {OF_A_NAME}* | .
"""
_BACKSLASHED = r"'(?: \\. | [^'\\] )*+'?"
_FLAGS = re.VERBOSE | re.DOTALL
_CONFORMING = re.compile(rf"[eE]{_BACKSLASHED} | '[^']*'?" + _COMMON, _FLAGS)
_ESCAPING = re.compile(rf"[eE]?{_BACKSLASHED}" + _COMMON, _FLAGS)
"""How strings read with standard_conforming_strings on, and off: which of them psql takes, its server says."""
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_OUTSIDE = {"\\": REPLACEMENT, "\t": "    "}


def pastable(query: str) -> str:
    """The query with its own lines, nothing in it that a terminal or psql would obey, and no line break at its end: the
    last statement waits for Enter.
    """
    text = copyable(query).rstrip()
    outside = {at for reading in (_CONFORMING, _ESCAPING) for at in _outside(text, reading)}
    return "".join(_OUTSIDE.get(char, char) if at in outside else char for at, char in enumerate(text))


def _outside(text: str, reading: "re.Pattern[str]") -> Iterator[int]:
    """The places of backslashes and tabs that are in no quotes and no comment."""
    done = 0
    while found := reading.match(text, done):
        if found[0] in _OUTSIDE:
            yield done
        done = found.end()
        if found["dollar"]:
            closing = text.find(found[0], done)
            done = closing + len(found[0]) if closing >= 0 else len(text)
        elif found["comment"]:
            done = _comment_end(text, done)


def _comment_end(text: str, begins: int) -> int:
    """Comments nest."""
    depth = 1
    for edge in _COMMENT_EDGE.finditer(text, begins):
        depth += 1 if edge[0] == "/*" else -1
        if not depth:
            return edge.end()
    return len(text)
