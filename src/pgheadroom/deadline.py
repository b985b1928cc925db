"""Waiting no longer than one can afford, without cancelling what is waited for.

Cancelling a psycopg call on a dead link takes up to 11 seconds, because psycopg first asks the server to cancel and
waits for it. So the question goes on in a task of its own, and only the waiting ends.
"""

import asyncio
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
