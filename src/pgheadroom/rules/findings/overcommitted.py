"""PgBouncers that can ask for more slots than there are."""

from collections.abc import Iterator

from pgheadroom.model.finding import Finding, Severity
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.facts.overcommit import proposals, sentence
from pgheadroom.words.counts import plural
from pgheadroom.words.wording import severity


def overcommitted(case: Case) -> Iterator[Finding]:
    """The PgBouncers can ask for more slots than there are: a matter for a calm hour, until they do."""
    found = case.overcommitment
    if found is None or not found.exceeds:
        return
    words, urgency = sentence(found), _how_urgent(case)
    yield Finding(
        "pools-overcommitted",
        urgency,
        f"PgBouncer: {words}" + (", and PostgreSQL refuses its logins" if urgency is Severity.CRITICAL else ""),
        (f"{plural(len(found.pools), 'pool')}; {plural(found.direct, 'direct session')}", *proposals(found)[:5]),
        "Cut the largest pools as proposed (pool_size, reserve_pool_size), then RELOAD; or set max_db_connections.",
        lasting="Cut the largest pools as proposed, or set max_db_connections",
        proof=f"all pools together ask for {found.usable} slots at most",
        refuses=urgency is Severity.CRITICAL,
    )


def _how_urgent(case: Case) -> Severity:
    """By what happens now: a full server refuses the logins of a pool that wants more servers, and its clients get that
    refusal; one that nears its end will soon."""
    wanting = any(
        (pool.cl_waiting or pool.sv_login) and (not pool.size or pool.servers < pool.size + pool.reserve)
        for _, pool in case.fresh_pools
    )
    if case.capacity.free == 0 and wanting:
        return Severity.CRITICAL
    near = severity(case.thresholds.usage, case.capacity.used, case.capacity.usable)
    return Severity.NOTICE if near is None else Severity.WARNING
