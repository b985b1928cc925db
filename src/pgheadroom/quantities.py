"""Durations as people write them on a command line or in a configuration file."""

import re

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|min|s|m|h|d)", re.IGNORECASE)
_PLAIN = re.compile(r"\d+(?:\.\d+)?")

LONGEST = 1e10
"""Seconds, some three hundred years: what is longer is a mistake, and no calendar holds it."""
_SHOWN, _MOST_READ = 40, 400
"""Characters of what somebody wrote: that are shown again, and that are looked at."""

SHORTEST_INTERVAL = 0.2
LONGEST_INTERVAL = 60.0
INTERVAL_RULE = f"{SHORTEST_INTERVAL:g} to {LONGEST_INTERVAL:g} seconds, for instance 2, 2s or 500ms"


def seconds(text: str) -> float:
    """Seconds of a duration: `90`, `500ms`, `2s`, `10m`, `1h30m`, `2d`. A plain number is seconds.

    Raises:
        ValueError: It is not a duration.
    """
    bare = text.strip()[:_MOST_READ]
    plain = _PLAIN.fullmatch(bare)
    parts = [(bare, "s")] if plain else _PART.findall(bare)
    if not parts or (not plain and _PART.sub("", bare).strip()):
        raise ValueError(f"'{_short(text)}' is not a duration like 30s, 10m, 1h30m or 2d")
    amount = float(sum(float(number) * _UNITS[unit.lower()] for number, unit in parts))
    if amount > LONGEST:
        raise ValueError(f"'{_short(text)}' is longer than any session lives")
    return amount


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def written(amount: float) -> str:
    """Seconds so that `seconds` reads them again: `2d`, `90m`, `45s`, `1500ms`; exact to the millisecond."""
    milliseconds = round(amount * 1000)
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"


def interval(given: str | float) -> float:
    """Seconds between two samples.

    Raises:
        ValueError: Not a duration, or not between 0.2 and 60 seconds.
    """
    try:
        value = seconds(given) if isinstance(given, str) else float(given)
    except (ValueError, OverflowError):
        raise ValueError(f"'{_short(str(given))}' is not an interval; allowed: {INTERVAL_RULE}") from None
    if not SHORTEST_INTERVAL <= value <= LONGEST_INTERVAL:
        raise ValueError(f"{_short(str(given))} is out of range; allowed: {INTERVAL_RULE}")
    return value
