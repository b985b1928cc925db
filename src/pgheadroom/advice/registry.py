"""The table of all advice: one row is one rule. To add one is to write it in a file of this room, and its row here."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pgheadroom.advice import connections, limits, poolers, slots, timeouts
from pgheadroom.advice.ground import Ground
from pgheadroom.advice.limit_rows import limit_rows, limit_sum
from pgheadroom.advice.oversized import oversized
from pgheadroom.advice.pool_sizes import pool_needs, pool_sum
from pgheadroom.advice.well_set import well_set
from pgheadroom.model.advice import Advice, Counsel
from pgheadroom.words.counts import plural
from pgheadroom.words.durations import duration

Rule = Callable[[Ground], Iterable[Advice]]


@dataclass(frozen=True, slots=True)
class Row:
    """A rule, and what it is about."""

    name: str
    rule: Rule


# In the order in which advice that saves alike is told.
RULES: tuple[Row, ...] = (
    Row("timeouts", timeouts.timeouts),
    Row("limits", limits.limits),
    Row("pools", oversized),
    Row("slots", slots.slots),
    Row("pgbouncer", poolers.poolers),
    Row("dead clients", connections.dead_clients),
    Row("keepalives", connections.keepalives),
    Row("moot timeouts", connections.moot),
)


def pieces(ground: Ground) -> tuple[Advice, ...]:
    """What every rule advises, what would have saved most first."""
    found = [piece for row in RULES for piece in row.rule(ground)]
    return tuple(sorted(found, key=lambda piece: -piece.saves))  # stable: else in the order of the rules


def counsel(ground: Ground) -> Counsel:
    """All that there is to say."""
    needs = pool_needs(ground)
    found = pieces(ground)
    return Counsel(
        looked=looked(ground),
        advice=found,
        well_set=tuple(well_set(ground, found)),
        limits=limit_rows(ground),
        limit_sum=limit_sum(ground).sentence,
        gaps=ground.settings.troubles,
        pools=needs,
        pool_sum=pool_sum(ground, needs),
    )


def looked(ground: Ground) -> str:
    """How long was looked, and how full it was at most."""
    slots = ground.fullest.capacity
    told = f"At most {slots.used} slots were used, {slots.usable} are usable."
    if not ground.watched:
        return f"One look: what happens over time is not known. {told}"
    return f"Looked for {duration(ground.observed.seconds)}, {plural(ground.observed.samples, 'sample')}. {told}"
