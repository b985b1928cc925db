"""Whatever a role, a database or the server sets by default: our session gets in, asks, and is read."""

import os
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from pgheadroom.demo.servers.bouncer import Bouncer
from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.demo.servers.playground import Playground
from pgheadroom.postgres.door import open_door
from pgheadroom.postgres.sampling import Probe
from servers import MAJORS, fetch, installation_of, standby_of, wait_until

DEFAULTS = {
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
    "default_table_access_method": "heap",
    "default_statistics_target": "1",
    "default_toast_compression": "pglz",
    "default_tablespace": "pg_default",
    "default_text_search_config": "simple",
    "statement_timeout": "1ms",
    "lock_timeout": "1ms",
    "idle_session_timeout": "1ms",
    "idle_in_transaction_session_timeout": "1ms",
    "transaction_timeout": "1ms",
    "tcp_user_timeout": "1ms",
    "search_path": "nowhere",
    "role": "nobody_much",
    "DateStyle": "German, DMY",
    "IntervalStyle": "iso_8601",
    "bytea_output": "escape",
    "standard_conforming_strings": "off",
    "TimeZone": "Asia/Kathmandu",
    "client_encoding": "LATIN1",
    "lc_messages": "C",
    "row_security": "off",
    "quote_all_identifiers": "on",
    "session_preload_libraries": "plpgsql",
    "exit_on_error": "on",
    "extra_float_digits": "-15",
    "array_nulls": "off",
    "client_min_messages": "debug5",
}
"""Of the settings that any role may be given, those that change what a session is told, or how long it lives."""


SINCE = {"idle_session_timeout": 14, "default_toast_compression": 14, "transaction_timeout": 17}
BEFORE = {"standard_conforming_strings": 19}
"""From this version on it can have one value only."""
OF_EACH_KIND = MAJORS if os.environ.get("PGHEADROOM_TEST_ALL") else sorted({MAJORS[0], MAJORS[-1]})
"""What is between the oldest and the newest is for `make test-all`."""


@pytest.fixture(scope="module", params=OF_EACH_KIND)
def pair(request: pytest.FixtureRequest, ground: Playground) -> Iterator[tuple[Cluster, Cluster]]:
    """A primary with a serializable transaction that stays open, and its standby."""
    name = f"defaults{request.param}"
    primary = Cluster.create(ground, installation_of(request.param), name, settings={"max_wal_senders": 5})
    primary.start()
    standby = standby_of(primary, f"{name}-standby")
    standby.start()
    with psycopg.connect(primary.conninfo()) as other:
        other.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
        other.execute("CREATE ROLE nobody_much; CREATE ROLE odd LOGIN IN ROLE pg_monitor, nobody_much")
        other.commit()
        other.execute("CREATE TABLE kept_open ()")
        yield primary, standby
    standby.stop("immediate")
    primary.stop("immediate")


SERIALIZABLE = list(DEFAULTS)[:3]
CASES = [("ROLE odd", [name]) for name in DEFAULTS] + [("ROLE odd", SERIALIZABLE), ("DATABASE postgres", SERIALIZABLE)]


@pytest.mark.parametrize(("whose", "names"), CASES, ids=[f"{whose} {' '.join(names)}" for whose, names in CASES])
async def test_a_default_breaks_nothing(pair: tuple[Cluster, Cluster], whose: str, names: list[str]) -> None:
    if not SINCE.get(names[0], 0) <= pair[0].major < BEFORE.get(names[0], 100):
        pytest.skip("it cannot be set there")
    given = "SELECT array_agg(setconfig::text)::text FROM pg_db_role_setting"
    primary, standby = (psycopg.connect(one.conninfo(dbname="template1"), autocommit=True) for one in pair)
    with primary, standby:
        for name in names:
            statement = sql.SQL("ALTER " + whose + " SET {} = {}")
            primary.execute(statement.format(sql.Identifier(name), sql.Literal(DEFAULTS[name])))
        try:
            wait_until(lambda: fetch(primary, given) == fetch(standby, given), "the standby has it too")
            for cluster in pair:
                assert await watched(cluster)
        finally:
            primary.execute(sql.SQL("ALTER " + whose + " RESET ALL"))


async def watched(cluster: Cluster) -> bool:
    """Whether our session gets in as the role, and sees sessions in two samples."""
    probe = await Probe.open(cluster.conninfo("odd"))
    try:
        await probe.sample()
        snapshot = await probe.sample()
    finally:
        await probe.close()
    return bool(snapshot.sessions)


async def test_a_pooler_that_refuses_options_lets_us_in(bouncer: Bouncer) -> None:
    connection = await open_door(bouncer.conninfo("postgres", "postgres"), read_only=True)
    cursor = await connection.execute("SHOW default_transaction_read_only")
    assert await cursor.fetchone() == (b"off",)
    await connection.close()


async def test_the_users_own_options_are_kept(one_server: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c geqo=off -c search_path=elsewhere")
    connection = await open_door(one_server.conninfo())
    cursor = await connection.execute("SELECT current_setting('geqo'), current_setting('search_path')", binary=True)
    assert await cursor.fetchone() == (b"off", b"pg_catalog,pg_temp")
    await connection.close()
