"""The SQL for monitors: right about slots on every version, also for a reader without privileges, and gone again."""

import os
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgheadroom.advice.monitoring import monitoring_sql, monitoring_uninstall_sql
from pgheadroom.cli import main
from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.model.thresholds import Thresholds
from servers import MAJORS, Roles, Sessions, fetch, usable

OF_EACH_KIND = MAJORS if os.environ.get("PGHEADROOM_TEST_ALL") else sorted({MAJORS[0], MAJORS[-1]})
THERE = """SELECT (SELECT count(*) FROM pg_namespace WHERE nspname = 'pgheadroom')
    + (SELECT count(*) FROM pg_roles WHERE rolname = 'pgheadroom_monitor')"""


@pytest.mark.parametrize("server", OF_EACH_KIND, indirect=True)
def test_a_plain_reader_gets_the_whole_truth_of_a_full_server_and_nobody_else_gets_anything(
    server: Cluster, superuser: "psycopg.Connection[Any]", role: Roles, sessions: Sessions
) -> None:
    superuser.execute(monitoring_sql(Thresholds()).encode())
    try:
        for name in ("reader", "web"):
            role(name)
        superuser.execute("GRANT USAGE ON SCHEMA pgheadroom TO reader, web")
        superuser.execute("GRANT SELECT ON pgheadroom.connection_monitor TO reader, web")
        superuser.execute("GRANT EXECUTE ON FUNCTION pgheadroom.connections(), pgheadroom.health() TO reader")
        (reader,) = sessions(1, user="reader", options="-c search_path=public")
        web = sessions.fill("web")
        web[0].execute("BEGIN")
        row = reader.execute(
            "SELECT max_connections, reserve, usable, used, free, in_reserve, used_percent, idle_in_transaction"
            "  FROM pgheadroom.connection_monitor"
        ).fetchone()
        slots = usable(server.major)
        assert row == (30, 30 - slots, slots, slots, 0, 0, 100, 1)
        judged = dict(reader.execute("SELECT metric, status FROM pgheadroom.health()").fetchall())
        assert judged["connection_usage_percent"] == "CRITICAL"
        assert judged["idle_in_transaction"] == "OK"
        for text in (b"SELECT * FROM pgheadroom.health()", b"SELECT * FROM pgheadroom.connection_monitor"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                web[1].execute(text)
    finally:
        superuser.execute(monitoring_uninstall_sql().encode())
    assert fetch(superuser, THERE) == 0


@pytest.mark.parametrize("usage", ["80%", -5])
def test_every_kind_of_threshold_is_judged_as_the_program_does(
    usage: str | int, superuser: "psycopg.Connection[Any]", one_server: Cluster
) -> None:
    levels = Thresholds.from_mapping({"usage": [usage, "95%"], "active": ["60%", "90%"]})
    superuser.execute(monitoring_sql(levels).encode())
    try:
        row = superuser.execute("SELECT metric, warning FROM pgheadroom.health()").fetchall()
    finally:
        superuser.execute(monitoring_uninstall_sql().encode())
    slots = usable(one_server.major)
    told = {metric: float(warning) for metric, warning in row}
    assert told["connection_usage_percent"] == round(levels.usage.warning.percent_of(slots), 1)
    assert told["active"] == levels.active.warning.level(slots)


def test_it_is_printed_without_a_server(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert main(["advise", "--sql", "host=/nowhere"]) == 0
    assert capsys.readouterr().out.rstrip("\n") == monitoring_sql(Thresholds())
    assert main(["advise", "--sql-uninstall"]) == 0
    assert "DROP ROLE" in capsys.readouterr().out
