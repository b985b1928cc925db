"""Servers and consoles that answer nonsense: what cannot be read is a gap or a trouble, and the program goes on.

PGHEADROOM_FUZZ is the number of seeds (`make fuzz`), PGHEADROOM_FUZZ_FROM the first.
"""

import asyncio
import os
import random
import struct
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from importlib import resources

import pytest

from consoles import CONFIG, DATABASES, POOLS, SOCKETS, STATS, USERS
from hostile import Hostile, error, message, rows
from pgheadroom.analysis import analyse
from pgheadroom.errors import PgHeadroomError
from pgheadroom.live.source import LiveSource
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.output.json_ import to_json
from pgheadroom.output.text import render
from pgheadroom.pgbouncer.console import Console
from pgheadroom.postgres.queries import Statement, query
from samples import session, snapshot

# Sockets of the hostile side, which is cut off in the middle of a word.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

SEEDS = range(int(os.environ.get("PGHEADROOM_FUZZ_FROM", "0")), int(os.environ.get("PGHEADROOM_FUZZ", "300")))
BATCHES = [*(SEEDS[start : start + 50] for start in range(0, len(SEEDS), 50)), range(686, 687), range(718, 719)]

MOMENT = 840_000_000_000_000
ODD = (
    b"", b"abc", b"1e999", b"9" * 400, b"-1", b"NaN", b"\xff\xfe\x00", b"0", b"18446744073709551616", b" 7 ",
    b"\x1b]52;c;x\x07", b"2026-99-99 99:99:99 UTC", b"infinity", b"\x7f\xff\xff\xff", b"\x7f" + b"\xff" * 7,
    b"\x80" + b"\x00" * 7, b"active", b"idle", b"x" * 5000,
)  # fmt: skip


# --- a PostgreSQL ----------------------------------------------------------------------------------------------------


@cache
def statements() -> dict[bytes, tuple[str, Statement]]:
    found = {}
    for file in resources.files("pgheadroom.postgres").joinpath("sql").iterdir():
        name, _, version = file.name.removesuffix(".sql").rpartition("_")
        if not (version.isdigit() and name):
            name, version = file.name.removesuffix(".sql"), "0"
        statement = query(name, int(version))
        found[bytes(statement)] = (name, statement)
    return found


Table = list[list[bytes | None]]


def plain(oid: int, chance: random.Random) -> bytes:
    number = chance.choice((1, 2, 3, 10, 4242, 16384))
    if oid == 16:
        return chance.choice((b"\0", b"\1"))
    if oid in (20, 1184):
        return struct.pack("!q", number if oid == 20 else MOMENT + number * 1_000_000)
    if oid == 21:
        return struct.pack("!h", 1)
    if oid in (23, 26):
        return struct.pack("!i", number)
    if oid in (1007, 1028):
        return struct.pack("!iiiii", 1, 0, 23 if oid == 1007 else 26, 1, 1) + struct.pack("!ii", 4, number)
    return chance.choice((b"client backend", b"active", b"idle", b"web", b"shop", b"Lock", b"100", b"UTF8", b"18.4"))


def of_postgres(seed: int) -> Callable[[bytes, bool], tuple[bytes, bytes] | None]:
    chance = random.Random(seed)
    rate = chance.choice((0.0, 0.02, 0.1, 0.4))

    def answer(text: bytes, extended: bool) -> tuple[bytes, bytes] | None:
        name, statement = statements().get(text, ("", None))
        shape = getattr(statement, "shape", None)
        if shape is None:
            return rows([(b"set_config", 25)], [[b"x"]], extended)
        types = list(shape.types)
        table: Table = [
            [plain(oid, chance) for oid in types] for _ in range(1 if shape.single else chance.randrange(4))
        ]
        if name.startswith("settings"):
            table[0][:7] = [b"18.4", *(struct.pack("!i", n) for n in (180_004, 100, 3, 0, 10)), b"1kB"]
        return spoiled(chance, rate, [(b"c", oid) for oid in types], table, extended)

    return answer


def spoiled(
    chance: random.Random, rate: float, columns: list[tuple[bytes, int]], table: Table, binary: bool
) -> tuple[bytes, bytes] | None:
    if chance.random() >= rate:
        return rows(columns, table, binary)
    how = chance.randrange(12)
    if how < 5 and table and columns:
        for _ in range(chance.randrange(1, 4)):
            chance.choice(table)[chance.randrange(len(columns))] = chance.choice((None, *ODD))
    elif how == 5 and columns:
        columns[chance.randrange(len(columns))] = (
            chance.choice((b"", b"\xff", b"evil")),
            chance.choice((25, 16, 9999)),
        )
    elif how == 6:
        columns, table = columns[:-1], [row[:-1] for row in table]
    elif how == 7:
        table = table * chance.choice((0, 3, 500))
    elif how == 8:
        return b"", error(chance.choice((b"42501", b"55P03", b"XX000", b"\xff\xff\xff\xff\xff")), chance.choice(ODD))
    elif how == 9:
        return message(b"T", chance.choice(ODD)), message(b"C", b"\0")
    elif how == 10:
        return chance.choice((message(b"G", b"\0\0\0"), message(b"H", b"\0\0\0"), message(b"n"), b"")), message(b"I")
    else:
        return chance.choice((None, (b"", b"")))
    return rows(columns, table, binary)


def shown(snapshot: Snapshot) -> None:
    render(analyse(snapshot, Thresholds()))
    to_json(analyse(snapshot, Thresholds()))


async def look_at_postgres(seed: int) -> str:
    async with Hostile(of_postgres(seed)) as server:
        source = LiveSource(server.conninfo())
        outcome = ""
        try:
            for _ in range(2):
                try:
                    shown(await source.sample_once(0.3))
                except PgHeadroomError as trouble:
                    outcome = str(trouble)
        finally:
            await source.close()
        return outcome


@pytest.mark.parametrize("seeds", BATCHES, ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
async def test_a_server_that_answers_nonsense(seeds: range) -> None:
    wrong = {}
    for seed in seeds:
        try:
            await look_at_postgres(seed)
        except Exception as error:  # what is not documented is what is looked for
            wrong[seed] = repr(error)
    assert wrong == {}


# --- a console -------------------------------------------------------------------------------------------------------

COLUMNS = {
    b"POOLS": POOLS["1.24"], b"SERVERS": SOCKETS["1.24"], b"CLIENTS": SOCKETS["1.24"], b"DATABASES": DATABASES["1.24"],
    b"STATS": STATS["1.24"], b"CONFIG": CONFIG["1.24"], b"USERS": USERS["1.24"], b"LISTS": "list items",
    b"STATE": "key value", b"VERSION": "version",
}  # fmt: skip
NAMES = {"database", "user", "name", "state", "addr", "pool_mode", "key", "list", "value", "version", "host", "type"}


def of_console(seed: int) -> Callable[[bytes, bool], tuple[bytes, bytes] | None]:
    chance = random.Random(seed)
    rate = chance.choice((0.0, 0.02, 0.1, 0.4))

    def answer(text: bytes, extended: bool) -> tuple[bytes, bytes] | None:
        names = COLUMNS.get(text.removeprefix(b"SHOW "), "").split()
        if not names:
            return b"", error(b"08P01", b"a database is required")
        table: Table = [
            [b"shop" if name in NAMES else str(chance.randrange(20)).encode() for name in names]
            for _ in range(chance.randrange(4))
        ]
        return spoiled(chance, rate, [(name.encode(), 25 if name in NAMES else 23) for name in names], table, False)

    return answer


async def look_at_console(seed: int) -> None:
    async with Hostile(of_console(seed), b"1.24.1/bouncer") as server:
        console = Console(server.conninfo("pgbouncer"), name="b1")
        try:
            for _ in range(3):
                question = console.begin()
                if question is not None:
                    await asyncio.wait({question}, timeout=0.3)
                    if not question.done():  # half a message: it is waited for, and after ten seconds given up
                        return
                    question.result()
                seen = console.latest()
                assert seen.trouble or seen.age == 0.0, seen
                to_json(analyse(snapshot_with(seen), Thresholds()))
                render(analyse(snapshot_with(seen), Thresholds()))
        finally:
            await console.close()


def snapshot_with(bouncer: PgBouncer) -> Snapshot:
    return replace(snapshot([session()]), pgbouncers=(bouncer,))


@pytest.mark.parametrize("seeds", BATCHES, ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
async def test_a_console_that_answers_nonsense(seeds: range) -> None:
    wrong = {}
    for seed in seeds:
        try:
            await look_at_console(seed)
        except Exception as error:  # as above
            wrong[seed] = repr(error)
    assert wrong == {}
