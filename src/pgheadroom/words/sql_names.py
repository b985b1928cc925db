"""Names inside SQL that the user may copy and run."""

import re

from pgheadroom.words.text import safe

LETTER, LETTER_OR_DIGIT = r"[^\x00-@\[-^`{-\x7f]", r"[^\x00-/:-@\[-^`{-\x7f]"
OF_A_NAME = r"[^\x00-#%-/:-@\[-^`{-\x7f]"
"""Patterns of one character that a name begins with, and goes on with, also with a $: for PostgreSQL all beyond ASCII
are letters. They say which are none: a range up to the last character takes Python 40 ms to compile."""
_SIMPLE = re.compile(r"[a-z_][a-z0-9_$]*")

# Reserved in PostgreSQL (SQL Key Words, appendix C of the manual): these need quotes even when they look simple.
_RESERVED = frozenset(
    """all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation
    column concurrently constraint create cross current_catalog current_date current_role current_schema current_time
    current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze
    from full grant group having ilike in initially inner intersect into is isnull join lateral leading left like limit
    localtime localtimestamp natural not notnull null offset on only or order outer overlaps placing primary references
    returning right select session_user similar some symmetric system_user table tablesample then to trailing true
    union unique user using variadic verbose when where window with""".split()  # noqa: SIM905 - a word list reads so
)


# How bytes are shown that are no text in the database's encoding: what the name is in truth is not known.
_NOT_READ = re.compile(r"\\x[0-9a-f]{2}")


def quoted(name: str) -> str:
    """The name as SQL needs it, whole: bare where that is the same, else in double quotes; safe to show.

    Characters that a screen would not show, or obey, are written as `U&"\200B"`: copied from the screen it is still the
    same name. Empty for a name that is not known to the byte.
    """
    if _SIMPLE.fullmatch(name) and name not in _RESERVED:
        return name
    if not name or _NOT_READ.search(name):
        return ""
    doubled = name.replace('"', '""')
    if safe(name) == name:
        return f'"{doubled}"'
    return 'U&"' + "".join(map(_escaped, doubled)) + '"'


def literal(text: str) -> str:
    """The text as a string in SQL, whole, and the same whatever `standard_conforming_strings` is; safe to show.

    Empty for a text that is not known to the byte.
    """
    if not text or _NOT_READ.search(text):
        return ""
    doubled = text.replace("'", "''")
    if safe(text) == text and "\\" not in text:
        return f"'{doubled}'"
    return "E'" + "".join(map(_escaped_in_string, doubled)) + "'"


def _escaped_in_string(char: str) -> str:
    if char == "\\":
        return "\\\\"
    if safe(char) == char:
        return char
    return f"\\u{ord(char):04X}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08X}"


def _escaped(char: str) -> str:
    if char == "\\":
        return "\\\\"
    if safe(char) == char:
        return char
    return f"\\{ord(char):04X}" if ord(char) <= 0xFFFF else f"\\+{ord(char):06X}"
