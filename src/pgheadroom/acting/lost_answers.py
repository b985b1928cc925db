"""What became of a change whose answer was lost. It is never sent twice: the server is asked how things stand."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from pgheadroom.deadline import NoAnswer
from pgheadroom.errors import PgHeadroomError, UsageError
from pgheadroom.model.hold import ChangeOutcome, ChangeResult

ASK_AGAIN = 0.5
ASK_FOR = 20.0
"""Seconds for which the server is asked: it may be starting again."""


async def done_or_found(
    change: Awaitable[ChangeResult], look: Callable[[], Awaitable[ChangeResult | None]]
) -> ChangeResult:
    """The result of a change, or where its answer was lost what is found in its place.

    Args:
        look: Says how things stand now; None, or a `PgHeadroomError`, where that cannot be told yet.

    Raises:
        UsageError: It may not be asked for.
    """
    try:
        return await change
    except NoAnswer as error:
        if not error.asked:
            return ChangeResult(ChangeOutcome.REFUSED, str(error))
        lost = str(error)
    except UsageError:
        raise
    except PgHeadroomError as error:
        lost = str(error)
    ends = time.monotonic() + ASK_FOR
    while time.monotonic() < ends:
        try:
            found = await look()
        except PgHeadroomError:
            found = None
        if found is not None:
            return ChangeResult(found.outcome, f"{lost}; {found.message}")
        await asyncio.sleep(ASK_AGAIN)
    return ChangeResult(ChangeOutcome.UNKNOWN, f"{lost}: it may have happened")
