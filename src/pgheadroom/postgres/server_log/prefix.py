"""A `log_line_prefix` as a pattern that reads the lines it was put before. Pure.

Source: the manual on log_line_prefix, and log_status_format in src/backend/utils/error/elog.c.
"""

import re
from collections.abc import Iterator

_MOMENT = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?"
_ESCAPES = {
    "a": r".*?",
    "u": r"(?P<user>.*?)",
    "d": r"(?P<database>.*?)",
    "r": r"(?P<host>\S*?)(?:\(\d+\))?",
    "h": r"(?P<host>\S*?)",
    "L": r"\S*?",
    "b": r"[\w \[\]-]*?",
    "p": r"(?P<pid>\d*)",
    "P": r"\d*",
    "t": rf"(?P<moment>{_MOMENT}) \S+",
    "m": rf"(?P<moment>{_MOMENT}) \S+",
    "n": r"(?P<epoch>\d+\.\d+)",
    "i": r"[\w ]*?",
    "e": r"(?P<sqlstate>[0-9A-Z]{5})",
    "c": r"[0-9a-f.]*",
    "l": r"\d*",
    "s": rf"(?:{_MOMENT} \S+)?",
    "v": r"\S*?",
    "x": r"\d*",
    "Q": r"-?\d*",
}
_PIECE = re.compile(r"%(?P<width>-?\d*)(?P<letter>.)|(?P<literal>[^%]+)|(?P<end>%)", re.DOTALL)
SEVERITY = r"(?P<severity>[^\s:][^:]{0,30}?): {1,2}(?:(?P<verbose>[0-9A-Z]{5}): )?(?P<message>.*)"
"""`FATAL:  `, in any language; with log_error_verbosity = verbose the SQLSTATE follows."""


_NAME = re.compile(r"%-?\d*[ud]")
_LONGEST_NAME = 63
"""Bytes of a name that the server takes. Source: NAMEDATALEN, and ProcessStartupPacket."""


class Prefix:
    """A log_line_prefix.

    Attributes:
        pattern: As `pattern_of`.
        reach: Over so many bytes a client may have a say in one line's prefix; 0 where there is no name in it.
    """

    def __init__(self, prefix: str) -> None:
        self.text = prefix
        self.pattern = pattern_of(prefix)
        names = len(_NAME.findall(prefix))
        self.reach = names * (_LONGEST_NAME + 1)
        self._head = re.compile("".join(_pieces(_NAME.split(prefix)[0])))

    def begins(self, text: str) -> bool:
        """Whether a line begins as this does before its first name."""
        found = self._head.match(text)
        return found is not None and found.end() > 0


def pattern_of(prefix: str) -> re.Pattern[str]:
    """A pattern for a whole line, with the groups user, database, host, pid, moment, epoch, sqlstate, severity,
    verbose and message, as far as the prefix has them."""
    return re.compile("".join(_pieces(prefix)) + SEVERITY)


def _pieces(prefix: str) -> Iterator[str]:
    seen: set[str] = set()
    stops = 0
    for piece in _PIECE.finditer(prefix):
        letter = piece["letter"]
        if letter is None:
            yield re.escape(piece["literal"] or "%")
        elif letter == "%":
            yield "%"
        elif letter == "q":
            stops += 1
            yield "(?:"  # what comes behind it is missing in the lines of background processes
        elif letter in _ESCAPES:
            yield _padded(_once(_ESCAPES[letter], seen), piece["width"])
        # Other letters print nothing.
    yield ")?" * stops


def _once(pattern: str, seen: set[str]) -> str:
    """A prefix may name the same thing twice: the first one is read."""
    for name in re.findall(r"\?P<(\w+)>", pattern):
        if name in seen:
            pattern = pattern.replace(f"(?P<{name}>", "(?:")
        seen.add(name)
    return pattern


def _padded(pattern: str, width: str) -> str:
    if not width:
        return pattern
    return f"{pattern} *" if width.startswith("-") else f" *{pattern}"
