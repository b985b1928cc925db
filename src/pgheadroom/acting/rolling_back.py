"""The end of a prepared transaction: written down, done, and written down with what came of it."""

from functools import partial

from pgheadroom.acting.lost_answers import came_of_it, done_and_written
from pgheadroom.acting.powers import Powers
from pgheadroom.errors import UsageError
from pgheadroom.model.hold import ChangeOutcome, ChangeResult
from pgheadroom.model.ports import Rollbacks
from pgheadroom.model.snapshot import PreparedTransaction


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
    rollbacks = powers.rollbacks
    if rollbacks is None:
        raise UsageError("no prepared transaction can be rolled back here")
    audit_id = powers.audit.intend_rollback(server, role, prepared)
    look = partial(_looked_for, rollbacks, prepared)
    result, trouble = await done_and_written(
        powers.audit, audit_id, rollbacks.roll_back(prepared), look, "pg_prepared_xacts tells"
    )
    return came_of_it(result.outcome, result.message, trouble)


async def _looked_for(rollbacks: Rollbacks, prepared: PreparedTransaction) -> ChangeResult | None:
    try:
        is_there = await rollbacks.is_prepared(prepared)
    except LookupError:
        return None
    if is_there:
        return ChangeResult(ChangeOutcome.REFUSED, "looked for since: it is still there")
    return ChangeResult(ChangeOutcome.DONE, "looked for since: it is gone")
