"""Applications that hold many more sessions than they ever used at once."""

from collections.abc import Iterator

from pgheadroom.advice.ground import Ground
from pgheadroom.advice.limits import takes_much
from pgheadroom.advice.pool_sizes import pool_needs
from pgheadroom.model.advice import Advice, PoolNeed
from pgheadroom.words.counts import plural
from pgheadroom.words.durations import duration
from pgheadroom.words.wording import clipped

KIND = "pools"
_WIKI = "https://wiki.postgresql.org/wiki/Number_Of_Database_Connections"
_LONG_ENOUGH = 60.0
_TIMES = 2
"""So many times what is enough is too much: less may be room for a bad hour."""


def oversized(ground: Ground) -> Iterator[Advice]:
    """Of those whose rest others could have used: who had much of the server."""
    for need in pool_needs(ground):
        together = need.of_each * need.instances
        if need.seconds >= _LONG_ENOUGH and takes_much(ground, need.peak) and need.peak >= _TIMES * together:
            yield _piece(need, together)


def name_of(need: PoolNeed) -> str:
    """`web/checkout in shop`."""
    names = "/".join(map(clipped, filter(None, (need.user, need.application))))
    return f"{names} in {clipped(need.database)}" if need.database else names


def _piece(need: PoolNeed, together: int) -> Advice:
    clients = plural(need.instances, "client")
    each = f" for each of its {clients}" if need.instances > 1 else ""
    return Advice(
        key=f"pool:{need.user}@{need.database}/{need.application}",
        kind=KIND,
        title=f"A pool of {need.of_each}{each} of {name_of(need)}",
        seen=(
            f"It had {plural(need.peak, 'session')} at its most, from {clients}, and at most {need.busiest} of them "
            f"did anything at once, within {duration(need.seconds)}.",
        ),
        steps=(
            f"Set the pool of each client to {need.of_each}: pgheadroom advise --watch 10m --snippet LIBRARY prints it "
            "for psycopg_pool, psycopg2, SQLAlchemy, node-postgres and HikariCP.",
            "Choose another size from the table of pool sizes below, if somebody may wait more often, or never.",
        ),
        why="A session that rests holds a slot that another application may need. With fewer, a request waits within "
        "the application for a moment, in place of being refused by the server.",
        source=f"counted from samples; for how many can work at once see {_WIKI}",
        risk="What happens once a day was not seen if it did not happen meanwhile. A thread that needs several "
        "connections at once can lock itself out of a small pool.",
        needs="whoever runs the application; it takes a restart of it",
        role=need.user,
        saves=need.peak - together,
    )
