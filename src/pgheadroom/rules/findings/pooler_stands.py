"""PgBouncers, and databases of them, that are paused, suspended, disabled or full."""

from collections.abc import Iterator

from pgheadroom.model.banner import Banner
from pgheadroom.model.finding import Finding, Severity
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.pools.banners import standing
from pgheadroom.words.text import safe
from pgheadroom.words.wording import clipped


def pooler_stands(case: Case) -> Iterator[Finding]:
    """What is paused, suspended, disabled or full in a PgBouncer that answers: each refuses or holds up clients."""
    for bouncer in case.snapshot.pgbouncers:
        for banner in standing(bouncer) if not bouncer.trouble else ():
            yield Finding(
                f"pgbouncer-stands:{bouncer.name}:{banner.name}",
                Severity.CRITICAL if banner.refuses else Severity.WARNING,
                f"PgBouncer {clipped(bouncer.name, 30)}: {clipped(banner.text, 90)}",
                (),
                _how_to_end(banner),
                proof=banner.proof,
                refuses=banner.refuses,
            )


def _how_to_end(banner: Banner) -> str:
    if banner.hint:
        return banner.hint
    if banner.remedy is None:
        return "An administrator of PgBouncer can end it on its console."
    return f"If it is not meant to last: {banner.remedy.verb} {safe(banner.remedy.database)}".rstrip() + "."
