"""Which findings hang together, so that they are one trouble and one message. Pure."""

from collections.abc import Iterable

from pgheadroom.model.finding import Finding
from pgheadroom.rules.findings.registry import SERVER_SLOTS

NO_ROOM = "no-room"
"""The key of what is found when a server has no room for us."""
_SLOTS = frozenset({SERVER_SLOTS, "reserve-in-use", "filling-soon", NO_ROOM})
"""Keys that all tell of the server's slots."""


def lasting_key(key: str) -> str:
    """The key without a pid in it: the next holder in the same queue is the same trouble."""
    family, _, rest = key.partition(":")
    return family if rest.isdigit() else key


def hang_together(one: Finding, others: Iterable[Finding]) -> bool:
    """Whether a finding is about the same trouble as one of the others."""
    return any(_related(one, other) for other in others)


def _related(one: Finding, other: Finding) -> bool:
    if lasting_key(one.key) == lasting_key(other.key) or {one.key, other.key} <= _SLOTS:
        return True
    if _explained(one, other) or _explained(other, one):
        return True
    mine, theirs = set(one.sessions), set(other.sessions)
    return 2 * len(mine & theirs) >= min(len(mine), len(theirs)) > 0


def _explained(cause: Finding, effect: Finding) -> bool:
    """Whether one brings the other about. Of several limits only that of the same sessions is meant."""
    if cause.explains != effect.family:
        return cause.explains == SERVER_SLOTS and effect.key in _SLOTS
    if effect.family == SERVER_SLOTS or not cause.sessions or not effect.sessions:
        return True
    return not set(cause.sessions).isdisjoint(effect.sessions)
