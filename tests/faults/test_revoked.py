"""The right to each thing that our SQL names is taken away, one after the other: what can be missing is a gap."""

import re
from collections.abc import Iterator, Sequence
from importlib import resources
from typing import Any

import psycopg
import pytest

from pgheadroom.analysis import analyse
from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.errors import PgHeadroomError
from pgheadroom.live.source import LiveSource
from pgheadroom.model.session import SessionId
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.output.text import render
from servers import Roles

SQL = resources.files("pgheadroom.postgres").joinpath("sql")
ALL = "\n".join(file.read_text("ascii") for file in SQL.iterdir())
# Types are no names that a right belongs to: those of casts, and those of a block's variables.
TYPES = r"::pg_catalog\.\w+|^ +\w+ (?:CONSTANT )?pg_catalog\.\w+(?=;| :=)"
NAMES = sorted(set(re.findall(r"pg_catalog\.(\w+)", re.sub(rf"{TYPES}|--.*", "", ALL, flags=re.MULTILINE))))
WITHOUT_IT_THERE_IS_NOTHING = {"pg_stat_get_activity": "the server does not tell its sessions: permission denied"}
IN_EVERY_SAMPLE = {
    "pg_is_in_recovery", "pg_lock_status", "pg_has_role", "pg_backend_pid", "pg_postmaster_start_time", "pg_database",
    "pg_roles", "set_config", "host", "substr", "textsend",
}  # fmt: skip

_RIGHTS = """
SELECT format('%%s ALL ON FUNCTION %%s %%s PUBLIC', %(verb)s::text, p.oid::regprocedure, %(whom)s::text)
  FROM pg_proc AS p
 WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname = %(name)s
UNION ALL
SELECT format('%%s SELECT ON %%s %%s PUBLIC', %(verb)s::text, c.oid::regclass, %(whom)s::text)
  FROM pg_class AS c
 WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relname = %(name)s AND c.relkind IN ('r', 'v')
"""


def change(superuser: "psycopg.Connection[Any]", name: str, verb: str, whom: str) -> int:
    statements = superuser.execute(_RIGHTS, {"verb": verb, "whom": whom, "name": name}).fetchall()
    for (statement,) in statements:
        superuser.execute(statement.encode())
    return len(statements)


@pytest.fixture
def lean(server: Cluster, superuser: "psycopg.Connection[Any]") -> "Iterator[psycopg.Connection[Any]]":
    """A database of its own: who may call what is written in each database."""
    superuser.execute("CREATE DATABASE lean")
    with psycopg.connect(server.conninfo(dbname="lean"), autocommit=True) as inside:
        yield inside
    superuser.execute("DROP DATABASE lean WITH (FORCE)")


async def look(conninfo: str, pid: int) -> tuple[Snapshot, Snapshot]:
    source = LiveSource(conninfo)
    try:
        first, second = await source.sample_once(), await source.sample_once()
        mine = next(one for one in second.sessions if one.pid == pid)
        try:
            await source.detail(SessionId(mine.pid, mine.backend_start))
        except PgHeadroomError as refused:
            assert "permission denied" in str(refused)  # noqa: PT017 - it may also be told
        return first, second
    finally:
        await source.close()


@pytest.mark.parametrize("member_of", [[], ["pg_monitor"]], ids=["plain", "monitor"])
async def test_each_right_is_revoked(
    server: Cluster, lean: "psycopg.Connection[Any]", role: Roles, member_of: Sequence[str]
) -> None:
    role("watcher", member_of=member_of)
    conninfo = server.conninfo("watcher", "lean")
    wrong = []
    for name in NAMES:
        if not change(lean, name, "REVOKE", "FROM"):
            continue
        try:
            for snapshot in await look(conninfo, lean.info.backend_pid):
                render(analyse(snapshot, Thresholds()))
                told = [gap for gap in snapshot.gaps if "permission denied" in gap.reason or "set_config" in gap.reason]
                if name in IN_EVERY_SAMPLE and not told:
                    wrong.append(f"{name}: nothing is said of it")
        except Exception as error:
            if name not in WITHOUT_IT_THERE_IS_NOTHING or WITHOUT_IT_THERE_IS_NOTHING[name] not in str(error):
                wrong.append(f"{name}: {type(error).__name__}: {error}")
        finally:
            change(lean, name, "GRANT", "TO")
    assert wrong == []


async def test_queries_stay_when_set_config_is_revoked_between_two_samples(
    server: Cluster, lean: "psycopg.Connection[Any]", role: Roles
) -> None:
    role("watcher", member_of=["pg_monitor"])
    source = LiveSource(server.conninfo("watcher", "lean"))
    try:
        await source.sample_once()
        lean.execute("REVOKE ALL ON FUNCTION pg_catalog.set_config(text, text, bool) FROM PUBLIC")
        for _ in range(2):
            snapshot = await source.sample_once()
            mine = next(one for one in snapshot.sessions if one.pid == lean.info.backend_pid)
            assert mine.query.startswith("REVOKE")
            assert not [gap for gap in snapshot.lacking if gap.part != "connection"]
    finally:
        await source.close()
