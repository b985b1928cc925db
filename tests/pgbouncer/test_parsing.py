"""SHOW POOLS of several versions, by column name. The rows are those of real consoles."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgheadroom.pgbouncer.parsing import Sizes, missing_columns, read_pools, read_servers, read_sizes, whole

V1_12 = {
    "database": b"shop",
    "user": b"web",
    "cl_active": 7,
    "cl_waiting": 12,
    "sv_active": 3,
    "sv_idle": 1,
    "sv_used": 2,
    "sv_tested": 0,
    "sv_login": 1,
    "maxwait": 4,
    "maxwait_us": 250_000,
    "pool_mode": b"transaction",
}
V1_18 = {**V1_12, "cl_active_cancel_req": 5, "cl_waiting_cancel_req": 6, "sv_active_cancel": 7, "sv_being_canceled": 8}
V1_25 = {**V1_18, "load_balance_hosts": None}
CONFIG = [{"key": b"default_pool_size", "value": b"20"}, {"key": b"reserve_pool_size", "value": b"5"}]


@pytest.mark.parametrize("row", [V1_12, V1_18, V1_25], ids=["1.12", "1.18", "1.25"])
def test_a_pool_is_the_same_in_every_version(row: dict[str, Any]) -> None:
    (pool,) = read_pools([row], Sizes())
    assert (pool.database, pool.user, pool.mode) == ("shop", "web", "transaction")
    assert (pool.cl_active, pool.cl_waiting) == (7, 12)
    assert (pool.sv_active, pool.sv_idle, pool.sv_used, pool.sv_tested, pool.sv_login) == (3, 1, 2, 0, 1)
    assert pool.servers == 7
    assert pool.maxwait == 4.25


def test_the_order_of_columns_does_not_matter() -> None:
    assert read_pools([dict(reversed(V1_25.items()))], Sizes()) == read_pools([V1_25], Sizes())


def test_the_consoles_own_row_is_no_pool() -> None:
    assert read_pools([{**V1_18, "database": b"pgbouncer", "user": b"pgbouncer"}], Sizes()) == ()


@given(st.sets(st.sampled_from(sorted(V1_12))))
def test_missing_columns_are_neutral(missing: set[str]) -> None:
    row = {name: value for name, value in V1_12.items() if name not in missing}
    (pool,) = read_pools([row], Sizes())
    assert pool.cl_waiting == (0 if "cl_waiting" in missing else 12)
    assert pool.mode == ("" if "pool_mode" in missing else "transaction")


def test_sizes_are_the_databases_then_the_default() -> None:
    databases = [
        {"name": b"shop", "pool_size": 3, "reserve_pool": 1},
        {"name": b"new", "pool_size": 4, "reserve_pool_size": 2},
        {"name": b"old", "pool_size": None},
    ]
    sizes = read_sizes(databases, CONFIG)
    assert sizes.size("shop") == (3, 1)
    assert sizes.size("new") == (4, 2)
    assert sizes.size("old") == (20, 5)
    assert sizes.size("not listed yet") == (20, 5)
    (pool,) = read_pools([V1_18], sizes)
    assert (pool.size, pool.reserve) == (3, 1)
    assert pool.full_percent == pytest.approx(100 * 4 / 3)


def test_without_sizes_nothing_is_made_up() -> None:
    sizes = read_sizes([], [])
    assert sizes.size("shop") == (None, 0)
    (pool,) = read_pools([V1_18], sizes)
    assert pool.full_percent is None


def test_unlimited_is_not_full() -> None:
    sizes = read_sizes([], [{"key": "default_pool_size", "value": "0"}])
    (pool,) = read_pools([V1_25], sizes)
    assert (pool.size, pool.full_percent) == (0, None)


def test_look_alikes_lack_columns() -> None:
    assert missing_columns(list(V1_12)) == []
    assert missing_columns(["id", "database", "user", "addr", "cl_waiting", "sv_idle", "sv_total"]) == [
        "cl_active",
        "sv_active",
    ]


def test_server_connections() -> None:
    row = {
        "type": b"S",
        "user": b"web",
        "database": b"shop",
        "state": b"active",
        "addr": b"127.0.0.1",
        "port": 5432,
        "local_addr": b"127.0.0.1",
        "local_port": 40112,
        "ptr": b"0x55",
        "link": b"0x66",
        "remote_pid": 4711,
        "tls": b"",
    }
    (server,) = read_servers([row])
    assert (server.database, server.user, server.state, server.address) == ("shop", "web", "active", "127.0.0.1")
    assert (server.port, server.local_port, server.remote_pid) == (5432, 40112, 4711)
    assert (server.application, server.ptr, server.link) == ("", "0x55", "0x66")


def test_names_that_are_not_utf8_are_shown() -> None:
    (pool,) = read_pools([{**V1_12, "user": b"m\xfcller"}], Sizes())
    assert pool.user == r"m\xfcller"


@pytest.mark.parametrize(
    ("value", "number"), [(5, 5), (b"5", 5), ("  5 ", 5), (None, None), (b"none", None), ("", None)]
)
def test_whole_numbers(value: object, number: int | None) -> None:
    assert whole(value) == number
