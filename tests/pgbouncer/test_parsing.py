"""SHOW POOLS, DATABASES, USERS, CONFIG, LISTS and STATE of several versions, by column name."""

from contextlib import suppress
from math import isfinite
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consoles import CONFIG, DATABASES, PGCAT_POOLS, PGDOG_POOLS, POOLS, USERS, VERSIONS, of, table
from pgheadroom.model.bouncer import BouncerDatabase, BouncerUser, PoolerState
from pgheadroom.pgbouncer.parsing import (
    Sizes,
    missing_columns,
    read_config,
    read_databases,
    read_lists,
    read_pools,
    read_product,
    read_state,
    read_users,
    sizes_of,
)
from pgheadroom.pgbouncer.table import NOTHING, Table, Unreadable, count, real, text, whole

POOL = {
    "database": b"shop",
    "user": b"web",
    "cl_active": 7,
    "cl_waiting": 12,
    "cl_cancel_req": 11,
    "cl_active_cancel_req": 5,
    "cl_waiting_cancel_req": 6,
    "sv_active": 3,
    "sv_active_cancel": 1,
    "sv_being_canceled": 2,
    "sv_idle": 1,
    "sv_used": 2,
    "sv_tested": 0,
    "sv_login": 1,
    "maxwait": 4,
    "maxwait_us": 250_000,
    "pool_mode": b"transaction",
    "load_balance_hosts": None,
}
DATABASE = {
    "name": b"shop",
    "host": b"10.0.0.1",
    "port": 5432,
    "database": b"shop_2026",
    "force_user": None,
    "pool_size": 15,
    "min_pool_size": 2,
    "reserve_pool": 4,
    "reserve_pool_size": 4,
    "server_lifetime": 3600,
    "pool_mode": None,
    "max_connections": 50,
    "current_connections": 9,
    "max_client_connections": 400,
    "current_client_connections": 31,
    "paused": 1,
    "disabled": 0,
}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_pool_is_the_same_in_every_version(version: str) -> None:
    (pool,) = read_pools(table(POOLS[version], POOL), Sizes())
    assert (pool.database, pool.user, pool.mode) == ("shop", "web", "transaction")
    assert (pool.cl_active, pool.cl_waiting) == (7, 12)
    assert (pool.sv_active, pool.sv_idle, pool.sv_used, pool.sv_tested, pool.sv_login) == (3, 1, 2, 0, 1)
    assert pool.maxwait == 4.25
    assert pool.cl_cancelling == (0 if version == "1.12" else 11)
    # Servers that carry a cancel request have a slot, too.
    assert pool.servers == (7 if version in ("1.12", "1.16") else 10)


@pytest.mark.parametrize("version", VERSIONS)
@given(data=st.data())
def test_neither_order_nor_unknown_columns_matter(version: str, data: st.DataObject) -> None:
    plain = table(POOLS[version], POOL)
    names = data.draw(st.permutations(plain.columns))
    news = data.draw(st.lists(st.text("abcxyz_", min_size=8, max_size=12).filter(lambda new: new not in POOL)))
    place = data.draw(st.integers(0, len(names)))
    columns = (*names[:place], *news, *names[place:])
    values = tuple(POOL.get(name, b"from the future") for name in columns)
    assert read_pools(Table(columns, [values]), Sizes()) == read_pools(plain, Sizes())


def test_the_consoles_own_row_is_no_pool() -> None:
    assert read_pools(of({**POOL, "database": b"pgbouncer", "user": b"pgbouncer"}), Sizes()) == ()
    assert read_databases(of({**DATABASE, "name": b"pgbouncer"})) == ()


@given(st.sets(st.sampled_from(sorted(POOL))))
def test_missing_columns_are_neutral(missing: set[str]) -> None:
    (pool,) = read_pools(of({"x": 1, **{name: value for name, value in POOL.items() if name not in missing}}), Sizes())
    assert pool.cl_waiting == (0 if "cl_waiting" in missing else 12)
    assert pool.mode == ("" if "pool_mode" in missing else "transaction")


@pytest.mark.parametrize("version", VERSIONS)
def test_databases(version: str) -> None:
    (found,) = read_databases(table(DATABASES[version], DATABASE))
    assert (found.name, found.host, found.port, found.database) == ("shop", "10.0.0.1", 5432, "shop_2026")
    assert (found.force_user, found.mode, found.pool_size, found.reserve) == ("", "", 15, 4)
    assert (found.max_connections, found.current_connections, found.paused, found.disabled) == (50, 9, True, False)
    assert found.min_pool_size == (0 if version == "1.12" else 2)
    newest = version in ("1.24", "1.25", "1.26")
    assert (found.max_client_connections, found.current_client_connections) == ((400, 31) if newest else (0, 0))


@pytest.mark.parametrize("version", VERSIONS)
def test_users(version: str) -> None:
    row = {
        "name": b"web",
        "pool_size": b"        7",
        "reserve_pool_size": b"        2",
        "pool_mode": b"session",
        "max_user_connections": 30,
        "current_connections": 4,
        "max_user_client_connections": 100,
        "current_client_connections": 5,
    }
    (found,) = read_users(table(USERS[version], row), tuple(int(part) for part in version.split(".")))
    assert (found.name, found.mode) == ("web", "session")
    # Up to 1.25.2 a user without a size shows the size of the row before.
    assert (found.pool_size, found.reserve) == ((7, 2) if version == "1.26" else (None, None))
    assert found.max_connections == (30 if version in ("1.23", "1.24", "1.25", "1.26") else None)
    assert found.max_client_connections == (100 if version in ("1.24", "1.25", "1.26") else None)


@pytest.mark.parametrize(
    ("version", "believed"), [((1, 23), False), ((1, 25, 2), False), ((1, 25, 3), True), ((1, 26), True)]
)
def test_a_users_own_size_is_believed_when_the_mistake_is_mended(version: tuple[int, ...], believed: bool) -> None:
    rows = [{"name": b"web", "pool_size": b"        7", "reserve_pool_size": b""}, {"name": b"batch", "pool_size": b""}]
    users = read_users(table(USERS["1.25"], *rows), version)
    sizes = sizes_of(read_databases(of(DATABASE)), (), users)
    assert sizes.size("shop", "web") == ((7, 4) if believed else (15, 4))
    assert sizes.size("shop", "batch") == (15, 4)


def test_sizes_are_the_databases_then_the_default() -> None:
    databases = read_databases(
        of({**DATABASE, "pool_size": 3, "reserve_pool_size": 1}, {**DATABASE, "name": b"old", "pool_size": None})
    )
    config = read_config(of({"key": b"default_pool_size", "value": b"20"}, {"key": b"reserve_pool_size", "value": "5"}))
    sizes = sizes_of(databases, config)
    assert sizes.size("shop") == (3, 1)
    assert sizes.size("old") == (20, 4)
    assert sizes.size("not listed yet") == (20, 5)
    (pool,) = read_pools(of(POOL), sizes)
    assert (pool.size, pool.reserve) == (3, 1)
    assert pool.full_percent == pytest.approx(100 * 4 / 3)


def test_without_sizes_nothing_is_made_up() -> None:
    sizes = sizes_of((), ())
    assert sizes.size("shop") == (None, 0)
    (pool,) = read_pools(of(POOL), sizes)
    assert pool.full_percent is None


def test_unlimited_is_not_full() -> None:
    sizes = sizes_of((), read_config(of({"key": "default_pool_size", "value": "0"})))
    (pool,) = read_pools(of(POOL), sizes)
    assert (pool.size, pool.full_percent) == (0, None)


def test_look_alikes_lack_columns() -> None:
    assert missing_columns(POOLS["1.12"].split()) == []
    assert missing_columns(PGCAT_POOLS.split()) == []
    assert missing_columns(PGDOG_POOLS.split()) == ["cl_active"]


CHANGED = [
    ("max_client_conn", b"100", b"100", False),
    ("pool_mode", b"transaction", b"session", True),
    ("auth_file", b"/etc/users", None, False),
    ("unix_socket_mode", b"511", b"0777", False),
    ("unix_socket_mode", b"448", b"0777", True),
    ("listen_port", b"6000", b"6432", True),
]


@pytest.mark.parametrize(("key", "value", "default", "changed"), CHANGED)
def test_what_differs_from_its_default(key: str, value: bytes, default: bytes | None, changed: bool) -> None:
    (setting,) = read_config(
        table(CONFIG["1.25"], {"key": key, "value": value, "default": default, "changeable": b"yes"})
    )
    assert setting.changed is changed
    assert setting.changeable


def test_what_differs_comes_first() -> None:
    rows = [
        {"key": "a", "value": "1", "default": "1"},
        {"key": "c", "value": "1", "default": "2"},
        {"key": "b", "value": "1", "default": "2"},
    ]
    assert [setting.key for setting in read_config(table(CONFIG["1.25"], *rows))] == ["b", "c", "a"]
    # Before 1.15 nothing is known to differ.
    assert [setting.changed for setting in read_config(table(CONFIG["1.12"], *rows))] == [False] * 3


def test_passwords_in_the_configuration_are_hidden() -> None:
    rows = [{"key": "auth_ldap_options", "value": "ldapbindpasswd=s3cret"}, {"key": "server_password", "value": "x1"}]
    assert {setting.value for setting in read_config(of(*rows))} == {"***"}


def test_lists_state_and_version() -> None:
    assert read_lists(of({"list": b"used_clients", "items": 5})) == (("used_clients", 5),)
    rows: list[dict[str, Any]] = [
        {"key": "active", "value": b"no"},
        {"key": "paused", "value": "no"},
        {"key": "suspended", "value": "yes"},
    ]
    assert read_state(of(*rows)) is PoolerState.SUSPENDED
    assert read_state(of({"key": "active", "value": "yes"})) is PoolerState.ACTIVE
    assert read_state(NOTHING) is PoolerState.UNKNOWN
    assert read_product(of({"version": b"PgBouncer 1.18.0"})) == "PgBouncer 1.18.0"
    assert read_product(NOTHING) == ""


def test_names_that_are_not_utf8_are_shown() -> None:
    (pool,) = read_pools(of({**POOL, "user": b"m\xfcller"}), Sizes())
    assert pool.user == r"m\xfcller"


@pytest.mark.parametrize(
    ("value", "number"), [(5, 5), (b"5", 5), ("  5 ", 5), (None, None), (b"none", None), ("", None)]
)
def test_whole_numbers(value: object, number: int | None) -> None:
    assert whole(value) == number


@given(st.one_of(st.none(), st.binary(), st.text(), st.integers(), st.floats(), st.decimals()))
def test_no_value_breaks_it(value: Any) -> None:
    assert isinstance(text(value), str)
    with suppress(Unreadable):
        assert isfinite(real(value))
    with suppress(Unreadable):
        assert isinstance(count(value), int)
    assert whole(value) is None or isinstance(whole(value), int)


@given(st.lists(st.sampled_from(sorted({*POOL, *DATABASE, "key", "value", "list", "items"})), unique=True), st.data())
def test_no_answer_breaks_it(columns: list[str], data: st.DataObject) -> None:
    values = st.one_of(st.none(), st.binary(max_size=5), st.integers(-5, 5), st.text(max_size=5))
    rows = data.draw(st.lists(st.tuples(*[values] * len(columns)), max_size=3))
    answer = Table(tuple(columns), rows)
    with suppress(Unreadable):
        databases: tuple[BouncerDatabase, ...] = read_databases(answer)
        users: tuple[BouncerUser, ...] = read_users(answer)
        read_pools(answer, sizes_of(databases, read_config(answer), users))
    with suppress(Unreadable):
        read_lists(answer)
    read_state(answer)
