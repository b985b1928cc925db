"""The event loop's side of an attempt to connect: to wait for it, or to leave it behind."""

import asyncio

from psycopg.pq import PGconn as Line
from psycopg.pq.abc import PGconn

from pgheadroom.deadline import apart
from pgheadroom.postgres.attempt import Attempt


async def connected(attempt: Attempt, deadline: float) -> PGconn:
    """What an attempt connects within `deadline` seconds. Whatever libpq does, this ends then, or when it is cancelled.

    Raises:
        psycopg.Error: Nobody lets us in.
        TimeoutError: No answer in time.
    """
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
        coming.cancel()
        attempt.give_up()
