"""`pgheadroom hold` on the databases of real PgBouncers."""

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from pgheadroom.cli import main
from pgheadroom.demo.servers.bouncer import Bouncer
from pgheadroom.demo.servers.cluster import Cluster

pytestmark = pytest.mark.usefixtures("own_files")


def test_a_database_of_a_pgbouncer_is_held_from_a_script_and_let_go(
    bouncer: Bouncer,
    one_server: Cluster,
    audited: Callable[[], list[dict[str, Any]]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    where = ["hold", "--pgbouncer", bouncer.console()]
    # The console is enough: of a server that is not there nothing is asked.
    nowhere = "host=127.0.0.1 port=1"
    assert main([*where, "--pause", "postgres", nowhere]) == 0
    told = capsys.readouterr()
    assert "Holds 0 clients of postgres until RESUME" in told.out
    assert "pgheadroom hold --resume postgres" in told.out
    assert "add --yes" in told.err
    assert audited() == []
    for hold, back, done, undone in (
        ("pause", "resume", "PAUSE postgres: done: paused", "not paused"),
        ("disable", "enable", "DISABLE postgres: done: disabled", "not disabled"),
    ):
        assert main([*where, f"--{hold}", "postgres", "--yes", nowhere]) == 0
        assert done in capsys.readouterr().out
        assert main([*where, f"--{hold}", "postgres", "--yes", nowhere]) == 1
        assert f"postgres is {hold}d already" in capsys.readouterr().err
        assert [line["event"] for line in audited()[-3:]] == ["intended", "result", "refused"]
        assert main(["hold", "--list", one_server.conninfo()]) == 0
        assert f"{hold.upper()} postgres in PgBouncer" in capsys.readouterr().out
        assert main([*where, f"--{back}", "postgres", "--yes", "--format", "json", nowhere]) == 0
        assert json.loads(capsys.readouterr().out)["result"] == {"outcome": "done", "message": undone}
    assert main(["hold", "--list", one_server.conninfo()]) == 0
    assert capsys.readouterr().out.strip() == "nothing is held"
    with psycopg.connect(bouncer.conninfo("postgres", "postgres"), autocommit=True, prepare_threshold=None) as client:
        assert client.execute("SELECT 1").fetchone() == (1,)
    assert main([*where, "--pause", "elsewhere", "--yes", nowhere]) == 1
    assert "no PgBouncer here has a database elsewhere" in capsys.readouterr().err


def test_without_a_pgbouncer_or_read_only_nothing_is_given(
    audited: Callable[[], list[dict[str, Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["hold", "--pause", "shop", "--yes"]) == 2
    assert "--pgbouncer CONNINFO" in capsys.readouterr().err
    assert main(["hold", "--pgbouncer", "host=/nowhere", "--disable", "shop", "--resume", "shop"]) == 2
    assert main(["hold", "--pgbouncer", "host=/nowhere", "--pause", "shop", "--yes", "--read-only"]) == 2
    (line,) = audited()
    assert (line["event"], line["verb"], line["name"], line["reason"]) == ("refused", "PAUSE", "shop", "read-only")
