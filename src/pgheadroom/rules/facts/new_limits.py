"""Limits that were set while we looked: who runs against one is held back on purpose, and that is no new trouble."""

from pgheadroom.history.history import LIMITS_KEPT
from pgheadroom.history.past import Past
from pgheadroom.model.capacity import Limit

WINDOW = 1800.0
"""Seconds of history in which a limit is new; after them a role that still runs against it is told of like others."""


def set_meanwhile(past: Past, limit: Limit) -> bool:
    """Whether a role had sessions in the last half hour, and no limit then. What it was raised or lowered from is not
    known."""
    _, counted = past.limit_series(limit, WINDOW)
    totals = [0.0] * len(counted)
    for hog in past.hogs:
        if hog.user == limit.name:
            totals = [
                total + more for total, more in zip(totals, past.hog_series(hog, "total", WINDOW)[1], strict=True)
            ]
    return any(total and not known for total, known in zip(totals, counted, strict=True))


def all_kept(count: int) -> bool:
    """Whether a history keeps that many limits; of those that it drops, the time before is not known."""
    return count <= LIMITS_KEPT
