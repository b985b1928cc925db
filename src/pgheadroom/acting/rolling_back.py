"""The end of a prepared transaction: written down, done, and written down with what came of it."""

import asyncio
import time

from pgheadroom.acting.powers import Powers
from pgheadroom.deadline import NoAnswer
from pgheadroom.errors import PgHeadroomError, UsageError
from pgheadroom.model.hold import ChangeOutcome, ChangeResult
from pgheadroom.model.ports import Rollbacks
from pgheadroom.model.snapshot import PreparedTransaction

_ASK_AGAIN = 0.5
_ASK_FOR = 20.0
"""Seconds for which the server is asked what became of it, where the answer was lost: it may be starting again."""


async def roll_back(prepared: PreparedTransaction, server: str, role: str, powers: Powers) -> str:
    """Roll it back. Nothing is sent twice: where no answer comes it is looked for again.

    Args:
        server: How the user calls it.
        role: Ours.

    Returns:
        What came of it, and what the audit file lacks of it.

    Raises:
        AuditFailed: It cannot be written down, and nothing was done.
        UsageError: There is nobody to do it.
    """
    if powers.rollbacks is None:
        raise UsageError("no prepared transaction can be rolled back here")
    audit_id = powers.audit.intend_rollback(server, role, prepared)
    try:
        result = await _done(powers.rollbacks, prepared)
    except BaseException:
        powers.audit.complete_command(audit_id, ChangeOutcome.UNKNOWN, "interrupted: pg_prepared_xacts tells")
        raise
    trouble = powers.audit.complete_command(audit_id, result.outcome, result.message)
    return ": ".join(filter(None, (str(result.outcome), result.message))) + (f"; {trouble}" if trouble else "")


async def _done(rollbacks: Rollbacks, prepared: PreparedTransaction) -> ChangeResult:
    try:
        return await rollbacks.roll_back(prepared)
    except NoAnswer as error:
        if not error.asked:
            return ChangeResult(ChangeOutcome.REFUSED, str(error))
        lost = str(error)
    except UsageError:
        raise
    except PgHeadroomError as error:
        lost = str(error)
    return await _looked_for(rollbacks, prepared, lost)


async def _looked_for(rollbacks: Rollbacks, prepared: PreparedTransaction, lost: str) -> ChangeResult:
    ends = time.monotonic() + _ASK_FOR
    while time.monotonic() < ends:
        try:
            is_there = await rollbacks.is_prepared(prepared)
        except (PgHeadroomError, LookupError):
            await asyncio.sleep(_ASK_AGAIN)
            continue
        if is_there:
            return ChangeResult(ChangeOutcome.REFUSED, f"{lost}; looked for since: it is still there")
        return ChangeResult(ChangeOutcome.DONE, f"{lost}; looked for since: it is gone")
    return ChangeResult(ChangeOutcome.UNKNOWN, f"{lost}: it may have happened")
