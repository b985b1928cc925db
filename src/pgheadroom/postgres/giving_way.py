"""What takes milliseconds for thousands of rows is done in pieces: others wait for the processor, a key most of all."""

import asyncio

AT_ONCE, _GAP = 1000, 0.001
"""Rows that are dealt with without a gap, and its seconds: 3 ms each."""


async def give_way(rows: int) -> None:
    """Between two pieces of so many rows in all."""
    if rows > AT_ONCE:
        await asyncio.sleep(_GAP)
