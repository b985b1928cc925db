"""What became of a change whose answer was lost. It is never sent twice: the server is asked how things stand."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from pgheadroom.audit import Audit
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


async def done_and_written(
    audit: Audit,
    action: str,
    change: Awaitable[ChangeResult],
    look: Callable[[], Awaitable[ChangeResult | None]],
    interrupted: str,
) -> tuple[ChangeResult, str]:
    """Make a change that the audit file announces, and write down what came of it.

    Args:
        action: The number under which it is announced.
        look: As for `done_or_found`.
        interrupted: What tells how things stand, should we be ended meanwhile.

    Returns:
        The result, and why it could not be written down; empty when it was.

    Raises:
        UsageError: It may not be asked for.
    """
    try:
        result = await done_or_found(change, look)
    except BaseException:
        audit.complete_command(action, ChangeOutcome.UNKNOWN, f"interrupted: {interrupted}")
        raise
    return result, audit.complete_command(action, result.outcome, result.message)


def came_of_it(outcome: str, message: str, trouble: str) -> str:
    """`done: 5 servers; not written down: ...`: the outcome, what was said of it, what the audit file lacks."""
    return ": ".join(filter(None, (outcome, message))) + (f"; {trouble}" if trouble else "")


async def stays_open() -> None:
    """Nothing to do before the server is asked again: somebody else connects."""
