"""The pause between two samples."""

import asyncio
import operator
from functools import partial

from pgheadroom.deadline import clock
from pgheadroom.live.rest import Rest

_TURNS = 5
"""Turns of the event loop within which a rest that was ended is over."""


async def _rest_again_and_again(rest: Rest) -> None:
    while True:
        began = clock()
        await rest.until(partial(operator.add, began, rest.interval))


async def test_who_leaves_in_the_moment_in_which_a_rest_ends_waits_for_no_other_rest() -> None:
    for turns in range(_TURNS):
        rest = Rest(60)
        task = asyncio.create_task(_rest_again_and_again(rest))
        await asyncio.sleep(0.01)
        rest.end()
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=5)
        assert done, f"{turns} turns after its end it rests again"
        assert task.cancelled()
