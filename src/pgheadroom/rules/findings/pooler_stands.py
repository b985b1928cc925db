"""PgBouncers, and databases of them, that are paused, suspended, disabled or full."""

from collections.abc import Iterator

from pgheadroom.model.banner import Banner
from pgheadroom.model.finding import Finding, Proposal, Severity
from pgheadroom.model.pooler_hold import PoolerHold
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.pools.banners import standing
from pgheadroom.rules.pools.commands import command_words
from pgheadroom.words.text import place
from pgheadroom.words.wording import clipped


def pooler_stands(case: Case) -> Iterator[Finding]:
    """What is paused, suspended, disabled or full in a PgBouncer that answers: each refuses or holds up clients. What
    we paused or disabled as a hold does what it is for: that is no trouble."""
    for bouncer in case.snapshot.pgbouncers:
        for banner in standing(bouncer) if not bouncer.trouble else ():
            hold = case.pooler_hold_of(bouncer.name, banner.made_by) if banner.made_by is not None else None
            urgency = Severity.CRITICAL if banner.refuses else Severity.WARNING
            held = f", held since {case.held_for(hold)}" if hold is not None else ""
            yield Finding(
                f"pgbouncer-stands:{bouncer.name}:{banner.name}",
                urgency if hold is None else Severity.NOTICE,
                f"PgBouncer {clipped(place(bouncer.name), 30)}{held}: {clipped(banner.text, 90)}",
                () if hold is None else (f"{command_words(hold.command)} was given by {clipped(hold.os_user)}",),
                _how_to_end(banner) if hold is None else _how_to_let_go(hold),
                proposal=_ending(banner, bouncer.name),
                proof=banner.proof,
                refuses=banner.refuses,
            )


def _ending(banner: Banner, bouncer: str) -> Proposal | None:
    """The question before the command that ends it."""
    if banner.remedy is None:
        return None
    return Proposal(
        None, "", f"{command_words(banner.remedy)}, after a question", command=banner.remedy, bouncer=bouncer
    )


def _how_to_let_go(hold: PoolerHold) -> str:
    return f"L lets it go, once its application is mended: {command_words(hold.undoing)}."


def _how_to_end(banner: Banner) -> str:
    if banner.hint:
        return banner.hint
    if banner.remedy is None:
        return "An administrator of PgBouncer can end it on its console."
    return f"If it is not meant to last: {command_words(banner.remedy)}."
