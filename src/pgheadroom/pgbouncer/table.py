"""An answer of the admin console: rows whose values are found by the column's name. Pure.

Versions add columns in the middle and rename them (1.12 to 1.25): an unknown column is ignored, a missing one has its
neutral value.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

Record = Mapping[str, object]
Value = object
_SHOWN = 40


class Table(NamedTuple):
    """The columns and rows of one SHOW. Values are as they came, bytes or None; in tests also text and numbers."""

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


class Unreadable(ValueError):  # noqa: N818 - it is what happened
    """A value is not what its column holds. Whoever answers is no PgBouncer, or one that we do not know."""


_WHOLE = re.compile(r"\s*-?[0-9]{1,18}\s*")


def whole(value: Value) -> int | None:
    """A whole number, None when there is none. Some are padded (SHOW USERS)."""
    if type(value) is int:
        return value
    written = text(value)
    return int(written) if _WHOLE.fullmatch(written) else None


def count(value: Value) -> int:
    """A whole number, 0 when there is none.

    Raises:
        Unreadable: It is something else.
    """
    number = whole(value)
    if number is None and text(value).strip():
        raise Unreadable(f"'{text(value)[:_SHOWN]}' is not a number")
    return number or 0


def real(value: Value) -> float:
    """A number, 0 when there is none. SHOW STATS has numeric.

    Raises:
        Unreadable: It is something else, or has no end.
    """
    written = text(value).strip()
    try:
        number = float(written or 0)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise Unreadable(f"'{written[:_SHOWN]}' is not a number")
    return number


def seconds(whole_seconds: Value, microseconds: Value) -> float:
    """`maxwait` and `maxwait_us`, `wait` and `wait_us`: whole seconds, and the rest of them, not the same again."""
    return count(whole_seconds) + count(microseconds) / 1_000_000
