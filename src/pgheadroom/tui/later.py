"""What the first picture does not need: screens, loaded one after the other once it is there.

What is loaded when is decided here. What only few go to, or what takes memory of its own, such as the advice, is loaded
when somebody goes there.
"""

import asyncio
import importlib
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from textual.screen import Screen

_SCREENS = "pgheadroom.tui.screens"
SOON = ("sessions", "locks", "triage", "detail", "help", "pgbouncer", "trends")
"""Screens in the order in which they are likely wanted."""
FIRST_PICTURE = 0.1
"""Seconds after the first sample, by when it is drawn."""
_REST = 0.05
"""Seconds between two of them, in which keys and samples have all of Python."""
_TURNS, _USUAL_TURNS = 0.0005, 0.005
"""Seconds after which the event loop gets its turn while another thread loads a module, and else, as Python has it."""


def made_later(module: str, name: str) -> Callable[[], Screen[Any]]:
    """What Textual calls for a screen when it is first gone to."""
    return lambda: cast("Screen[Any]", getattr(importlib.import_module(f"{_SCREENS}.{module}"), name)())


async def load_soon() -> None:
    """Load what is soon wanted."""
    for module in SOON:
        if f"{_SCREENS}.{module}" not in sys.modules:
            await beside(partial(importlib.import_module, f"{_SCREENS}.{module}"))
            await asyncio.sleep(_REST)


async def beside(load: Callable[[], object]) -> None:
    """Load in a thread, while the event loop has its turn soon whenever it wants one."""
    sys.setswitchinterval(_TURNS)
    try:
        await asyncio.to_thread(load)
    finally:
        sys.setswitchinterval(_USUAL_TURNS)
