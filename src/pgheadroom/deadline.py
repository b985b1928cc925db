"""Waiting no longer than one can afford, without cancelling what is waited for.

Cancelling a psycopg call on a dead link takes up to 11 seconds, because psycopg first asks the server to cancel and
waits for it. So the question goes on in a task of its own, and only the waiting ends. What may block in C, where no
task can be cancelled at all, goes on in a thread of its own.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from pgheadroom.errors import PgHeadroomError

Answer = TypeVar("Answer")


class NoAnswer(PgHeadroomError):  # noqa: N818 - it is what happened, in the user's words
    """Nothing came back in time.

    Attributes:
        asked: Whether the question was sent: then what it does may still happen.
    """

    def __init__(self, message: str, *, asked: bool) -> None:
        super().__init__(message)
        self.asked = asked


def clock() -> float:
    """Seconds on the event loop's clock, which never goes back."""
    return asyncio.get_running_loop().time()


async def arrives(task: asyncio.Task[Answer], seconds: float) -> bool:
    """Whether the task ends within `seconds`. It is left running otherwise; its result or error is not touched."""
    if not task.done():
        await asyncio.wait({task}, timeout=max(0.0, seconds))
    return task.done()


def forget(task: asyncio.Task[Answer]) -> None:
    """Let an abandoned task end in its own time: its error is nobody's business any more."""
    task.add_done_callback(_look_away)


def _look_away(task: asyncio.Task[Answer]) -> None:
    if not task.cancelled():
        task.exception()


_apart: set[threading.Thread] = set()


def apart(work: Callable[[], Answer], unclaimed: Callable[[Answer], object]) -> "asyncio.Future[Answer]":
    """Begin `work` in a thread that nothing waits for, not even the end of the program.

    Args:
        unclaimed: Takes the result when the future was cancelled before it came.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Answer] = loop.create_future()

    def settle(result: Answer | None, error: BaseException | None) -> None:
        if error is None:
            unclaimed(result) if future.cancelled() else future.set_result(result)  # type: ignore[arg-type]
        elif not future.cancelled():
            future.set_exception(error)

    def run() -> None:
        result: Answer | None = None
        error: BaseException | None = None
        try:
            result = work()
        except BaseException as raised:  # whoever waits for the future gets it
            error = raised
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:  # the loop is closed: the program ends
            if error is None:
                unclaimed(result)  # type: ignore[arg-type]

    in_thread(run, "apart")
    return future


def in_thread(work: Callable[[], object], name: str) -> None:
    """Begin `work`, which raises nothing, in a thread that nothing waits for."""

    def run() -> None:
        try:
            work()
        finally:
            _apart.discard(threading.current_thread())

    thread = threading.Thread(target=run, name=name, daemon=True)
    _apart.add(thread)
    thread.start()


def left_behind() -> int:
    """How many threads of `in_thread` still run. While they do, the interpreter must not be taken down around them."""
    return len(_apart)
