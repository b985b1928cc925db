"""How much a role may have so that all the others keep enough."""

from pgheadroom.rules.facts.case import Case

_FILLED_TO = 0.75
"""Of what is below the warning, so much may be used under a new limit: who is crowded out now comes back, and who is
refused holds a slot for a moment."""


def level_of_warning(case: Case) -> int:
    """Slots in use from which on the usage is a warning."""
    return max(1, int(case.thresholds.usage.warning.level(case.capacity.usable)))


def limit_that_spares_others(case: Case, role: str) -> int:
    """A CONNECTION LIMIT for a role with which all the others stay well below the warning; at least 1.

    Counted are the others of now, and what their pools in use may still open, of that up to half of what is left.
    """
    others = case.capacity.used - sum(one.user == role for one in case.snapshot.sessions)
    left = int(_FILLED_TO * level_of_warning(case)) - others
    pools = (pool for _, pool in case.fresh_pools if pool.servers and pool.user != role)
    may_grow = sum(max(0, (pool.size or 0) - pool.servers) for pool in pools)
    return max(1, left - min(may_grow, left // 2))


def room_below_warning(case: Case) -> int:
    """Slots that can still be given away before the usage is a warning."""
    return max(0, level_of_warning(case) - 1 - case.capacity.used)


def raised_limit(case: Case, limit: int) -> int:
    """A limit that was reached, raised by what the server has, up to twice; the same where it has nothing."""
    return limit + min(limit, room_below_warning(case))
