"""Loading modules without the garbage collector, which would look through all of them again and again."""

import gc
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SWITCH_OFTEN = 0.0005
"""Seconds after which a thread that waits gets its turn, a tenth of Python's own."""


@contextmanager
def loading() -> Iterator[None]:
    """While modules are loaded. They stay for good: afterwards the collector leaves what there is alone."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def load_beside(module: str) -> None:
    """Load it beside the attempts to connect, which must not wait for it: each needs Python only for moments."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_OFTEN)
    try:
        with loading():
            importlib.import_module(module)
    finally:
        sys.setswitchinterval(usual)
