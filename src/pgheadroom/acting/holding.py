"""Holding back and letting go: written down with what was before, changed, and written down with what came of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from pgheadroom.acting.lost_answers import came_of_it, done_and_written, stays_open
from pgheadroom.acting.powers import Powers
from pgheadroom.errors import UsageError
from pgheadroom.model.hold import Change, ChangeOutcome, ChangeResult, HoldSite
from pgheadroom.model.ports import Holdings
from pgheadroom.rules.acting.hold import held_words
from pgheadroom.words.wording import clipped


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
        return f"{self.verb} {what}: {came_of_it(self.result.outcome, self.result.message, self.trouble)}"


async def carry_out(
    verb: HoldVerb,
    change: Change,
    site: HoldSite,
    called: tuple[str, str],
    powers: Powers,
    reopen: Callable[[], Awaitable[None]] = stays_open,
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
    look = partial(_read_back, holdings, change, reopen)
    interrupted = "`pgheadroom hold --list` says what it is"
    result, trouble = await done_and_written(powers.audit, audit_id, holdings.change(change), look, interrupted)
    return Changed(verb, change, result, trouble)


async def _read_back(holdings: Holdings, change: Change, reopen: Callable[[], Awaitable[None]]) -> ChangeResult | None:
    await reopen()
    site = await holdings.look(numbers=[(change.kind, change.oid)])
    now = site.of(change.kind, change.oid)
    if now is None:
        gone = ChangeResult(ChangeOutcome.UNKNOWN, "looked for since: it does not exist any more")
        return None if site.trouble else gone
    if change.after.matches(now.grip):
        return ChangeResult(ChangeOutcome.DONE, f"read back since: it is {held_words(now.grip)}")
    if change.before.matches(now.grip):
        return ChangeResult(ChangeOutcome.REFUSED, f"read back since: it is still {held_words(now.grip)}")
    return ChangeResult(ChangeOutcome.CHANGED, f"read back since: it is {held_words(now.grip)}")
