"""The filter flags of `terminate` and `cancel`, as one filter of the monitor's language."""

import argparse
from collections.abc import Iterator

from pgheadroom.errors import UsageError
from pgheadroom.quantities import written
from pgheadroom.rules.filters.language import Filter, condition, parse_filter, pattern

IDLE_IN_TRANSACTION = "state:idletx,aborted"


def selection(flags: argparse.Namespace) -> Filter:
    """Every filter flag that was given; all must hold.

    Raises:
        UsageError: None was given, or one cannot be read. Everybody is never meant by leaving everything out.
    """
    chosen = parse_filter(" ".join(_conditions(flags)))
    if not chosen:
        raise UsageError("which sessions? Give at least one filter, for instance --idle-longer 10m or --user web")
    return chosen


def _conditions(flags: argparse.Namespace) -> Iterator[str]:
    yield from _spans(flags)
    # Names exactly: PostgreSQL tells `app` from `APP`, and nobody looks at what a script takes in.
    for column, value in (("state", flags.state), ("app", flags.application), ("db", flags.database)):
        if value is not None:
            yield pattern(column, value)
    if flags.user is not None:
        yield condition("user", flags.user)
    if flags.client is not None:
        yield pattern("client", flags.client)
    if flags.filter is not None:
        yield flags.filter


def _spans(flags: argparse.Namespace) -> Iterator[str]:
    spans = (
        ("state:idle age", flags.idle_longer),
        (f"{IDLE_IN_TRANSACTION} age", flags.idle_in_transaction_longer),
        ("xact", flags.transaction_longer),
        ("state:active running", flags.query_longer),
    )
    for words, seconds in spans:
        if seconds is not None:
            yield f"{words}>{written(seconds)}"
