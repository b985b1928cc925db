"""What the columns of an answer must be before it is read: who answers may be anybody.

The first line of each SQL file tells it: `-- rows: int4, text?` (`?`: may be NULL), `-- row:` for exactly one, or
`-- nothing` for a statement that only does something.
"""

from collections.abc import Sequence
from typing import NamedTuple

_OIDS = {
    "bool": 16,
    "bytea": 17,
    "int8": 20,
    "int2": 21,
    "int4": 23,
    "text": 25,
    "oid": 26,
    "int4[]": 1007,
    "text[]": 1009,
    "oid[]": 1028,
    "timestamp": 1114,
    "timestamptz": 1184,
    "timestamptz[]": 1185,
}
"""Source: src/include/catalog/pg_type.dat; they never change."""


class Shape(NamedTuple):
    """Types of the columns, which of them are never NULL, and whether there is exactly one row."""

    types: tuple[int, ...]
    filled: tuple[int, ...]
    single: bool

    @classmethod
    def read(cls, comment: str) -> "Shape | None":
        """From the first line of an SQL file; None when that says something else."""
        if comment.strip() == "-- nothing":
            return cls((), (), False)
        kind, _, columns = comment.removeprefix("--").strip().partition(": ")
        if kind not in ("row", "rows"):
            return None
        words = columns.split(", ")
        return cls(
            tuple(_OIDS[word.removesuffix("?")] for word in words),
            tuple(place for place, word in enumerate(words) if not word.endswith("?")),
            kind == "row",
        )

    def objection(self, rows: Sequence[Sequence[object]]) -> str:
        """Why these rows, of the right types, are not what was asked for; empty when they are."""
        if self.single and len(rows) != 1:
            return f"{len(rows)} rows in place of one"
        if any(row[place] is None for place in self.filled for row in rows):
            return "a value is missing that is never missing"
        return ""
