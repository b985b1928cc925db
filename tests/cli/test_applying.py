"""Advice applied and undone on real servers: what is written down before, read back after, and left alone."""

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from pgheadroom.acting.applying import NotApplied, carry_out, look_again, propose, undo_of
from pgheadroom.acting.powers import Powers
from pgheadroom.audit import Audit
from pgheadroom.cli import main
from pgheadroom.demo.servers.bouncer import Bouncer
from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.errors import NoConnection
from pgheadroom.live.source import LiveSource
from pgheadroom.model.advice import Advice
from pgheadroom.model.applied import Alteration, AppliedState, Spot, Wanted
from pgheadroom.model.hold import ChangeOutcome, ChangeResult
from servers import MAJORS, ONE_MAJOR, Roles, Sessions, fetch, wait_until

OF_EACH_KIND = MAJORS if os.environ.get("PGHEADROOM_TEST_ALL") else sorted({MAJORS[0], ONE_MAJOR})
ROLES = ["we\"b'; x é", "Select", "user", "ß" * 31 + "!", "web"]
MODES = ("transaction", "session")
DATABASES = ["Sel\"ect' 1", "データ" * 7]
IN_TRANSACTION, KEEPALIVES = "idle_in_transaction_session_timeout", "tcp_keepalives_idle"
STATE = """SELECT json_agg(x)::text FROM (SELECT * FROM pg_roles ORDER BY rolname) x
    UNION ALL SELECT json_agg(x)::text FROM (SELECT datname, datconnlimit, datdba, datacl FROM pg_database ORDER BY 1) x
    UNION ALL SELECT json_agg(x)::text FROM (SELECT * FROM pg_db_role_setting ORDER BY 1, 2) x
    UNION ALL SELECT json_agg(x)::text FROM (SELECT name, reset_val, pending_restart FROM pg_settings ORDER BY 1) x
    UNION ALL SELECT json_agg(x)::text
                FROM (SELECT name, setting, applied, error FROM pg_file_settings ORDER BY 1, 2) x"""

Audited = Callable[[], list[dict[str, Any]]]
Connection = psycopg.Connection[Any]

pytestmark = pytest.mark.usefixtures("own_files")


def state(superuser: Connection) -> list[Any]:
    return superuser.execute(STATE).fetchall()


def piece(spot: Spot, value: str) -> Advice:
    return Advice(str(spot), "timeouts", "", (), "", "", applies=Wanted(spot, value, ""))


# --- any sequence ----------------------------------------------------------------------------------------------------

SPOTS = [
    *(Spot("", role) for role in ROLES),
    *(Spot("", None, database) for database in DATABASES),
    *(Spot(IN_TRANSACTION, role) for role in ROLES),
    *(Spot(IN_TRANSACTION, role, database) for role in ROLES[:2] for database in DATABASES),
    Spot(IN_TRANSACTION, None, DATABASES[0]),
    *[Spot(KEEPALIVES)] * 3,
]
STEPS = st.lists(
    st.tuples(st.sampled_from(["apply", "apply", "undo", "other"]), st.sampled_from(SPOTS), st.sampled_from("789")),
    max_size=9,
)


@pytest.fixture
def odd_names(role: Roles, superuser: Connection) -> Any:
    for name in ROLES:
        role(name)
    superuser.execute(sql.SQL("ALTER ROLE {} SET {} = 12345").format(sql.Identifier("user"), sql.SQL(IN_TRANSACTION)))
    for name in DATABASES:
        superuser.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield
    for name in DATABASES:
        superuser.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


@pytest.mark.parametrize("server", OF_EACH_KIND, indirect=True)
@pytest.mark.usefixtures("odd_names")
@settings(
    max_examples=30 if os.environ.get("PGHEADROOM_TEST_ALL") else 3,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(STEPS)
def test_any_sequence_of_apply_undo_and_what_others_do_leaves_what_was_before(
    server: Cluster, superuser: Connection, tmp_path: Path, steps: list[tuple[str, Spot, str]]
) -> None:
    before = state(superuser)
    values = {spot: there(superuser, spot) for spot in SPOTS}
    asyncio.run(_take(server, superuser, tmp_path, steps))
    for spot in {spot for step, spot, _ in steps if step == "other"}:
        set_to(superuser, spot, values[spot])
    wait_until(lambda: state(superuser) == before, "all is as it was")


async def _take(server: Cluster, superuser: Connection, folder: Path, steps: list[tuple[str, Spot, str]]) -> None:
    source = LiveSource(server.conninfo())
    await source.open()
    powers = Powers(source, Audit(folder / "actions.jsonl"), alterations=source)
    try:
        for step, spot, value in steps:
            if step == "other":
                set_to(superuser, spot, value)
            elif step == "undo":
                await undo_last(powers)
            else:
                await apply(powers, superuser, spot, value)
        while await undo_last(powers):
            pass
    finally:
        await source.close()


async def apply(powers: Powers, superuser: Connection, spot: Spot, value: str) -> None:
    already = there(superuser, spot) == value
    try:
        advised, site = await propose(piece(spot, value), "postgres", powers)
    except NotApplied:
        assert already
        return
    done = await carry_out(advised, site, ("db", "postgres"), powers)
    assert (done.result.outcome, there(superuser, spot)) == (ChangeOutcome.DONE, value)
    assert done.result.message.startswith("read back: ")
    assert not already
    stale = await carry_out(advised, site, ("db", "postgres"), powers)
    assert stale.result.outcome is ChangeOutcome.CHANGED


async def undo_last(powers: Powers) -> bool:
    """Whether there was one. What others have set since is overwritten: here it was seen."""
    site, standing = await look_again(powers.audit.applied(), powers)
    if not standing:
        return False
    advised = undo_of(standing[-1], site, "postgres", powers)
    assert (await carry_out(advised, site, ("db", "postgres"), powers)).done
    return True


def there(superuser: Connection, spot: Spot) -> str | None:
    """What stands at a spot, as a superuser reads it by itself."""
    if spot.is_servers:
        row = superuser.execute(
            "SELECT setting FROM pg_file_settings WHERE name = %s AND sourcefile ~ 'auto.conf$'", (spot.parameter,)
        ).fetchone()
        return row[0] if row else None
    if not spot.parameter:
        table = (
            "rolconnlimit FROM pg_roles WHERE rolname" if spot.role else "datconnlimit FROM pg_database WHERE datname"
        )
        return str(fetch(superuser, f"SELECT {table} = %s", spot.role or spot.database))
    row = superuser.execute(
        """SELECT split_part(line, '=', 2) FROM pg_db_role_setting, unnest(setconfig) AS line
            WHERE line LIKE %s || '=%%'
              AND setrole = coalesce((SELECT oid FROM pg_roles WHERE rolname = %s), 0)
              AND setdatabase = coalesce((SELECT oid FROM pg_database WHERE datname = %s), 0)""",
        (spot.parameter, spot.role, spot.database),
    ).fetchone()
    return row[0] if row else None


def set_to(superuser: Connection, spot: Spot, value: str | None) -> None:
    words: list[sql.Composable] = [sql.SQL("ALTER SYSTEM")] if spot.is_servers else []
    if spot.role is not None:
        words += [sql.SQL("ALTER ROLE"), sql.Identifier(spot.role)]
    if spot.database is not None:
        words += [sql.SQL("IN DATABASE" if spot.role is not None else "ALTER DATABASE"), sql.Identifier(spot.database)]
    parameter = sql.SQL(spot.parameter)
    if not spot.parameter:
        words += [sql.SQL("CONNECTION LIMIT"), sql.SQL(value or "-1")]
    elif value is None:
        words += [sql.SQL("RESET"), parameter]
    else:
        words += [sql.SQL("SET"), parameter, sql.SQL("="), sql.Literal(value)]
    superuser.execute(sql.SQL(" ").join(words))
    if spot.is_servers:
        superuser.execute("SELECT pg_reload_conf()")


# --- the command -----------------------------------------------------------------------------------------------------


def test_a_piece_is_shown_applied_listed_and_undone_and_what_somebody_else_set_is_left_alone(
    one_server: Cluster,
    superuser: Connection,
    role: Roles,
    sessions: Sessions,
    audited: Audited,
    capsys: pytest.CaptureFixture[str],
) -> None:
    role("careless")
    role("reader", member_of=["pg_monitor"])
    sessions(22, user="careless")
    before = state(superuser)
    owner, reader = one_server.conninfo(), one_server.conninfo("reader")
    key = "limit:careless"

    assert main(["advise", "--apply", key, owner]) == 0
    told = capsys.readouterr()
    assert "  ALTER ROLE careless CONNECTION LIMIT 13;" in told.out
    assert "it ends nobody: the 22 sessions that are there stay" in told.out
    assert "add --yes" in told.err
    assert main(["advise", "--apply", "no:such", owner]) == 1
    assert f"there is no advice no:such now; there is: {key}" in capsys.readouterr().err
    assert main(["advise", "--apply", key, "--yes", "--read-only", owner]) == 2
    assert main(["advise", "--apply", key, "--yes", reader]) == 1
    assert "To hand over: ALTER ROLE careless CONNECTION LIMIT 13;" in capsys.readouterr().err
    assert state(superuser) == before
    assert [line["event"] for line in audited()] == ["refused"] * 2

    assert main(["advise", "--apply", key, "--yes", owner]) == 0
    assert (
        "apply CONNECTION LIMIT 13 for role careless: done: read back: pg_roles has CONNECTION LIMIT 13"
        in capsys.readouterr().out
    )
    intended, result = audited()[2:]
    assert (intended["verb"], intended["applied"]["before"], intended["applied"]["key"]) == ("apply", "-1", key)
    assert result["outcome"] == "done"
    assert main(["hold", "--list", owner]) == 0
    assert "nothing is held" in capsys.readouterr().out
    assert main(["advise", "--list-applied", owner]) == 0
    assert f"{key}: CONNECTION LIMIT 13 for role careless, before no limit; since" in capsys.readouterr().out

    superuser.execute("ALTER ROLE careless CONNECTION LIMIT 25")
    assert main(["advise", "--undo", "last", "--yes", owner]) == 1
    assert "somebody else has set CONNECTION LIMIT 25 since, which is left alone" in capsys.readouterr().err
    superuser.execute("ALTER ROLE careless CONNECTION LIMIT 13")
    assert main(["advise", "--undo", key, owner]) == 0
    assert main(["advise", "--undo", key, "--yes", "--format", "json", owner]) == 0
    printed = capsys.readouterr().out
    document = json.loads(printed[printed.index("{") :])
    assert (document["before"], document["after"], document["result"]["outcome"]) == ("13", "-1", "done")
    assert state(superuser) == before
    assert main(["advise", "--undo", "last", owner]) == 1
    assert main(["advise", "--list-applied", owner]) == 0
    assert capsys.readouterr().out.endswith("nothing is applied\n")


# --- who may ---------------------------------------------------------------------------------------------------------


async def test_who_lacks_a_right_to_the_configuration_is_told_the_grants_and_with_them_may(
    one_server: Cluster, superuser: Connection, role: Roles, tmp_path: Path
) -> None:
    role("keeper", member_of=["pg_monitor"])
    source = LiveSource(one_server.conninfo("keeper"))
    await source.open()
    powers = Powers(source, Audit(tmp_path / "actions.jsonl"), alterations=source)
    try:
        with pytest.raises(NotApplied) as told:
            await propose(piece(Spot(KEEPALIVES), "60"), "keeper", powers)
        grants = [f"{one};".strip() for one in str(told.value).split(";") if "GRANT" in one]
        for grant in grants:
            superuser.execute(grant[grant.index("GRANT") :].encode())
        assert len(grants) == 3
        advised, site = await propose(piece(Spot(KEEPALIVES), "60"), "keeper", powers)
        done = await carry_out(advised, site, ("db", "keeper"), powers)
        assert "read back: postgresql.auto.conf has tcp_keepalives_idle = 60" in done.sentence
        assert await undo_last(powers)
    finally:
        await source.close()


# --- behind a pooler --------------------------------------------------------------------------------------------------


async def test_through_a_pgbouncer_it_is_applied_and_undone_in_sessions_that_others_use_too(
    one_server: Cluster, superuser: Connection, role: Roles, new_bouncer: Callable[..., Bouncer], tmp_path: Path
) -> None:
    role("web")
    upstream = f"host={one_server.folder} port={one_server.port} dbname=postgres pool_mode="
    bouncer = new_bouncer({mode: upstream + mode for mode in MODES}, settings={"default_pool_size": 1})
    spots = [Spot("", "web"), Spot(IN_TRANSACTION, "web"), Spot(KEEPALIVES)]
    with psycopg.connect(bouncer.conninfo("postgres", "transaction"), prepare_threshold=None, autocommit=True) as other:
        for careless in ("search_path = pg_temp", "statement_timeout = 60000", "lock_timeout = 60000"):
            other.execute(f"SET {careless}".encode())  # it stays in the session that we are lent next
    for mode in MODES:
        audit = Audit(tmp_path / f"{mode}.jsonl")
        source = LiveSource(bouncer.conninfo("postgres", mode))
        await source.open()
        powers = Powers(source, audit, alterations=source)
        try:
            for spot in spots:
                advised, site = await propose(piece(spot, "7"), "postgres", powers)
                done = await carry_out(advised, site, ("db", "postgres"), powers)
                assert (done.result.outcome, there(superuser, spot)) == (ChangeOutcome.DONE, "7"), done.sentence
            while await undo_last(powers):
                pass
            assert [there(superuser, spot) for spot in spots] == ["-1", None, None]
            if mode == "transaction":
                with psycopg.connect(bouncer.conninfo("postgres", mode), autocommit=True) as other:
                    other.execute("SET default_transaction_read_only = on")
                again = await propose(piece(spots[0], "7"), "postgres", powers)
                done = await carry_out(*again, ("db", "postgres"), powers)
                # A newer PgBouncer does not lend it on.
                assert await undo_last(powers) if done.done else "connect to the server itself" in done.sentence
        finally:
            await source.close()


# --- answers that do not come ----------------------------------------------------------------------------------------


class Losing:
    """Loses the answer of a change that happened, or did not."""

    def __init__(self, source: LiveSource, happens: bool) -> None:
        self._source, self._happens = source, happens
        self.look_at = source.look_at

    async def alter(self, alteration: Alteration) -> ChangeResult:
        if self._happens:
            await self._source.alter(alteration)
        raise NoConnection("the connection was lost")


@pytest.mark.parametrize("happens", [True, False])
@pytest.mark.parametrize("spot", [Spot("", "web"), Spot(KEEPALIVES)])
async def test_where_the_answer_is_lost_the_server_is_asked(
    one_server: Cluster, superuser: Connection, role: Roles, tmp_path: Path, happens: bool, spot: Spot
) -> None:
    role("web")
    source = LiveSource(one_server.conninfo())
    await source.open()
    powers = Powers(source, Audit(tmp_path / "actions.jsonl"), alterations=Losing(source, happens))
    try:
        advised, site = await propose(piece(spot, "7"), "postgres", powers)
        done = await carry_out(advised, site, ("db", "postgres"), powers)
        assert done.result.outcome is (ChangeOutcome.DONE if happens else ChangeOutcome.REFUSED)
        assert "the connection was lost; read back since: " in done.sentence
        standing = (await look_again(powers.audit.applied(), powers))[1]
        assert [one.state for one in standing] == [AppliedState.SET] * happens
        assert await undo_last(Powers(source, powers.audit, alterations=source)) is happens
    finally:
        await source.close()
    assert there(superuser, spot) == ("-1" if not spot.parameter else None)
