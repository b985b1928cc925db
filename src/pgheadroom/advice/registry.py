"""The table of all advice: one row is one rule. To add one is to write it in a file of this room, and its row here."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pgheadroom.advice import connections, limits, poolers, slots, timeouts
from pgheadroom.advice.ground import Ground
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
    Row("slots", slots.slots),
    Row("pgbouncer", poolers.poolers),
    Row("dead clients", connections.dead_clients),
    Row("keepalives", connections.keepalives),
    Row("moot timeouts", connections.moot),
)


def counsel(ground: Ground) -> Counsel:
    """What every rule advises, what would have saved most first."""
    found = [piece for row in RULES for piece in row.rule(ground)]
    needs = pool_needs(ground)
    found.sort(key=lambda piece: -piece.saves)  # stable: else in the order of the rules
    return Counsel(
        looked=_looked(ground),
        advice=tuple(found),
        well_set=tuple(well_set(ground, found)),
        limits=limits.limit_rows(ground),
        limit_sum=limits.limit_sum(ground),
        gaps=ground.settings.troubles,
        pools=needs,
        pool_sum=pool_sum(ground, needs),
    )


def _looked(ground: Ground) -> str:
    slots = ground.fullest.capacity
    told = f"At most {slots.used} slots were used, {slots.usable} are usable."
    if not ground.watched:
        return f"One look: what happens over time is not known (--watch 10m looks for so long). {told}"
    return f"Looked for {duration(ground.observed.seconds)}, {plural(ground.observed.samples, 'sample')}. {told}"
