"""Advice applied and undone: written down with what was before, changed, and written down with what came of it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from pgheadroom.acting.lost_answers import came_of_it, done_and_written, stays_open
from pgheadroom.acting.powers import Powers
from pgheadroom.errors import EXIT_NOT_ALL, PgHeadroomError, UsageError
from pgheadroom.model.advice import Advice
from pgheadroom.model.applied import Alteration, Applied, ApplySite
from pgheadroom.model.hold import ChangeOutcome, ChangeResult
from pgheadroom.model.ports import Alterations
from pgheadroom.rules.acting.applied import Standing, back, still_applied
from pgheadroom.rules.acting.apply import RELOAD, by_hand, catalogue_of, place_words, refusal, value_words


class NotApplied(PgHeadroomError):  # noqa: N818 - it is what happened
    """It cannot be applied, or undone; one line says why."""

    exit_code = EXIT_NOT_ALL


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
        return f"{self.advised.verb} {what}: {came_of_it(self.result.outcome, self.result.message, self.trouble)}"


# --- what would be done -----------------------------------------------------------------------------------------------


async def propose(piece: Advice, own_role: str, powers: Powers) -> tuple[Advised, ApplySite]:
    """What applying a piece of advice would change, by what stands there now.

    Raises:
        NotApplied: It is not for us to apply, or not possible.
        PgHeadroomError: It could not be looked at.
    """
    wanted = piece.applies
    if (why := by_hand(piece)) or wanted is None:
        raise NotApplied(f"not applied: {why}")
    if powers.alterations is None:
        raise UsageError("no advice can be applied here")
    site = await powers.alterations.look_at([wanted.spot])
    if not site.found:
        raise NotApplied(f"not applied: {site.trouble}")
    (found,) = site.found
    why = refusal(found, site, own_role, powers.protected_roles, wanted.value)
    if why:
        powers.audit.refuse_change(ApplyVerb.APPLY, "advice", piece.key, why)
        raise NotApplied(f"not applied: {why}")
    if found.value == wanted.value:
        raise NotApplied(f"nothing to change: {place_words(found.spot)} has {value_words(found.spot, found.value)}")
    return Advised(piece.key, Alteration(found.spot, found.value, wanted.value)), site


async def look_again(recorded: Sequence[Applied], powers: Powers) -> tuple[ApplySite, list[Standing]]:
    """What of it is applied now. Errors as `Alterations.look_at`."""
    if powers.alterations is None:
        raise UsageError("nothing can be undone here")
    spots = dict.fromkeys(one.alteration.spot for one in recorded)
    site = await powers.alterations.look_at(list(spots))
    return site, still_applied(recorded, site)


def undo_of(one: Standing, site: ApplySite, own_role: str, powers: Powers) -> Advised:
    """What undoing it would change.

    Raises:
        NotApplied: It is not possible.
    """
    alteration = back(one)
    if why := refusal(one.found, site, own_role, (), alteration.after):
        powers.audit.refuse_change(ApplyVerb.UNDO, "advice", one.applied.key, why)
        raise NotApplied(f"not undone: {why}")
    return Advised(one.applied.key, alteration, one.applied.action)


# --- doing it ---------------------------------------------------------------------------------------------------------


async def carry_out(
    advised: Advised,
    site: ApplySite,
    called: tuple[str, str],
    powers: Powers,
    reopen: Callable[[], Awaitable[None]] = stays_open,
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
    look = partial(_found, alterations, alteration, reopen)
    interrupted = "`pgheadroom advise --list-applied` says what it is"
    result, trouble = await done_and_written(powers.audit, action, alterations.alter(alteration), look, interrupted)
    return Altered(advised, result, trouble)


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
