"""Spans of time as PostgreSQL's settings have them, and round values to propose."""

import re
from math import ceil

_UNITS = {"us": 0.000_001, "ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
_AMOUNT = re.compile(r"\s*(\d+(?:\.\d*)?)\s*(us|ms|s|min|h|d)?\s*")
_ROUND = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 43_200, 86_400)
"""Seconds that a person would write."""


def seconds_of(value: str | None, unit: str = "ms") -> float | None:
    """Seconds of a setting's value, `300000`, `5min`; None for what is no span, or is not known."""
    found = _AMOUNT.fullmatch(value or "")
    if found is None:
        return None
    return float(found[1]) * _UNITS[found[2] or unit]


def setting_of(seconds: float) -> str:
    """As it is written for the server: `30s`, `5min`, `2h`."""
    whole = ceil(seconds)
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if whole % size == 0:
            return f"{whole // size}{unit}"
    return f"{whole}s"


def round_up(seconds: float) -> float:
    """The next round span that is not below; beyond a day, whole days."""
    return next((float(one) for one in _ROUND if one >= seconds), 86_400.0 * ceil(seconds / 86_400))


def round_down(seconds: float) -> float:
    """The longest round span that is not above; at least five seconds."""
    return float(max((one for one in _ROUND if one <= seconds), default=_ROUND[0]))
