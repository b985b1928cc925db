"""How many connections an application needs: by the share of time that so many would have been enough.

A connection is busy while it runs something, and while it rests in a transaction, for a pooler cannot give it to
another one then. What is shorter than the interval of samples is seen by chance: its share comes out right over many of
them, its longest stretch does not.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby, pairwise

from pgheadroom.advice.ground import Ground
from pgheadroom.advice.observed import Used, Whose
from pgheadroom.model.advice import PoolNeed, PoolRow
from pgheadroom.words.counts import plural

_FEWEST_SAMPLES = 10
_MOST_ROWS = 6
_OFTEN = 0.5
"""A size with which somebody waits for more of the time is no choice."""
_SELDOM = 0.01


def pool_needs(ground: Ground) -> tuple[PoolNeed, ...]:
    """Of each application, who has most sessions first. Nothing where too little was seen."""
    if ground.observed.samples < _FEWEST_SAMPLES:
        return ()
    needs = [_need(ground, whose, used) for whose, used in ground.observed.used.items() if used.peak > 1]
    return tuple(sorted(needs, key=lambda need: (-need.peak, need.user, need.database, need.application)))


def _need(ground: Ground, whose: Whose, used: Used) -> PoolNeed:
    rows = tuple(pool_rows(ground.observed.moments, used.busy))
    enough = next(row.size for row in rows if row.waiting <= _SELDOM)
    return PoolNeed(whose.user, whose.database, whose.application, max(1, len(used.clients)), used.peak, rows, enough)


def pool_rows(moments: Sequence[datetime], busy: Mapping[int, int]) -> Iterator[PoolRow]:
    """Sizes worth choosing from, the smallest first, up to the one with which nobody would have waited.

    Args:
        moments: Of all samples.
        busy: How many connections were busy, by the number of the sample; 0 where it is not said.
    """
    series = [busy.get(number, 0) for number in range(len(moments))]
    most = max(1, *series)
    rows = [_row(moments, series, size) for size in range(1, most + 1)]
    wanted = [row for row in rows if row.waiting <= _OFTEN]
    step = -(-len(wanted) // _MOST_ROWS)
    yield from wanted[(len(wanted) - 1) % step :: step]


def _row(moments: Sequence[datetime], series: Sequence[int], size: int) -> PoolRow:
    """What holds at a sample holds until the next one."""
    spans = [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]
    whole = sum(spans)
    waits = [(count > size, span) for count, span in zip(series, spans, strict=False)]
    stretches = [sum(span for _, span in group) for waiting, group in groupby(waits, lambda one: one[0]) if waiting]
    return PoolRow(size, sum(stretches) / whole if whole else 0.0, max(stretches, default=0.0))


def pool_sum(ground: Ground, needs: Sequence[PoolNeed]) -> str:
    """What they come to, against the slots, and the cores where the server is on this machine."""
    if not needs:
        return ""
    usable = ground.case.capacity.usable
    total = sum(need.of_each * need.instances for need in needs)
    cores = f", {plural(ground.cores, 'core')}" if ground.cores else ""
    return f"Together {plural(total, 'connection')}, of {usable} usable slots{cores}."
