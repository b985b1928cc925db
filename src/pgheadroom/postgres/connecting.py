"""The event loop's side of an attempt to connect: to wait for it, or to leave it behind."""

import asyncio
from typing import Protocol

from psycopg.errors import OperationalError
from psycopg.pq import PGconn as Line
from psycopg.pq.abc import PGconn

from pgheadroom.deadline import apart

HANGING = 2
"""Attempts at one place that may be left behind at a time: one that computes keeps a processor busy, for hours."""


class Attempt(Protocol):
    """What is waited for: `attempt.Attempt`, or one that has begun already."""

    @property
    def place(self) -> tuple[object, ...]:
        """Where it leads, as far as the parameters say."""

    @property
    def over(self) -> bool:
        """It has ended, however."""

    def run(self) -> PGconn:
        """Connect; for a thread."""

    def give_up(self) -> None:
        """End it as soon as possible."""


_left: set[Attempt] = set()


async def connected(attempt: Attempt, deadline: float) -> PGconn:
    """What an attempt connects within `deadline` seconds. Whatever libpq does, this ends then, or when it is cancelled.

    Raises:
        psycopg.Error: Nobody lets us in, or earlier attempts at the same place still hang.
        TimeoutError: No answer in time.
    """
    _check_room(attempt)
    coming = apart(attempt.run, Line.finish)
    try:
        await asyncio.wait({coming}, timeout=max(0.0, deadline))
        if coming.done():
            return coming.result()
        raise TimeoutError
    except asyncio.CancelledError:
        if coming.done() and coming.exception() is None:
            coming.result().finish()
        raise
    finally:
        if not coming.done():
            _left.add(attempt)
            coming.cancel()
            attempt.give_up()


def _check_room(attempt: Attempt) -> None:
    _left.difference_update({one for one in _left if one.over})
    if sum(one.place == attempt.place for one in _left) >= HANGING:
        raise OperationalError(f"{HANGING} earlier attempts still hang in looking up the name, or in the login")
