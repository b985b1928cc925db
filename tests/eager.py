"""Tasks that begin at once, as Textual has them from Python 3.12 on (`App.run_async`), in every test of a coroutine.

A task runs then up to its first await before the line that made it goes on. Pilot's `run_test` leaves that out, so
that without this the tests would not meet what users meet.
"""

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import pytest


def begin_tasks_at_once() -> None:
    """In the running loop; on 3.11 there is no such thing."""
    if eager := getattr(asyncio, "eager_task_factory", None):
        asyncio.get_running_loop().set_task_factory(eager)


def _with_eager_tasks(test: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(test)
    async def run(*arguments: Any, **named: Any) -> Any:
        begin_tasks_at_once()
        return await test(*arguments, **named)

    return run


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.obj = _with_eager_tasks(item.obj)
