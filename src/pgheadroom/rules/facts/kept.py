"""What was worked out of values that do not change is kept while the same ones come again, as they do each sample."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_KEPT = 4
"""Results of one function: a live server's, and those of a recording beside it."""


def of_the_same(function: Callable[P, R]) -> Callable[P, R]:
    """Remembers what a pure function made of its last arguments. They are compared by identity, and never changed."""
    kept: list[tuple[tuple[object, ...], R]] = []

    @wraps(function)
    def remembering(*args: P.args, **others: P.kwargs) -> R:
        for known, result in kept:
            if all(one is other for one, other in zip(known, args, strict=True)):
                return result
        result = function(*args, **others)
        kept.insert(0, (args, result))
        del kept[_KEPT:]
        return result

    return remembering
