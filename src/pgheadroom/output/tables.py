"""Tables of a sample as CSV, for a spreadsheet: the rows of the JSON, one each. Pure."""

import csv
import io
from collections.abc import Sequence

from pgheadroom.analysis import Analysis
from pgheadroom.output.json_ import document
from pgheadroom.wire.sample import Json
from pgheadroom.words.text import safe

TABLES = ("sessions", "hogs", "locks", "pools", "findings")
_FORMULA = ("=", "+", "-", "@")


def to_csv(case: Analysis, table: str) -> str:
    """RFC 4180 but for its line breaks, with a line of names first; without a line break at the end.

    Names stay when there is no row, where they are known.
    """
    told = document(case)
    rows = _pools(told["pgbouncers"]) if table == "pools" else told[table]
    names = list(dict.fromkeys(name for row in rows for name in row))
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_cell(row.get(name)) for name in names] for row in rows)
    return written.getvalue().rstrip("\n")


def _pools(bouncers: Sequence[Json]) -> list[Json]:
    return [{"pgbouncer": bouncer["name"], **pool} for bouncer in bouncers for pool in bouncer["pools"]]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return " ".join(map(_cell, value))
    if isinstance(value, dict):
        return " ".join(f"{name}={_cell(one)}" for name, one in value.items())
    text = safe(str(value))
    # What begins so is run by a spreadsheet: anybody who may connect chooses an application_name.
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text
