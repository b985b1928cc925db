"""The applications of a scenario, in a process of their own, so that they never slow the monitor down.

`python -m pgheadroom.demo.crowd` reads one line of JSON from its standard input, the `Orders`, and plays until that
input is closed: it ends with whoever started it. On SIGUSR1 it ends once all have heard their answers.
"""

import asyncio
import json
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from pgheadroom.demo.applications import Connection
from pgheadroom.demo.relay import Relay
from pgheadroom.demo.scenarios import POOL_SIZE, SCENARIOS, Application

_CONNECT_SECONDS = 10
# Clients of one application do not connect in the same instant.
_JITTER_SECONDS = 0.3
# Who is refused waits twice as long the next time, up to two to the power of this.
_MOST_DOUBLINGS = 3
REFUSED = "refused.json"
"""The file in the orders' folder in which clients count how often they were refused, by role."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What to play and where.

    Attributes:
        folder: Where the relays put their sockets.
        pool_port: PgBouncer's loopback port, 0 when there is none.
    """

    scenario: str
    folder: str
    port: int
    pool_port: int

    def line(self) -> str:
        return json.dumps(asdict(self)) + "\n"


class Crowd:
    """The clients of all applications of one scenario."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        self._relays: dict[tuple[str, int], Relay] = {}
        self._said: set[str] = set()
        self._refused: Counter[str] = Counter()
        self._knocking, self._leaving = 0, False
        self._all_answered = asyncio.Event()
        self._all_answered.set()

    async def play(self) -> None:
        """Open the relays and start every client; returns when all have ended, which they do not by themselves."""
        async with asyncio.TaskGroup() as clients:
            for application in SCENARIOS[self.orders.scenario].applications:
                conninfo = await self._way_in(application)
                for number in range(self._clients(application)):
                    clients.create_task(self._live(application, number, conninfo))

    def _goes_through_pool(self, application: Application) -> bool:
        return application.pooled and self.orders.pool_port != 0

    def _clients(self, application: Application) -> int:
        if application.pooled and not self._goes_through_pool(application):
            return min(application.clients, POOL_SIZE // 2)
        return application.clients

    async def _way_in(self, application: Application) -> str:
        port = self.orders.pool_port if self._goes_through_pool(application) else self.orders.port
        key = (application.address, port)
        if key not in self._relays:
            self._relays[key] = await Relay.open(Path(self.orders.folder), application.address, port)
        return make_conninfo(
            "",
            host=self._relays[key].host,
            port=port,
            dbname="shop",
            user=application.role,
            application_name=application.name,
            connect_timeout=_CONNECT_SECONDS,
        )

    async def _live(self, application: Application, number: int, conninfo: str) -> None:
        await asyncio.sleep(application.arrival(number) + random.uniform(0, _JITTER_SECONDS))
        refused = 0
        while not self._leaving:
            refused = min(refused + 1, _MOST_DOUBLINGS)
            try:
                async with self._connected(application, conninfo) as connection:
                    refused = 0
                    await application.behave(connection, number)
            except (psycopg.Error, OSError) as trouble:
                self._log(f"{application.name}: {' '.join(str(trouble).split())}")
            await asyncio.sleep(random.uniform(*application.returns) * 2**refused)

    @asynccontextmanager
    async def _connected(self, application: Application, conninfo: str) -> AsyncIterator[Connection]:
        self._knocking += 1
        self._all_answered.clear()
        try:
            # Without server-side prepared statements, as PgBouncer before 1.21 needs it in transaction mode.
            connection = await psycopg.AsyncConnection.connect(conninfo, autocommit=True, prepare_threshold=None)
        except psycopg.OperationalError as trouble:
            if "FATAL:" in str(trouble):
                self._count(application.role)
            raise
        finally:
            self._knocking -= 1
            if not self._knocking:
                self._all_answered.set()
        try:
            yield connection
        finally:
            await connection.close()

    def _count(self, role: str) -> None:
        """Who was told no, and how often: to be compared with what a server's log tells."""
        self._refused[role] += 1
        told = Path(self.orders.folder, REFUSED)
        told.with_suffix(".new").write_text(json.dumps(self._refused))
        told.with_suffix(".new").rename(told)

    async def leave(self) -> None:
        """Connect no more, and hear what is answered to those who are at the door."""
        self._leaving = True
        await self._all_answered.wait()

    def _log(self, line: str) -> None:
        """Say it once: a storm is refused many times a second, and a demo may run for hours."""
        if line not in self._said:
            self._said.add(line)
            print(line, file=sys.stderr, flush=True)  # noqa: T201 - the log of this process


def main() -> None:
    """Play the scenario of the first line until standard input ends."""
    orders = Orders(**json.loads(sys.stdin.readline()))

    async def until_input_ends() -> None:
        loop, crowd = asyncio.get_running_loop(), Crowd(orders)
        loop.add_reader(sys.stdin.fileno(), lambda: os._exit(0))  # connections end with us, nothing is worth saving
        leaving = asyncio.Event()
        loop.add_signal_handler(signal.SIGUSR1, leaving.set)
        playing = asyncio.create_task(crowd.play())
        await asyncio.wait([playing, asyncio.create_task(leaving.wait())], return_when=asyncio.FIRST_COMPLETED)
        await (crowd.leave() if leaving.is_set() else playing)

    asyncio.run(until_input_ends())


if __name__ == "__main__":
    main()
