"""Durations and rates as short words. They get coarser as they grow, so that a calm screen does not change."""

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
UNKNOWN = "-"


def duration(seconds: float | None) -> str:
    """At most six characters: `8s`, `3m12s`, `42m`, `3h07m`, `2d4h`, `75d`; `-` for None."""
    if seconds is None:
        return UNKNOWN
    whole = max(0, int(seconds))
    if whole < MINUTE:
        return f"{whole}s"
    if whole < 10 * MINUTE:
        return f"{whole // MINUTE}m{whole % MINUTE:02}s"
    if whole < HOUR:
        return f"{whole // MINUTE}m"
    if whole < DAY:
        return f"{whole // HOUR}h{whole % HOUR // MINUTE:02}m"
    if whole < 10 * DAY:
        return f"{whole // DAY}d{whole % DAY // HOUR}h"
    return f"{whole // DAY}d"


def round_trip(seconds: float) -> str:
    """A round-trip time, coarse so that noise does not redraw it: `<10ms`, `40ms`, `300ms`, `1.2s`."""
    milliseconds = seconds * 1000
    if milliseconds < 10:
        return "<10ms"
    if milliseconds < 100:
        return f"{int(milliseconds // 10 * 10)}ms"
    if milliseconds < 1000:
        return f"{int(milliseconds // 100 * 100)}ms"
    return f"{seconds:.1f}s"


def interval(seconds: float) -> str:
    """An interval as the user sets it: `0.5s`, `1s`, `10s`."""
    return f"{seconds:g}s"
