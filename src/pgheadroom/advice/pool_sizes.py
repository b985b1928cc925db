"""How many connections an application needs: by the share of time that so many would have been enough.

A connection is busy while it runs something, and while it rests in a transaction, for a pooler cannot give it to
another one then. What is shorter than the interval of samples is seen by chance: its share comes out right over many of
them, its longest stretch does not.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from pgheadroom.advice.ground import Ground
from pgheadroom.advice.observed import Whose
from pgheadroom.advice.scopes import is_tool_of_people
from pgheadroom.history.median import median
from pgheadroom.model.advice import PoolNeed, PoolRow
from pgheadroom.words.counts import plural

_FEWEST_SAMPLES = 10
_MOST_ROWS = 6
_OFTEN = 0.5
"""A size with which somebody waits for more of the time is no choice."""
_SELDOM = 0.01
_GAP, _SHORT_GAP = 5, 30.0
"""From how many times the usual distance on, and how many seconds, the space between two samples tells nothing."""


def pool_needs(ground: Ground) -> tuple[PoolNeed, ...]:
    """Of each application, who has most sessions first. Nothing where too little was seen."""
    if ground.pools is not None:
        return ground.pools
    observed = ground.observed
    moments = [one.timestamp() for one in observed.moments]
    needs = (
        need_of(whose, used.peak, len(used.clients), moments, [used.busy.get(at, 0) for at in range(len(moments))])
        for whose, used in observed.used.items()
    )
    return most_first(need for need in needs if need is not None)


def most_first(needs: Iterable[PoolNeed]) -> tuple[PoolNeed, ...]:
    return tuple(sorted(needs, key=lambda need: (-need.peak, need.user, need.database, need.application)))


def need_of(whose: Whose, peak: int, clients: int, moments: Sequence[float], busy: Sequence[int]) -> PoolNeed | None:
    """What it needs by how many of its sessions were busy at each moment; None for a person's tool, for who has one
    session, and where too little was seen."""
    if peak < 2 or len(moments) < _FEWEST_SAMPLES or is_tool_of_people(whose.application):
        return None
    rows = tuple(pool_rows(moments, busy))
    enough = next(row.size for row in rows if row.waiting <= _SELDOM)
    return PoolNeed(
        *whose, instances=max(1, clients), peak=peak, rows=rows, enough=enough, seconds=moments[-1] - moments[0]
    )  # fmt: skip


def pool_rows(moments: Sequence[float], busy: Sequence[int]) -> Iterator[PoolRow]:
    """Sizes worth choosing from, the smallest first, up to the one with which nobody would have waited.

    What holds at a sample holds until the next one, unless samples are missing between the two.

    Args:
        moments: Of all samples, in seconds.
        busy: How many connections were busy then.
    """
    spans = _spans(moments)
    seconds: defaultdict[int, float] = defaultdict(float)
    for count, span in zip(busy, spans, strict=False):
        seconds[count] += span
    most = max(1, *busy)
    shares = _shares(seconds, most)
    wanted = [size for size in range(1, most + 1) if shares[size] <= _OFTEN]
    step = -(-len(wanted) // _MOST_ROWS)
    for size in wanted[(len(wanted) - 1) % step :: step]:
        yield PoolRow(size, shares[size], _longest(busy, spans, size))


def _spans(moments: Sequence[float]) -> list[float]:
    """From each sample to the next one; 0 where there are missing ones between them."""
    spans = [later - earlier for earlier, later in pairwise(moments)]
    usual = median(spans) if spans else 0.0
    longest = max(_GAP * usual, _SHORT_GAP)
    return [span if span <= longest else 0.0 for span in spans]


def _shares(seconds: Mapping[int, float], most: int) -> list[float]:
    """By size, the part of the time in which more were busy."""
    whole = sum(seconds.values())
    shares, above = [0.0] * (most + 1), 0.0
    for size in range(most, -1, -1):
        shares[size] = above / whole if whole else 0.0
        above += seconds.get(size, 0.0)
    return shares


def _longest(busy: Sequence[int], spans: Sequence[float], size: int) -> float:
    """The longest stretch, in seconds, in which more were busy than that."""
    longest = stretch = 0.0
    for count, span in zip(busy, spans, strict=False):
        stretch = stretch + span if count > size else 0.0
        if stretch > longest:
            longest = stretch
    return longest


def pool_sum(ground: Ground, needs: Sequence[PoolNeed]) -> str:
    """What they come to, against the slots, and the cores where the server is on this machine."""
    if not needs:
        return ""
    usable = ground.case.capacity.usable
    total = sum(need.of_each * need.instances for need in needs)
    cores = f", {plural(ground.cores, 'core')}" if ground.cores else ""
    return f"Together {plural(total, 'connection')}, of {usable} usable slots{cores}."
