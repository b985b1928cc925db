"""Names inside SQL that the user may copy and run."""

import re

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


def quoted(name: str) -> str:
    """The name as SQL needs it: bare where that is the same, else in double quotes."""
    if _SIMPLE.fullmatch(name) and name not in _RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'
