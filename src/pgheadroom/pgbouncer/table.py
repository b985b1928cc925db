"""An answer of the admin console: rows whose values are found by the column's name. Pure.

Versions add columns in the middle and rename them (1.12 to 1.25): an unknown column is ignored, a missing one has its
neutral value.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

Record = Mapping[str, object]
Value = object


class Table(NamedTuple):
    """The columns and rows of one SHOW. Values are as psycopg gives them: bytes or text, numbers, None."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[Value, ...]]

    def records(self) -> Iterator[Record]:
        """Each row by column name."""
        for row in self.rows:
            yield dict(zip(self.columns, row, strict=True))

    def values(self, name: str, missing: Value = None) -> list[Value]:
        """One column, `missing` in every row if there is no such column."""
        if name not in self.columns:
            return [missing] * len(self.rows)
        place = self.columns.index(name)
        return [row[place] for row in self.rows]

    def lacks(self, names: Iterable[str]) -> list[str]:
        """Which of these columns it does not have."""
        return [name for name in names if name not in self.columns]


NOTHING = Table((), ())


@lru_cache(maxsize=16384)
def _decoded(raw: bytes) -> str:
    # The same few users, applications and addresses in thousands of rows, second after second: one string for each.
    return raw.decode("utf-8", "backslashreplace")


def text(value: Value) -> str:
    """A name, also one that is not UTF-8; empty for NULL."""
    if isinstance(value, bytes):
        return _decoded(value)
    return "" if value is None else str(value)


def whole(value: Value) -> int | None:
    """A whole number, None when there is none. Some are text, and padded (SHOW USERS)."""
    if type(value) is int:
        return value
    try:
        return int(text(value))
    except ValueError:
        return None


def count(value: Value) -> int:
    """A whole number, 0 when there is none."""
    return whole(value) or 0


def real(value: Value) -> float:
    """A number, 0 when there is none. SHOW STATS has numeric."""
    try:
        return float(text(value))
    except ValueError:
        return 0.0


def seconds(whole_seconds: Value, microseconds: Value) -> float:
    """`maxwait` and `maxwait_us`, `wait` and `wait_us`: whole seconds, and the rest of them, not the same again."""
    return count(whole_seconds) + count(microseconds) / 1_000_000
