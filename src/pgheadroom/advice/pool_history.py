"""How many connections each application needs, by all that the monitor remembers: up to two hours at a sample a second,
whatever screen was looked at meanwhile."""

from pgheadroom.advice.observed import Whose, sources_of
from pgheadroom.advice.pool_sizes import most_first, need_of
from pgheadroom.history.past import Past
from pgheadroom.history.turnover import HogName
from pgheadroom.model.advice import PoolNeed
from pgheadroom.model.application import family
from pgheadroom.rules.facts.case import Case

_MOST = 5
"""Applications that are told of: those with most sessions at once."""


def remembered_needs(case: Case, past: Past) -> tuple[PoolNeed, ...]:
    """Of the largest applications. Sessions of a role's application in several databases are one application here."""
    totals = {hog: past.hog_series(hog, "total") for hog in past.hogs if hog not in _ours(case)}
    largest = sorted(totals, key=lambda hog: -max(totals[hog][1], default=0))[:_MOST]
    places = _places(case)
    needs = []
    for hog in largest:
        moments, counts = totals[hog]
        busy = [int(whole - rests) for whole, rests in zip(counts, past.hog_series(hog, "idle")[1], strict=True)]
        databases, clients = places.get(hog, (set(), set()))
        whose = Whose(hog.user or "", databases.pop() if len(databases) == 1 else "", hog.application)
        needs.append(need_of(whose, int(max(counts, default=0)), len(clients), moments, busy))
    return most_first(need for need in needs if need is not None)


def _ours(case: Case) -> set[HogName]:
    own = case.snapshot.door.pid
    return {HogName(one.user, family(one.application)) for one in case.snapshot.sessions if one.pid == own}


def _places(case: Case) -> dict[HogName, tuple[set[str], set[str]]]:
    """Which databases each is in now, and where it comes from."""
    found: dict[HogName, tuple[set[str], set[str]]] = {}
    for whose, clients in sources_of(case).items():
        databases, places = found.setdefault(HogName(whose.user, whose.application), (set(), set()))
        databases.add(whose.database)
        places.update(clients)
    return found
