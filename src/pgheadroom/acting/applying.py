"""Advice applied and undone: written down with what was before, changed, and written down with what came of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from pgheadroom.acting.lost_answers import done_or_found
from pgheadroom.acting.powers import Powers
from pgheadroom.errors import UsageError
from pgheadroom.model.applied import Alteration, ApplySite
from pgheadroom.model.hold import ChangeOutcome, ChangeResult
from pgheadroom.model.ports import Alterations
from pgheadroom.rules.acting.apply import RELOAD, catalogue_of, place_words, value_words


class ApplyVerb(StrEnum):
    """As it stands in the audit file."""

    APPLY = "apply"
    UNDO = "undo"


@dataclass(frozen=True, slots=True)
class Advised:
    """A change that is to be made, and which advice it is of.

    Attributes:
        undoes: The action that applied it; empty for one that applies.
    """

    key: str
    alteration: Alteration
    undoes: str = ""

    @property
    def verb(self) -> ApplyVerb:
        return ApplyVerb.UNDO if self.undoes else ApplyVerb.APPLY


@dataclass(frozen=True, slots=True)
class Altered:
    """A change that was made, or not.

    Attributes:
        trouble: Why its result could not be written down; empty when it was.
    """

    advised: Advised
    result: ChangeResult
    trouble: str = ""

    @property
    def done(self) -> bool:
        return self.result.outcome is ChangeOutcome.DONE

    @property
    def sentence(self) -> str:
        """`apply CONNECTION LIMIT 5 for role web: done: ...`; safe to show."""
        alteration = self.advised.alteration
        what = f"{value_words(alteration.spot, alteration.after)} for {place_words(alteration.spot)}"
        said = ": ".join(filter(None, (self.result.outcome, self.result.message)))
        return f"{self.advised.verb} {what}: {said}" + (f"; {self.trouble}" if self.trouble else "")


async def _nothing() -> None:
    pass


async def carry_out(
    advised: Advised,
    site: ApplySite,
    called: tuple[str, str],
    powers: Powers,
    reopen: Callable[[], Awaitable[None]] = _nothing,
) -> Altered:
    """Write down what was before, then change it. Nothing is sent twice: where no answer comes the server is asked.

    Args:
        called: How the user calls the server, and our role.
        reopen: Connects again where nobody else does.

    Raises:
        AuditFailed: It cannot be written down, and nothing was changed.
        UsageError: There is nobody to do it.
    """
    alterations, alteration = powers.alterations, advised.alteration
    if alterations is None:
        raise UsageError("no advice can be applied here")
    server, role = called
    action = powers.audit.intend_alteration(site.server, role, advised.key, alteration, server, advised.undoes)
    try:
        result = await done_or_found(alterations.alter(alteration), partial(_found, alterations, alteration, reopen))
    except BaseException:
        interrupted = "interrupted: `pgheadroom advise --list-applied` says what it is"
        powers.audit.complete_command(action, ChangeOutcome.UNKNOWN, interrupted)
        raise
    return Altered(advised, result, powers.audit.complete_command(action, result.outcome, result.message))


async def _found(
    alterations: Alterations, alteration: Alteration, reopen: Callable[[], Awaitable[None]]
) -> ChangeResult | None:
    await reopen()
    site = await alterations.look_at([alteration.spot])
    now = site.at(alteration.spot)
    if now is None:
        return None
    if not now.there:
        return ChangeResult(ChangeOutcome.UNKNOWN, "looked for since: it does not exist any more")
    told = f"{catalogue_of(alteration.spot)} has {value_words(alteration.spot, now.value)}"
    if now.value == alteration.after:
        read = f"; whether the server has read it is not known: {RELOAD}" if alteration.spot.is_servers else ""
        return ChangeResult(ChangeOutcome.DONE, f"read back since: {told}{read}")
    outcome = ChangeOutcome.REFUSED if now.value == alteration.before else ChangeOutcome.CHANGED
    return ChangeResult(outcome, f"read back since: {told}")
