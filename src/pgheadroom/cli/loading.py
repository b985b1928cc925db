"""Loading modules without the garbage collector, which would look through all of them again and again."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """While modules are loaded. They stay for good: afterwards the collector leaves what there is alone."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
