"""An answer that has no end is given up before it takes the machine's memory."""

import asyncio

import pytest

from hostile import Hostile, rows
from pgheadroom.errors import NoConnection
from pgheadroom.pgbouncer.console import Console
from pgheadroom.postgres import talk
from pgheadroom.postgres.door import open_door
from pgheadroom.postgres.sampling import Probe

ROW = [b"x" * 1000]


def endless(count: int = 300_000) -> tuple[bytes, bytes]:
    described, told = rows([(b"c", 25)], [ROW] * 1000, True)
    return described, told[: told.rindex(b"C\0\0\0")] * (count // 1000)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_rows_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """300 MB of them; the bound is far below."""
    monkeypatch.setattr(talk, "MOST_MEMORY", 20 * 2**20)
    told = endless()
    one = rows([(b"set_config", 25)], [[b"x"]], True)
    async with Hostile(lambda text, extended: told if b"server_version" in text else one) as server:
        with pytest.raises(NoConnection, match="its answer has no end"):
            await asyncio.wait_for(Probe.open(server.conninfo()), 30)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_nor_to_the_very_first_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "MOST_MEMORY", 20 * 2**20)
    told = endless()
    async with Hostile(lambda text, extended: told) as server:
        with pytest.raises(NoConnection, match="its answer has no end"):
            await asyncio.wait_for(open_door(server.conninfo()), 30)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_nor_from_a_console(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "MOST_MEMORY", 20 * 2**20)
    told = endless()
    async with Hostile(lambda text, extended: told, b"1.24.1/bouncer") as server:
        console = Console(server.conninfo("pgbouncer"), name="b1")
        seen = await console.sample(20.0)
        assert "its answer has no end" in seen.trouble
        await console.close()
