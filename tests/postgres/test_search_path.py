"""Nothing of ours is decided by a search_path: through a pooler it is what a database's owner has set."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from pgheadroom.demo.servers.bouncer import Bouncer
from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.model.applied import Alteration, Spot
from pgheadroom.model.hold import Change, ChangeOutcome, Grip, HeldKind
from pgheadroom.model.session import SessionId
from pgheadroom.postgres import applying, exchange, holding
from pgheadroom.postgres.sampling import Probe
from pgheadroom.postgres.session_detail import detail
from pgheadroom.rules.acting.hold import TIMEOUT
from servers import Roles, fetch
from sql_names import unqualified
from sql_texts import FILES, TEXTS, Text, content


@pytest.mark.parametrize("file", FILES)
def test_every_name_says_which_schema_it_means(file: str) -> None:
    assert unqualified(content(file)) == []


@pytest.mark.parametrize(
    "text",
    [
        "SELECT now()",
        "SELECT a.x::int FROM pg_catalog.pg_class AS a",
        "SELECT a.x::pg_catalog.int4 + 1 FROM pg_catalog.pg_class AS a",
        "SELECT a.x FROM pg_class AS a",
        "SELECT a.x FROM pg_catalog.pg_class AS a JOIN pg_type AS b ON true",
        "SELECT a.x IN (1, 2)",
        "SELECT a.x OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.int4[])",
        "SELECT a.x OPERATOR(evil.=) 1",
        "SELECT a.x IS DISTINCT FROM 1",
        "SELECT a.x IS NOT DISTINCT FROM 1",
        "SELECT CASE a.x WHEN 1 THEN 2 END",
        "SELECT NULLIF(1, 2)",
        "SELECT 1 WHERE a.x BETWEEN 1 AND 2",
        "SELECT 1 WHERE a.x NOT LIKE 'b'",
        "SELECT 1 FROM pg_catalog.pg_class AS a JOIN pg_catalog.pg_class AS b USING (oid)",
        "SELECT 1 FROM pg_catalog.pg_class AS a NATURAL JOIN pg_catalog.pg_class AS b",
        "SELECT CAST(1 AS text)",
        "SELECT evil.f()",
        "SELECT -1",
    ],
)
def test_the_reader_finds_what_a_path_decides(text: str) -> None:
    assert unqualified(text)


# --- a schema full of traps ------------------------------------------------------------------------------------------

_TRAPS = r"""
CREATE SCHEMA evil;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
CREATE FUNCTION evil.sprung() RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''trap''; END';
DO $do$
DECLARE
    one record;
    body text := $$ LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''trap''; END' $$;
BEGIN
    FOR one IN SELECT o.oid, o.oprname, o.oprleft, o.oprright, o.oprresult FROM pg_operator AS o
                WHERE o.oprnamespace = 'pg_catalog'::regnamespace AND o.oprright <> 0 LOOP
        BEGIN
            EXECUTE format('CREATE FUNCTION evil.trap%s(%s) RETURNS %s', one.oid,
                           concat_ws(',', CASE WHEN one.oprleft <> 0 THEN format_type(one.oprleft, NULL) END,
                                     format_type(one.oprright, NULL)), format_type(one.oprresult, NULL)) || body;
            EXECUTE format('CREATE OPERATOR evil.%s (FUNCTION = evil.trap%s, %sRIGHTARG = %s)', one.oprname, one.oid,
                           CASE WHEN one.oprleft <> 0 THEN format('LEFTARG = %s, ', format_type(one.oprleft, NULL)) END,
                           format_type(one.oprright, NULL));
        EXCEPTION WHEN OTHERS THEN NULL;  -- types that no function of SQL can take
        END;
    END LOOP;
    FOR one IN SELECT p.proname, p.prorettype, p.proretset, pg_get_function_identity_arguments(p.oid) AS arguments
                 FROM pg_proc AS p
                WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname = ANY (%(words)s) LOOP
        BEGIN
            EXECUTE format('CREATE FUNCTION evil.%%I(%%s) RETURNS %%s %%s', one.proname,
                           regexp_replace(one.arguments, 'OUT [^,]*,?|ORDER BY.*', '', 'g'),
                           CASE WHEN one.proretset THEN 'SETOF' END, format_type(one.prorettype, NULL)) || body;
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END LOOP;
    FOR one IN SELECT t.typname FROM pg_type AS t WHERE t.typnamespace = 'pg_catalog'::regnamespace
                  AND t.typtype = 'b' AND t.typname = ANY (%(words)s) LOOP
        EXECUTE format('CREATE DOMAIN evil.%%1$I AS pg_catalog.%%1$I CHECK (evil.sprung())', one.typname);
    END LOOP;
    FOR one IN SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'pg_catalog'::regnamespace
                  AND c.relkind IN ('r', 'v') AND c.relname = ANY (%(words)s) LOOP
        EXECUTE format('CREATE VIEW evil.%%1$I AS SELECT * FROM pg_catalog.%%1$I WHERE evil.sprung()', one.relname);
    END LOOP;
END $do$
"""
WORDS = sorted({word for file in FILES for word in re.findall(r"[a-z_]\w*", content(file))})


def lay_traps(connection: "psycopg.Connection[tuple[object, ...]]") -> None:
    literal = sql.Literal(WORDS).as_string(connection)
    text = _TRAPS.replace("%(words)s", literal).replace("%%", "%")
    connection.execute(text.encode())


@pytest.fixture(scope="module")
def trapped(server: Cluster) -> Iterator[Cluster]:
    """A database `trapped`, in which everything that our texts name exists a second time, and first on the path."""
    with psycopg.connect(server.conninfo(), autocommit=True) as superuser:
        superuser.execute("CREATE DATABASE trapped")
        superuser.execute("CREATE ROLE lodger LOGIN")
        superuser.execute("ALTER DATABASE trapped SET search_path = evil, pg_catalog")
        with psycopg.connect(server.conninfo(dbname="trapped"), autocommit=True) as inside:
            inside.execute("SET search_path = pg_catalog")
            lay_traps(inside)
        yield server
        superuser.execute("DROP DATABASE trapped WITH (FORCE)")
        superuser.execute("DROP ROLE lodger")


def version_of(server: Cluster) -> int:
    with psycopg.connect(server.conninfo()) as connection:
        return connection.info.server_version


def test_the_traps_are_sprung_by_what_is_not_qualified(trapped: Cluster) -> None:
    bare = (
        "SELECT 1 = 1", "SELECT textsend('a')", "SELECT 'a'::text", "SELECT * FROM pg_roles",
        "SELECT 1 WHERE 1 IN (1, 2)", "SELECT 1 IS DISTINCT FROM 2", "SELECT NULLIF(1, 2)", "SELECT 'a' LIKE 'b'",
    )  # fmt: skip
    with psycopg.connect(trapped.conninfo(dbname="trapped"), autocommit=True) as connection:
        for text in bare:
            with pytest.raises(psycopg.errors.RaiseException, match="trap"):
                connection.execute(text.encode())


NO_QUERIES = {"hold_change", "apply_change", "alter_system", "rollback_prepared"}
"""They give no rows; a view cannot be made of them."""


@pytest.mark.parametrize("asked", [text for text in TEXTS if text.name not in NO_QUERIES], ids=str)
def test_no_text_means_anything_of_a_hostile_schema(trapped: Cluster, asked: Text) -> None:
    """As a view, so that the server tells what each name of it came to mean, also of what would not be executed."""
    if asked.since > version_of(trapped):
        pytest.skip("of a later version")
    text = re.sub(r"\$\d+|%s", "NULL", asked.statement.decode())
    with psycopg.connect(trapped.conninfo(dbname="trapped"), autocommit=True) as connection:
        connection.execute(f"CREATE TEMP VIEW looked_at AS SELECT true FROM ({text}) AS text".encode())
        found = connection.execute("""
            SELECT o.type OPERATOR(pg_catalog.||) ' ' OPERATOR(pg_catalog.||) o.identity
              FROM pg_catalog.pg_depend AS d
             CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.refclassid, d.refobjid, d.refobjsubid) AS o
              JOIN pg_catalog.pg_rewrite AS r ON r.oid OPERATOR(pg_catalog.=) d.objid
             WHERE r.ev_class OPERATOR(pg_catalog.=) 'looked_at'::pg_catalog.regclass
               AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_rewrite'::pg_catalog.regclass
               AND d.refobjid OPERATOR(pg_catalog.<>) r.ev_class
        """).fetchall()
    meant = [what for (what,) in found if "evil." in what]
    assert meant == []


HELD = ((HeldKind.ROLE, "lodger"), (HeldKind.DATABASE, "trapped"))


async def _there_and_back(probe: Probe, kind: HeldKind, name: str) -> list[ChangeOutcome]:
    """Holds it, tries once more from what it was, and lets it go."""
    (what,) = (await holding.look(probe, [(kind, name)], [])).found
    after = Grip(3, False, "1min") if kind is HeldKind.ROLE else Grip(3)
    change = Change(kind, what.oid, name, what.before(after), after)
    return [(await holding.change(probe, one)).outcome for one in (change, change, change.undone)]


APPLIED = (
    *(Spot(name, role, base) for name in ("", TIMEOUT) for role, base in (("lodger", None), (None, "trapped"))),
    Spot(TIMEOUT, "lodger", "trapped"),
    Spot("tcp_keepalives_idle"),
)


async def _applied_and_undone(probe: Probe, spot: Spot) -> list[ChangeOutcome]:
    (found,) = (await applying.look(probe, [spot])).found
    wanted = Alteration(found.spot, found.value, "7")
    return [(await applying.alter(probe, one)).outcome for one in (wanted, wanted, wanted.undone)]


@pytest.mark.parametrize("pinned", [True, False])
async def test_everything_that_is_asked_works_on_a_hostile_path(
    trapped: Cluster, pinned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the path pinned, and by the texts alone."""
    if not pinned:
        monkeypatch.setattr(exchange, "is_pinned", lambda _: False)
    with psycopg.connect(trapped.conninfo(dbname="trapped"), autocommit=True) as waiting:
        waiting.execute(b"SELECT pg_catalog.pg_sleep(0)")
        probe = await Probe.open(trapped.conninfo(dbname="trapped"))
        try:
            await probe.connection.execute("SELECT pg_catalog.set_config('search_path', 'evil, pg_catalog', false)")
            snapshot = await probe.sample()
            mine = next(one for one in snapshot.sessions if one.pid == waiting.info.backend_pid)
            told = await detail(probe, SessionId(mine.pid, mine.backend_start))
            held = [await _there_and_back(probe, kind, name) for kind, name in HELD]
            applied = [await _applied_and_undone(probe, spot) for spot in APPLIED]
        finally:
            await probe.close()
    assert snapshot.lacking == []
    assert held == [[ChangeOutcome.DONE, ChangeOutcome.CHANGED, ChangeOutcome.DONE]] * len(HELD)
    assert applied == [held[0]] * len(APPLIED)
    assert told is not None
    assert told.session.pid == mine.pid


# --- the attack ------------------------------------------------------------------------------------------------------

_ATTACK = """
CREATE SCHEMA evil;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
CREATE FUNCTION evil.{name}(a {type}, b {type}) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF pg_catalog.current_setting('is_superuser') OPERATOR(pg_catalog.=) 'on' THEN
        ALTER ROLE landlord SUPERUSER;
    END IF;
    RETURN a OPERATOR(pg_catalog.=) b;
END $$;
CREATE OPERATOR evil.= (FUNCTION = evil.{name}, LEFTARG = {type}, RIGHTARG = {type});
"""


@pytest.fixture
def conquered(server: Cluster, superuser: "psycopg.Connection[Any]", role: Roles) -> Iterator[str]:
    """A database whose owner waits in it for a superuser."""
    role("landlord")
    superuser.execute("CREATE DATABASE rented OWNER landlord")
    superuser.execute("ALTER DATABASE rented SET search_path = evil, pg_catalog")
    with psycopg.connect(server.conninfo("landlord", "rented"), autocommit=True) as landlord:
        for number, type_ in enumerate(("text", "name", "oid", "int4")):
            text = _ATTACK.format(name=f"equal{number}", type=type_)
            landlord.execute((text if not number else text.split("PUBLIC;")[1]).encode())
    yield "rented"
    superuser.execute("DROP DATABASE rented WITH (FORCE)")


async def look_at_everything(conninfo: str) -> None:
    probe = await Probe.open(conninfo)
    try:
        snapshot = await probe.sample()
        await detail(probe, snapshot.sessions[0].id)
    finally:
        await probe.close()


async def test_a_databases_owner_waits_in_vain(
    server: Cluster, superuser: "psycopg.Connection[Any]", conquered: str
) -> None:
    await look_at_everything(server.conninfo(dbname=conquered))
    assert not fetch(superuser, "SELECT rolsuper FROM pg_roles WHERE rolname = 'landlord'")


async def test_a_databases_owner_waits_in_vain_behind_a_pooler(
    server: Cluster, superuser: "psycopg.Connection[Any]", conquered: str, new_bouncer: Callable[..., Bouncer]
) -> None:
    upstream = f"host={server.folder} port={server.port} dbname=rented"
    bouncer = new_bouncer({"rented": upstream}, settings={"server_idle_timeout": 1})
    for _ in range(3):
        await look_at_everything(bouncer.conninfo("postgres", "rented"))
    assert not fetch(superuser, "SELECT rolsuper FROM pg_roles WHERE rolname = 'landlord'")
    bouncer.stop()
