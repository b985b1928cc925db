"""Holding back and letting go: written down with what was before, changed, and written down with what came of it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from pgheadroom.acting.powers import Powers
from pgheadroom.deadline import NoAnswer
from pgheadroom.errors import PgHeadroomError, UsageError
from pgheadroom.model.hold import Change, ChangeOutcome, ChangeResult, HoldSite
from pgheadroom.model.ports import Holdings
from pgheadroom.rules.acting.hold import held_words
from pgheadroom.words.wording import clipped

_ASK_AGAIN = 0.5
_ASK_FOR = 20.0
"""Seconds for which the server is asked what a change came to whose answer was lost: it may be starting again."""


class HoldVerb(StrEnum):
    """As it stands in the audit file."""

    HOLD = "hold"
    LET_GO = "let go"


@dataclass(frozen=True, slots=True)
class Changed:
    """A change that was made, or not.

    Attributes:
        trouble: Why its result could not be written down; empty when it was.
    """

    verb: HoldVerb
    change: Change
    result: ChangeResult
    trouble: str = ""

    @property
    def done(self) -> bool:
        return self.result.outcome is ChangeOutcome.DONE

    @property
    def sentence(self) -> str:
        """`hold role web (limit 5): done`, with what the audit file lacks of it; safe to show."""
        what = f"{self.change.kind} {clipped(self.change.name)} ({held_words(self.change.after)})"
        message = f": {self.result.message}" if self.result.message else ""
        trouble = f"; {self.trouble}" if self.trouble else ""
        return f"{self.verb} {what}: {self.result.outcome}{message}{trouble}"


async def _nothing() -> None:
    pass


async def carry_out(
    verb: HoldVerb,
    change: Change,
    site: HoldSite,
    called: tuple[str, str],
    powers: Powers,
    reopen: Callable[[], Awaitable[None]] = _nothing,
) -> Changed:
    """Write down what was before, then change it. Nothing is sent twice: where no answer comes the server is asked.

    Args:
        called: How the user calls the server, and our role.
        reopen: Connects again where nobody else does.

    Raises:
        AuditFailed: It cannot be written down, and nothing was changed.
        UsageError: There is nobody to do it.
    """
    holdings = powers.holdings
    if holdings is None:
        raise UsageError("nothing can be held back here")
    audit_id = powers.audit.intend_change(verb, site.server, called[1], change, called[0])
    try:
        result = await _change(holdings, change, reopen)
    except BaseException:
        interrupted = "interrupted: `pgheadroom hold --list` says what it is"
        powers.audit.complete_command(audit_id, ChangeOutcome.UNKNOWN, interrupted)
        raise
    return Changed(verb, change, result, powers.audit.complete_command(audit_id, result.outcome, result.message))


async def _change(holdings: Holdings, change: Change, reopen: Callable[[], Awaitable[None]]) -> ChangeResult:
    try:
        return await holdings.change(change)
    except NoAnswer as error:
        if not error.asked:
            return ChangeResult(ChangeOutcome.REFUSED, str(error))
        lost = str(error)
    except UsageError:
        raise
    except PgHeadroomError as error:
        lost = str(error)
    return await _asked_again(holdings, change, lost, reopen)


async def _asked_again(
    holdings: Holdings, change: Change, lost: str, reopen: Callable[[], Awaitable[None]]
) -> ChangeResult:
    ends = time.monotonic() + _ASK_FOR
    while time.monotonic() < ends:
        try:
            await reopen()
            site = await holdings.look(numbers=[(change.kind, change.oid)])
        except PgHeadroomError:
            await asyncio.sleep(_ASK_AGAIN)
            continue
        now = site.of(change.kind, change.oid)
        if now is None and site.trouble:
            await asyncio.sleep(_ASK_AGAIN)
            continue
        if now is None:
            return ChangeResult(ChangeOutcome.UNKNOWN, f"{lost}; looked for since: it does not exist any more")
        if change.after.matches(now.grip):
            return ChangeResult(ChangeOutcome.DONE, f"{lost}; read back since: it is {held_words(now.grip)}")
        if change.before.matches(now.grip):
            return ChangeResult(ChangeOutcome.REFUSED, f"{lost}; read back since: it is still {held_words(now.grip)}")
        return ChangeResult(ChangeOutcome.CHANGED, f"{lost}; read back since: it is {held_words(now.grip)}")
    return ChangeResult(ChangeOutcome.UNKNOWN, f"{lost}: it may have happened")
