"""What to change in a PgBouncer that is watched."""

from collections.abc import Callable
from typing import Any

import psycopg

from advice.grounds import ground
from pgheadroom.advice.poolers import poolers
from pgheadroom.demo.servers.bouncer import Bouncer
from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.model.advice import Advice
from pgheadroom.model.bouncer import Setting
from pgheadroom.model.pool import PgBouncer, Pool
from pgheadroom.pgbouncer.console import Console
from samples import snapshot
from servers import until

WELL = {
    "ignore_startup_parameters": "extra_float_digits",
    "listen_addr": "127.0.0.1",
    "max_prepared_statements": "200",
    "max_db_connections": "0",
}


def pool(database: str = "shop", size: int = 20) -> Pool:
    return Pool(database, "web", 1, 0, 1, 0, 0, 0, 0, 0.0, "transaction", size=size)


def advised(version: str = "1.26.1", pools: tuple[Pool, ...] = (), **config: str) -> dict[str, Advice]:
    settings = tuple(Setting(key, value, None, True) for key, value in {**WELL, **config}.items())
    bouncer = PgBouncer("bouncer:6432", version, pools=pools or (pool(),), config=settings)
    return {piece.key.split(":")[0]: piece for piece in poolers(ground(snapshot(pgbouncers=(bouncer,))))}


def test_one_that_is_well_set_needs_nothing() -> None:
    assert advised() == {}


def test_pools_that_can_ask_for_more_than_there_is_are_bounded_together() -> None:
    piece = advised(pools=tuple(pool(name, 60) for name in ("shop", "news")))["pgbouncer-room"]
    assert piece.change == ("[pgbouncer]", "-max_db_connections = 0", "+max_db_connections = 48")
    assert piece.change_back == ("[pgbouncer]", "-max_db_connections = 48", "+max_db_connections = 0")
    many = advised(pools=tuple(pool(f"shop{number}") for number in range(60)))["pgbouncer-room"]
    assert many.change == ()
    assert "Fewer databases" in many.steps[0]


def test_faults_are_told_by_version_and_by_what_is_set() -> None:
    assert advised("1.25.2") == {}
    assert len(advised("1.18.0")["pgbouncer-faults"].seen) == 1
    extra: Any = {"track_extra_parameters": "IntervalStyle, search_path", "auth_user": "a"}
    assert len(advised("1.24.1", **extra)["pgbouncer-faults"].seen) == 2


def test_an_auth_query_has_to_look_at_valid_until() -> None:
    query = "SELECT usename, passwd FROM pg_shadow WHERE usename=$1"
    assert "pgbouncer-auth-query" in advised(auth_user="a", auth_query=query)
    assert advised(auth_query=query) == {}
    assert advised(auth_user="a", auth_query="SELECT * FROM pgbouncer.get_auth($1)") == {}
    assert advised(auth_user="a", auth_query=f"{query} AND valuntil > now()") == {}


def test_doors_without_a_password_or_tls_prepared_statements_and_pgjdbc() -> None:
    open_door = advised(listen_addr="*", auth_type="trust", client_tls_sslmode="disable")
    assert set(open_door) == {"pgbouncer-trust", "pgbouncer-tls"}
    assert set(advised(max_prepared_statements="0")) == {"pgbouncer-prepared"}
    assert advised(ignore_startup_parameters="a")["pgbouncer-startup"].change[-1] == (
        "+ignore_startup_parameters = a, extra_float_digits"
    )


async def test_what_is_advised_is_what_the_console_shows_after_it_was_done(
    one_server: Cluster, new_bouncer: Callable[..., Bouncer]
) -> None:
    upstream = f"host={one_server.folder} port={one_server.port} dbname=postgres"
    bouncer = new_bouncer({"postgres": upstream}, settings={"default_pool_size": 40, "ignore_startup_parameters": "a"})
    with psycopg.connect(bouncer.conninfo("postgres", "postgres"), autocommit=True, prepare_threshold=None) as one:
        one.execute("SELECT 1")
    console = Console(bouncer.console())
    try:
        seen: Any = await until(console, lambda seen: bool(seen.config and seen.pools and seen.databases))
        pieces = [one for one in _of(seen) if one.change]
        assert {piece.key.split(":")[0] for piece in pieces} >= {"pgbouncer-startup"}
        bouncer.reload({key: value for piece in pieces for key, value in [piece.change[2][1:].split(" = ")]})

        def has_it(seen: PgBouncer) -> bool:
            console.hurry()  # by itself it reads the configuration again half a minute later
            return seen.setting("ignore_startup_parameters") == "a, extra_float_digits"

        after: Any = await until(console, has_it)
        assert not [one for one in _of(after) if one.change and "room" not in one.key]
    finally:
        await console.close()


def _of(seen: PgBouncer) -> list[Advice]:
    return [*poolers(ground(snapshot(pgbouncers=(seen,))))]
