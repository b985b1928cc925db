"""The median. The standard library's loads decimals and fractions, for which no command that looks once should wait."""

from collections.abc import Iterable


def median(values: Iterable[float]) -> float:
    """The middle one, or the mean of the two in the middle.

    Raises:
        ValueError: There is none.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no median of nothing")
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
