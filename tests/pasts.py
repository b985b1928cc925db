"""Histories made by hand: samples one after the other, as numbers or as sessions."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from pgheadroom.history.history import History
from pgheadroom.history.past import Past
from pgheadroom.model.capacity import Capacity, Limit
from pgheadroom.model.session import Session, State
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.rules.facts.capacity import capacity
from samples import NOW, session, snapshot

EMPTY = snapshot()


def moment(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def at(seconds: float, sessions: Iterable[Session] = (), **given: Any) -> Snapshot:
    return snapshot(sessions, taken_at=moment(seconds), **given)


def unused(pid: int, opened: float, used_for: float = 0.5, **given: Any) -> Session:
    """A session opened `opened` seconds after NOW that was used once, and has been idle since."""
    changed = moment(opened + used_for)
    return session(
        pid, State.IDLE, backend_start=moment(opened), state_change=changed, query_start=moment(opened), **given
    )


def past(samples: Iterable[Snapshot]) -> Past:
    """A past that ends with the last of the samples."""
    history = History()
    for sample in samples:
        history.append(sample, capacity(sample))
    return history.past()


def used_slots(values: Sequence[int], step: float = 1.0, usable: int = 97, limit: str = "") -> tuple[Past, Capacity]:
    """A history in which so many slots were used, a sample every `step` seconds, and how it is at its end.

    Args:
        limit: A role of which the limit, not the server, was so full; its limit is `usable`.
    """
    history, now = History(), capacity(EMPTY)
    for number, value in enumerate(values):
        now = _filled(value, usable, limit)
        history.append(replace(EMPTY, taken_at=moment(step * number)), now)
    return history.past(), now


def _filled(value: int, usable: int, limit: str) -> Capacity:
    if limit:
        return replace(capacity(EMPTY), limits=(Limit("role", limit, value, usable),))
    return replace(capacity(EMPTY), used=value, usable=usable, free=max(0, usable - value))
