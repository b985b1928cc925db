"""What the other tests rest on."""

import asyncio
import sys


async def test_a_task_begins_before_the_line_that_made_it_goes_on_where_textual_has_it_so() -> None:
    began = []

    async def task() -> None:
        began.append(1)

    made = asyncio.create_task(task())
    assert bool(began) is (sys.version_info >= (3, 12))
    await made
