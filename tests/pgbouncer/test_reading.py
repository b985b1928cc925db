"""What is asked when, what a refusal leaves, and what is made of look-alikes. No server."""

from collections.abc import Iterable

import pytest

from bouncers import settings
from consoles import (
    CONFIG,
    DATABASES,
    PGCAT_CLIENTS,
    PGCAT_POOLS,
    PGCAT_SERVERS,
    PGDOG_POOLS,
    POOLS,
    SOCKETS,
    STATS,
    of,
    table,
)
from pgheadroom.model.bouncer import PoolerState
from pgheadroom.pgbouncer.reading import PARTS, Part, Reading
from pgheadroom.pgbouncer.table import Table

PART = {part.name: part for part in PARTS}
POOL = {"database": b"shop", "user": b"web", "cl_active": 2, "cl_waiting": 1, "sv_active": 3, "sv_idle": 1}
CLIENT = {"database": b"shop", "user": b"web", "state": b"active", "ptr": b"0xc1", "link": b"0x51"}
SERVER = {"database": b"shop", "user": b"web", "state": b"active", "ptr": b"0x51", "link": b"0xc1", "remote_pid": 7}
CONSOLE = {"database": b"pgbouncer", "user": b"admin", "request_time": b"2026-11-22 15:42:30 UTC"}


def reading(version: str = "1.25.2/bouncer", user: str = "admin", console: str = "pgbouncer") -> Reading:
    found = Reading("b1")
    found.begin(version, user, console)
    return found


def take(found: Reading, name: str, answer: Table, now: float = 0.0) -> None:
    found.take(PART[name], answer, now)


def names(parts: Iterable[Part]) -> list[str]:
    return [part.name for part in parts]


def gaps(found: Reading) -> dict[str, str]:
    return {gap.part: gap.reason for gap in found.known.gaps}


def test_pools_come_first_and_each_time() -> None:
    found = reading()
    assert names(found.due(0.0))[:3] == ["POOLS", "SERVERS", "CLIENTS"]
    first = names(found.untold())
    assert set(first) == set(PART) - {"IS_PAUSED", "VERSION"}
    for part in found.due(0.0):
        found.take(part, of({"x": 1}), 0.0)
        first = [name for name in first if name != part.name]
        assert names(found.untold()) == first
    assert not first
    assert names(found.due(1.0)) == ["POOLS", "SERVERS", "CLIENTS"]
    assert names(found.due(2.0)) == ["POOLS", "SERVERS", "CLIENTS", "STATS"]
    assert names(found.due(3.0)) == ["POOLS", "SERVERS", "CLIENTS", "DATABASES", "STATS", "STATE"]
    assert set(names(found.due(30.0))) == set(PART) - {"IS_PAUSED"}
    found.hurry()
    assert set(names(found.due(1.0))) == set(PART) - {"IS_PAUSED"}
    assert not names(found.untold())


def test_what_a_version_does_not_know_is_not_asked() -> None:
    assert "STATE" not in names(reading("1.18.0/bouncer").due(0.0))
    assert "STATE" in names(reading("1.19.0/bouncer").due(0.0))


def test_servers_are_shown_together_with_the_clients_read_after_them() -> None:
    found = reading()
    take(found, "SERVERS", table(SOCKETS["1.25"], {**SERVER, "connect_time": b"2026-11-22 15:42:00 UTC"}))
    assert not found.known.servers
    take(found, "CLIENTS", table(SOCKETS["1.25"], CLIENT, CONSOLE))
    assert [one.age for one in found.known.servers] == [30.0]
    assert [one.ptr for one in found.known.clients] == ["0xc1"]


def test_a_refused_part_is_a_gap_and_the_others_go_on() -> None:
    found = reading()
    take(found, "POOLS", table(POOLS["1.25"], POOL))
    take(found, "SERVERS", table(SOCKETS["1.25"], SERVER))
    found.refuse(PART["CLIENTS"], "admin access needed", 0.0)
    assert gaps(found) == {"clients": "admin access needed"}
    assert [one.remote_pid for one in found.known.servers] == [7]
    assert len(found.known.pools) == 1
    assert "CLIENTS" not in names(found.due(29.0))
    assert "CLIENTS" in names(found.due(30.0))
    take(found, "CLIENTS", table(SOCKETS["1.25"], CLIENT, CONSOLE), now=30.0)
    assert gaps(found) == {}


def test_sizes_reach_the_pools_whenever_they_come() -> None:
    found = reading()
    take(found, "POOLS", table(POOLS["1.25"], POOL))
    assert found.known.pools[0].size is None
    take(found, "CONFIG", table(CONFIG["1.25"], {"key": b"default_pool_size", "value": b"20"}))
    assert found.known.pools[0].size == 20
    take(found, "DATABASES", table(DATABASES["1.25"], {"name": b"shop", "pool_size": 7, "reserve_pool_size": 2}))
    (theirs,) = found.known.pools
    assert (theirs.size, theirs.reserve) == (7, 2)


def test_what_takes_the_pooler_long_is_asked_less_often() -> None:
    found = reading()
    for now in (0.0, 1.0):
        found.take(PART["VERSION"], of({"version": b"PgBouncer 1.25.2"}), now, 0.020)
        found.take(PART["POOLS"], of(POOL), now, 0.500)
        found.take(PART["SERVERS"], of(SERVER), now, 0.021)
        found.take(PART["CLIENTS"], of(CLIENT), now, 0.065)  # 45 ms are the pooler's, 20 the line's
    assert "CLIENTS" not in names(found.due(3.2))
    assert "SERVERS" not in names(found.due(3.2)), "what they say of each other is compared"
    assert {"CLIENTS", "SERVERS"} <= set(names(found.due(3.3)))
    assert "POOLS" not in names(found.due(2.9))
    assert "POOLS" in names(found.due(3.0))
    found.take(PART["POOLS"], of(POOL), 3.0, 0.021)
    assert found.known.sockets_age == 2.0
    found.hurry()
    assert {"POOLS", "CLIENTS"} <= set(names(found.due(1.0)))


def test_one_slow_answer_is_the_weather() -> None:
    found = reading()
    for now, took in ((0.0, 0.001), (1.0, 0.400)):
        found.take(PART["CLIENTS"], of(CLIENT), now, took)
    assert "CLIENTS" in names(found.due(2.0))


def test_rates_come_with_the_second_answer_and_not_over_a_restart() -> None:
    found = reading()
    row = {"database": b"shop", "total_xact_count": 100}
    take(found, "STATS", table(STATS["1.25"], row, neutral=0), now=10.0)
    assert found.known.stats[0].recent is None
    take(found, "STATS", table(STATS["1.25"], {**row, "total_xact_count": 140}, neutral=0), now=12.0)
    assert found.known.stats[0].recent is not None
    assert found.known.stats[0].recent.transactions == 20.0
    found.begin("1.25.2/bouncer", "admin")
    take(found, "STATS", table(STATS["1.25"], {**row, "total_xact_count": 200}, neutral=0), now=14.0)
    assert found.known.stats[0].recent is None


@pytest.mark.parametrize(
    ("user", "admin"), [("root", True), ("ops", True), ("watch", False), ("pgbouncer", None), ("roo", None)]
)
def test_who_may_command(user: str, admin: bool | None) -> None:
    found = reading(user=user)
    rows = [
        {"key": one.key, "value": one.value} for one in settings(admin_users="root, ops", stats_users="watch,other")
    ]
    take(found, "CONFIG", table(CONFIG["1.25"], *rows))
    assert found.known.admin is admin
    found.learn(admin=True)
    take(found, "CONFIG", table(CONFIG["1.25"], *rows))
    assert found.known.admin is (admin is not False)


def test_state_and_lists() -> None:
    found = reading()
    take(found, "STATE", of({"key": "paused", "value": "yes"}))
    take(found, "LISTS", of({"list": b"used_clients", "items": 3}))
    assert found.known.state is PoolerState.PAUSED
    assert found.known.lists == (("used_clients", 3),)


def test_odyssey_is_known_by_its_version_and_not_asked_for_what_it_lacks() -> None:
    found = reading("1.5.2", console="adm")
    due = found.due(0.0)
    assert next(due).name == "VERSION"
    take(found, "VERSION", of({"version": b"odyssey 1.5.2 release, compiled by gcc-16.2.0, 64-bit"}))
    assert names(due) == ["POOLS", "SERVERS", "CLIENTS", "DATABASES", "STATS", "IS_PAUSED", "LISTS"]
    assert (found.known.product, found.known.version, found.known.version_num) == ("Odyssey", "1.5.2", ())
    assert gaps(found) == {
        "console": "it does not say how long clients wait, nor which server a client uses",
        "users": "Odyssey has no SHOW USERS",
        "config": "Odyssey has no SHOW CONFIG",
    }


@pytest.mark.parametrize(
    ("told", "product", "version"),
    [
        (b"odyssey 1.5.2 release, compiled by gcc-16.2.0, 64-bit", "Odyssey", "1.5.2"),
        (b"1.3-92-abcdef0-Release", "Odyssey", "1.3"),
        (b"PgCat 1.2.0", "PgCat", "1.2.0"),
        (b"PgDog v0.1.12", "PgDog", "0.1.12"),
        (b"something else", "something else", "9.6"),
    ],
)
def test_name_and_version_of_other_poolers_are_two_things(told: bytes, product: str, version: str) -> None:
    found = reading("9.6")
    take(found, "VERSION", of({"version": told}))
    assert (found.known.product, found.known.version) == (product, version)


def test_pgcat_shows_what_it_has() -> None:
    found = reading("0.0.1")
    take(found, "POOLS", table(PGCAT_POOLS, POOL))
    take(found, "SERVERS", table(PGCAT_SERVERS, SERVER))
    take(found, "CLIENTS", table(PGCAT_CLIENTS, CLIENT))
    assert found.known.pools[0].servers == 4
    assert [one.user for one in found.known.servers] == ["web"]
    assert gaps(found)["chain"].startswith("SHOW CLIENTS has no ptr, link, remote_pid")
    assert gaps(found)["console"] == "this is not a PgBouncer (it calls itself 0.0.1)"


def test_pgdog_lacks_a_column_and_it_is_named() -> None:
    found = reading("")
    take(found, "POOLS", table(PGDOG_POOLS, POOL))
    assert found.known.pools[0].cl_waiting == 1
    assert gaps(found) == {
        "console": "this is not a PgBouncer (it calls itself nothing)",
        "pools": "SHOW POOLS has no cl_active",
    }


def test_an_unknown_future_version() -> None:
    found = reading("2.0dev/bouncer")
    take(found, "POOLS", table("brand new " + POOLS["1.25"], POOL))
    assert (found.known.version, found.known.version_num, found.known.product) == ("2.0dev", (2, 0), "")
    assert found.known.pools[0].servers == 4
    assert gaps(found) == {}
