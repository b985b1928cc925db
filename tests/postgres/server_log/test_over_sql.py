"""A server's log, read over the connection that samples: what is counted is what the clients saw."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio

from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.demo.servers.playground import Playground
from pgheadroom.model.turned_away import Reason, Refusals
from pgheadroom.postgres.sampling import Probe
from pgheadroom.postgres.server_log.over_sql import MOST
from pgheadroom.postgres.startup_packet import Address, first_error
from servers import INSTALLATIONS, ONE_MAJOR, PATIENCE, fetch, wait_until
from translations import translated, with_locale

ALL = bool(os.environ.get("PGHEADROOM_TEST_ALL"))
LOGGED = [
    (major, log)
    for major in (sorted(INSTALLATIONS) if ALL else [ONE_MAJOR])
    for log in ("stderr", "csvlog", "jsonlog")
    if log != "jsonlog" or major >= 15
]
FULL = {"max_connections": 12, "superuser_reserved_connections": 3, "max_wal_senders": 0}


def logging(log: str = "stderr", **others: str | int) -> dict[str, str | int]:
    return {
        "logging_collector": "on",
        "log_destination": f"'{log}'",
        "log_line_prefix": "'%m [%p] %q%u@%d %h '",
        "log_rotation_age": 0,
        "log_rotation_size": 0,
        **others,
    }


FORGED = "FATAL:  sorry, too many clients already"
FORGERIES = [
    (f"x\n{FORGED}", "postgres"),
    (f"a@b 1.1.1.1 {FORGED}", "postgres"),
    (f"a@b 1.1.1.1 {FORGED}\n", "postgres"),
    ("x\n2026-11-28 19:00:17.123 UTC [7] web", f"shop 10.0.0.5 {FORGED}\n"),
    ('x\n2026-11-28 19:00:17.123 UTC,"web","', "shop"),
]
"""Users and databases that a client asks for, so that they are read as refusals of others."""


async def knock(server: Cluster, user: str, database: str = "postgres", times: int = 1) -> "Counter[str]":
    """Attempts one after the other, without a password: what each was answered, by its SQLSTATE."""
    address = Address("127.0.0.1", server.port, user, database, sslmode="disable")
    answers = [await first_error(address, PATIENCE) for _ in range(times)]
    return Counter(answer.sqlstate if answer else "" for answer in answers)


async def counted(probe: Probe, expected: int) -> list[Refusals]:
    """Sample until so many are counted: the collector writes when it gets a turn."""
    found: list[Refusals] = []
    async with asyncio.timeout(PATIENCE):
        while sum(one.no_room + one.not_wanted for one in found) < expected:
            probe.hurry()
            if (refusals := (await probe.sample()).refusals) is not None:
                found.append(refusals)
            await asyncio.sleep(0.02)
    return found


def by_reason(found: list[Refusals]) -> dict[Reason, int]:
    total: Counter[Reason] = Counter()
    for refusals in found:
        for one in refusals.groups:
            total[one.reason] += one.count
    return dict(total)


def by_role(found: list[Refusals], reason: Reason) -> dict[tuple[str, str, str], int]:
    total: Counter[tuple[str, str, str]] = Counter()
    for one in (one for refusals in found for one in refusals.groups if one.reason is reason):
        total[one.host, one.role, one.database] += one.count
    return dict(total)


@pytest_asyncio.fixture
async def probing() -> AsyncIterator[Callable[..., object]]:
    opened: list[Probe] = []

    async def make(server: Cluster, user: str = "postgres") -> Probe:
        opened.append(probe := await Probe.open(server.conninfo(user=user)))
        await probe.sample()
        return probe

    yield make
    for probe in opened:
        await probe.close()


@pytest.mark.parametrize(("major", "log"), LOGGED)
async def test_each_reason_is_counted_as_often_as_clients_saw_it(
    new_cluster: Callable[..., Cluster], major: int, log: str, probing: Callable[..., "asyncio.Future[Probe]"]
) -> None:
    each = 200 if ALL else 25
    server = new_cluster(major, {**logging(log), **FULL, **({"reserved_connections": 0} if major >= 16 else {})})
    with psycopg.connect(server.conninfo(), autocommit=True) as admin:
        admin.execute("CREATE ROLE web LOGIN CONNECTION LIMIT 0; CREATE ROLE app LOGIN")
        admin.execute("CREATE DATABASE shut CONNECTION LIMIT 0")
        probe = await probing(server)
        seen = Counter({Reason.ROLE: (await knock(server, "web", times=each))["53300"]})
        seen[Reason.DATABASE] = (await knock(server, "app", "shut", each))["53300"]
        seen[Reason.LOGIN] = (await knock(server, "nobody", times=7))["28000"]
        seen[Reason.NO_DATABASE] = (await knock(server, "app", "nowhere", times=7))["3D000"]
        forged = [await knock(server, user, database) for user, database in FORGERIES]
        admin.execute("DO $$ BEGIN RAISE LOG '%', repeat('-', 200); END $$")
    held = [psycopg.connect(server.conninfo()) for _ in range(9)]
    seen[Reason.SUPERUSER_RESERVE] = (await knock(server, "app", times=each))["53300"]
    # A name with line ends is nobody's; where names are quoted, such a login is refused as any other.
    seen[Reason.LOGIN] += 0 if log == "stderr" else sum(one["28000"] for one in forged)
    found = await counted(probe, seen.total())
    held += [psycopg.connect(server.conninfo()) for _ in range(12 - 1 - len(held))]
    seen[Reason.SERVER] = (await knock(server, "app", times=each))["53300"]
    for one in held:
        one.close()
    found += await counted(probe, each)
    assert by_reason(found) == dict(seen)
    assert set(seen.values()) == {each, 7, *([] if log == "stderr" else [7 + len(FORGERIES)])}
    assert by_role(found, Reason.ROLE) == {("127.0.0.1", "web", "postgres"): each}
    assert not any(refusals.skipped or refusals.others for refusals in found)


@pytest.mark.parametrize("language", ["de_DE", "ja_JP", "ru_RU", "fr_FR"] if ALL else ["de_DE"])
async def test_in_another_language_each_reason_is_counted_in_a_log_of_its_letters_and_in_one_of_ascii(
    new_cluster: Callable[..., Cluster],
    monkeypatch: pytest.MonkeyPatch,
    ground: Playground,
    probing: Callable[..., "asyncio.Future[Probe]"],
    language: str,
) -> None:
    locale = with_locale(monkeypatch, ground, language)
    server = translated(new_cluster, locale, {**logging(log_line_prefix="'%m [%p] '"), "max_connections": 10})
    with psycopg.connect(server.conninfo(), autocommit=True) as admin:
        admin.execute("CREATE ROLE web LOGIN CONNECTION LIMIT 0; CREATE ROLE app LOGIN")
        admin.execute("CREATE DATABASE shut CONNECTION LIMIT 0")
    for letters in ("C", locale):
        with_locale(monkeypatch, ground, language, LC_ALL=letters)
        server.stop()
        server.start()
        probe = await probing(server)
        seen = Counter({Reason.ROLE: (await knock(server, "web", times=9))["53300"]})
        seen[Reason.DATABASE] = (await knock(server, "app", "shut", 8))["53300"]
        seen[Reason.LOGIN] = (await knock(server, "nobody", times=7))["28000"]
        found = await counted(probe, seen.total())
        held = [psycopg.connect(server.conninfo()) for _ in range(9)]
        seen[Reason.SERVER] = (await knock(server, "app", times=6))["53300"]
        for one in held:
            one.close()
        found += await counted(probe, 6)
        assert by_reason(found) == dict(seen)
        assert sorted(seen.values()) == [6, 7, 8, 9]
        assert by_role(found, Reason.ROLE) == {("", "web", ""): 9}
        await probe.close()


async def test_nothing_is_lost_while_files_are_rotated_nor_counted_again_when_one_is_begun_anew(
    new_cluster: Callable[..., Cluster], probing: Callable[..., "asyncio.Future[Probe]"]
) -> None:
    server = new_cluster(ONE_MAJOR, logging(log_filename="'log-%S'", log_truncate_on_rotation="on"))
    probe = await probing(server)
    with psycopg.connect(server.conninfo(), autocommit=True) as admin:
        admin.execute("CREATE ROLE web LOGIN CONNECTION LIMIT 0")
        found = []
        for _ in range(3):
            await knock(server, "web", times=20)
            admin.execute("SELECT pg_rotate_logfile()")
            probe.hurry()
            found.append((await probe.sample()).refusals)
        found += await counted(probe, 60 - sum(one.no_room for one in found if one is not None))
        assert sum(one.no_room for one in found if one is not None) == 60
        # Some files are begun and ended between two samples.
        for number in range(4):
            admin.execute(f"ALTER SYSTEM SET log_filename = 'between-{number}'")
            admin.execute("SELECT pg_reload_conf()")
            written = f"SELECT pg_current_logfile('stderr') = 'log/between-{number}'"
            wait_until(lambda written=written: fetch(admin, written), "the next file is begun")  # type: ignore[misc]
            await knock(server, "web", times=6)
            file = server.data / f"log/between-{number}"
            wait_until(lambda file=file: file.read_text().count('role "web"') == 6, "it is written")  # type: ignore[misc]
        assert by_reason(await counted(probe, 24)) == {Reason.ROLE: 24}
        file = Path(server.data) / str(admin.execute("SELECT pg_current_logfile('stderr')").fetchall()[0][0])
        os.truncate(file, 0)
        probe.hurry()
        await probe.sample()
        await knock(server, "web", times=5)
        assert by_reason(await counted(probe, 5)) == {Reason.ROLE: 5}


async def test_a_log_that_grows_faster_than_it_is_read_is_read_at_its_end_and_says_how_much_was_not(
    new_cluster: Callable[..., Cluster], probing: Callable[..., "asyncio.Future[Probe]"]
) -> None:
    server = new_cluster(ONE_MAJOR, logging("csvlog"))
    probe = await probing(server)
    with psycopg.connect(server.conninfo(), autocommit=True) as admin:
        admin.execute("CREATE ROLE web LOGIN CONNECTION LIMIT 0")
        admin.execute("SET log_statement = 'all'")
        for _ in range(5):
            admin.execute("SELECT '" + '\x1b[2J\n"' * 200_000 + "'")
    await knock(server, "web", times=9)
    found = await counted(probe, 9)
    assert by_reason(found) == {Reason.ROLE: 9}
    assert sum(one.skipped for one in found) > MOST


async def test_who_may_not_read_the_log_asks_for_nothing_and_hears_of_the_grant(
    new_cluster: Callable[..., Cluster], probing: Callable[..., "asyncio.Future[Probe]"]
) -> None:
    server = new_cluster(ONE_MAJOR, logging())
    with psycopg.connect(server.conninfo(), autocommit=True) as admin:
        admin.execute("CREATE ROLE watch LOGIN; GRANT pg_monitor TO watch")
        probe = await probing(server, "watch")
        seen = await probe.sample()
        assert seen.refusals is None
        assert [gap for gap in seen.gaps if not gap.harmless] == []
        assert "GRANT EXECUTE ON FUNCTION pg_current_logfile(text), pg_read_binary_file" in seen.refusals_unread
        log = next((Path(server.data) / "log").iterdir()).read_text()
        assert "permission denied" not in log
        admin.execute(seen.refusals_unread.removesuffix(", in database postgres, shows them"))
        admin.execute("CREATE ROLE web LOGIN CONNECTION LIMIT 0")
    await probe.close()
    probe = await probing(server, "watch")
    assert (await probe.sample()).refusals_unread == ""
    await knock(server, "web", times=3)
    assert by_reason(await counted(probe, 3)) == {Reason.ROLE: 3}


async def test_the_first_sample_tells_of_the_minute_before_it(new_cluster: Callable[..., Cluster]) -> None:
    server = new_cluster(ONE_MAJOR, logging(log_timezone="'Asia/Kolkata'"))
    with psycopg.connect(server.conninfo(), autocommit=True) as admin:
        admin.execute("CREATE ROLE web LOGIN CONNECTION LIMIT 0")
    await knock(server, "web", times=5)
    probe = await Probe.open(server.conninfo())
    async with asyncio.timeout(PATIENCE):
        while True:  # until the collector has written them
            seen = await probe.sample()
            if seen.refusals is not None and seen.refusals.no_room:
                break
            await probe.close()
            probe = await Probe.open(server.conninfo())
    await probe.close()
    assert seen.refusals.before
    assert seen.refusals.groups[0].first <= seen.taken_at
    assert (seen.taken_at - seen.refusals.groups[0].first).total_seconds() < seen.refusals.seconds


async def test_a_server_that_writes_no_files_says_what_reads_its_log(one_server: Cluster) -> None:
    probe = await Probe.open(one_server.conninfo())
    seen = await probe.sample()
    await probe.close()
    assert seen.refusals is None
    assert "--server-log" in seen.refusals_unread
