"""The least of a Textual program that watches a server: two screens of one line each, on 1 and 2, a question a second.

    python tests/bench/bare.py CONNINFO

Its start, its memory and its keys are limits of what can be had with Textual and psycopg on this machine.
"""

import sys

import psycopg
from textual.app import App, ComposeResult
from textual.screen import Screen
from textual.widgets import Static

QUESTION = "SELECT count(*) FROM pg_catalog.pg_stat_get_activity(NULL)"


class One(Screen[None]):
    def compose(self) -> ComposeResult:
        yield Static(f"{type(self).__name__} sees nobody yet")

    def tell(self, count: int) -> None:
        self.query_one(Static).update(f"{type(self).__name__} sees {count} sessions")


class Two(One):
    pass


class Bare(App[None]):
    MODES = {"one": One, "two": Two}  # noqa: RUF012 - Textual's way
    DEFAULT_MODE = "one"
    BINDINGS = [("1", "switch_mode('one')"), ("2", "switch_mode('two')"), ("q", "quit")]  # noqa: RUF012

    async def on_mount(self) -> None:
        self.connection = await psycopg.AsyncConnection.connect(sys.argv[1], autocommit=True)
        self.set_interval(1.0, self.ask)
        await self.ask()

    async def ask(self) -> None:
        cursor = await self.connection.execute(QUESTION)
        (count,) = await cursor.fetchone() or (0,)
        if isinstance(self.screen, One) and self.screen.is_mounted:
            self.screen.tell(count)


if __name__ == "__main__":
    Bare().run()
