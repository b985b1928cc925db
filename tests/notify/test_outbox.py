"""The messages that wait on a channel."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from notify.staged import message
from pgheadroom.model.notification import Kind, Message
from pgheadroom.notify import outbox as rules
from pgheadroom.notify.outbox import NotSent, Outbox
from servers import wait_until

PATIENCE = 30.0


class Staged:
    """A channel that does what the test says."""

    name = "mail"

    def __init__(self) -> None:
        self.down = False
        self.slow = asyncio.Event()
        self.slow.set()
        self.tries = 0
        self.sent: list[Message] = []

    async def send(self, message: Message) -> None:
        self.tries += 1
        await self.slow.wait()
        if self.down:
            raise NotSent("it answered 503")
        self.sent.append(message)


@asynccontextmanager
async def running(way: Staged, *pauses: float) -> AsyncIterator[tuple[Outbox, list[str]]]:
    said: list[str] = []
    box = Outbox(way, said.append, pauses)
    task = asyncio.create_task(box.run())
    try:
        yield box, said
    finally:
        way.slow.set()
        box.finish()
        await asyncio.wait_for(task, PATIENCE)


async def until(holds: Callable[[], bool]) -> None:
    await asyncio.to_thread(wait_until, holds, "it is so", PATIENCE)


async def test_what_is_not_sent_is_tried_again_and_both_are_said_once() -> None:
    way = Staged()
    async with running(way, *[0.01] * 1000) as (box, said):
        way.down = True
        box.put(message())
        box.put(message(Kind.END))
        await until(lambda: way.tries > 3)
        assert (box.pending, said) == (2, ["channel mail: not sent: it answered 503; next try in 0s"])
        way.down = False
        await until(lambda: box.pending == 0)
    assert [one.kind for one in way.sent] == [Kind.BEGIN, Kind.END]
    assert (box.results, box.retries > 2) == ({"sent": 2}, True)
    assert said[1:] == ["channel mail: messages go out again"]


async def test_what_fails_at_every_try_is_given_up_and_counted() -> None:
    way = Staged()
    way.down = True
    async with running(way, 0.001, 0.001) as (box, said):
        box.put(message())
        await until(lambda: box.pending == 0)
    assert (way.tries, box.retries, box.results) == (3, 2, {"failed": 1})
    assert said[-1] == "channel mail: a message is given up: it answered 503"


async def test_a_slow_channel_takes_a_bounded_number_and_keeps_nobody_waiting() -> None:
    way = Staged()
    way.slow.clear()
    async with running(way) as (box, _):
        box.put(message(Kind.WORSE))
        await until(lambda: way.tries == 1)
        for number in range(100):
            box.put(message(times=number))
        assert box.pending == rules.MOST
        assert box.results == {"dropped": 101 - rules.MOST}
        way.slow.set()
        await until(lambda: box.pending == 0)
    assert way.sent[0].kind is Kind.WORSE
    assert [one.times for one in way.sent[1:]] == list(range(101 - rules.MOST, 100))


async def test_at_the_end_each_message_that_waits_gets_one_more_try() -> None:
    way = Staged()
    way.down = True
    async with running(way, 1000) as (box, said):
        box.put(message())
        box.put(message(Kind.END))
        await until(lambda: way.tries == 1)
    assert (way.tries, box.results) == (3, {"failed": 2})
    assert len(said) == 3
