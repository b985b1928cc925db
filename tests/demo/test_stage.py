"""Each scenario shows what it promises, and leaves nothing behind."""

import json
import os
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from demo.processes import alive, born, command_line, descendants
from pgheadroom.demo import stage
from pgheadroom.demo.crowd import REFUSED
from pgheadroom.demo.scenarios import MAX_CONNECTIONS, RESERVED, SUPERUSER_RESERVED
from pgheadroom.demo.servers import installation
from pgheadroom.demo.servers.bouncer import find_pgbouncer
from pgheadroom.demo.servers.cluster import find_installations
from pgheadroom.demo.stage import SCENARIOS, Demo, open_demo
from pgheadroom.errors import UsageError
from pgheadroom.postgres.server_log.format import Format
from pgheadroom.postgres.server_log.meaning import turned_away
from pgheadroom.postgres.server_log.records import Reader
from servers import fetch, missing, wait_until

pytestmark = pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes in /proc")

USABLE = MAX_CONNECTIONS - SUPERUSER_RESERVED - RESERVED
CLIENTS = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' "

Monitor = psycopg.Connection[Any]


@pytest.fixture(autouse=True)
def _newest() -> None:
    if not find_installations() or find_installations()[0].major < 16:
        missing("the demo's PostgreSQL is not installed")
    if find_pgbouncer() is None:
        missing("PgBouncer is not installed")


def quiet(_line: str) -> None:
    pass


def folder_of(demo: Demo) -> Path:
    return Path(str(conninfo_to_dict(demo.conninfo)["host"])).parent


def connect(demo: Demo) -> Monitor:
    """Get in, with as many tries as it takes: in a storm the reserve may be taken for a moment."""
    tried: list[Monitor] = []

    def gets_in() -> bool:
        with suppress(psycopg.OperationalError):
            tried.append(psycopg.connect(demo.conninfo, autocommit=True, prepare_threshold=None))
        return bool(tried)

    wait_until(gets_in, "a slot for the monitor")
    return tried[0]


def pool(demo: Demo) -> dict[str, Any]:
    """The row of the shop's pool."""
    with psycopg.connect(demo.pgbouncers[0], autocommit=True, prepare_threshold=None) as console:
        answer = console.execute("SHOW POOLS")
        names = [column.name for column in answer.description or ()]
        return next(dict(zip(names, row, strict=True)) for row in answer.fetchall() if row[0] == "shop")


def calm(monitor: Monitor, demo: Demo) -> None:
    assert fetch(monitor, CLIENTS) < USABLE / 2


def idle_leak(monitor: Monitor, demo: Demo) -> None:
    assert fetch(monitor, CLIENTS) >= USABLE - 4
    assert fetch(monitor, CLIENTS + "AND state = 'idle' AND usename = 'billing'") > USABLE * 0.6


def idle_in_transaction(monitor: Monitor, demo: Demo) -> None:
    assert fetch(monitor, CLIENTS + "AND state = 'idle in transaction'") >= 20
    assert fetch(monitor, CLIENTS + "AND state = 'idle in transaction (aborted)'") == 3


def lock_pileup(monitor: Monitor, demo: Demo) -> None:
    roots = (
        "SELECT count(*) FROM pg_stat_activity AS root WHERE cardinality(pg_blocking_pids(pid)) = 0"
        " AND EXISTS (SELECT FROM pg_stat_activity AS waiter WHERE root.pid = ANY(pg_blocking_pids(waiter.pid)))"
    )
    assert fetch(monitor, roots) == 1
    deep = (
        "WITH RECURSIVE behind AS ("
        "  SELECT pid, 0 AS depth FROM pg_stat_activity WHERE usename = 'deploy'"
        "  UNION SELECT waiter.pid, depth + 1 FROM pg_stat_activity AS waiter JOIN behind"
        "  ON behind.pid = ANY(pg_blocking_pids(waiter.pid))) SELECT max(depth) FROM behind"
    )
    assert fetch(monitor, deep) >= 3


def busy(monitor: Monitor, demo: Demo) -> None:
    assert fetch(monitor, CLIENTS + "AND state = 'active'") >= 22


def pool_saturated(monitor: Monitor, demo: Demo) -> None:
    assert fetch(monitor, CLIENTS) < USABLE / 2
    first = pool(demo)
    assert first["sv_active"] == 6
    assert first["cl_waiting"] >= 15
    wait_until(lambda: pool(demo)["maxwait"] > first["maxwait"], "maxwait grows")


def role_limit(monitor: Monitor, demo: Demo) -> None:
    assert fetch(monitor, CLIENTS + "AND usename = 'reports'") == 6
    assert fetch(monitor, "SELECT rolconnlimit FROM pg_roles WHERE rolname = 'reports'") == 6
    assert fetch(monitor, CLIENTS) < USABLE * 0.6
    log = folder_of(demo) / "applications.log"
    wait_until(lambda: 'too many connections for role "reports"' in log.read_text(), "an application is refused")


def storm(monitor: Monitor, demo: Demo) -> None:
    log = folder_of(demo) / "applications.log"
    wait_until(lambda: "lambda: connection" in log.read_text(), "functions are refused")
    pids = "SELECT array_agg(pid) FROM pg_stat_activity WHERE usename = 'lambda'"
    first = set(fetch(monitor, pids))
    wait_until(lambda: not first & set(fetch(monitor, pids) or ()), "every function of a moment ago has gone")
    assert fetch(monitor, CLIENTS) >= USABLE - 10
    counts_what_clients_saw(demo)


def counts_what_clients_saw(demo: Demo) -> None:
    """The server's log tells of as many refusals as the clients themselves, once they all have heard their answers."""
    told = folder_of(demo) / "from" / REFUSED
    wait_until(lambda: told.exists() and json.loads(told.read_text()).get("lambda", 0) > 20, "many are refused")
    (crowd,) = (pid for pid in descendants(os.getpid()) if "pgheadroom.demo.crowd" in command_line(pid))
    os.kill(crowd, signal.SIGUSR1)
    wait_until(lambda: not alive(crowd), "all have heard")
    seen = Counter(json.loads(told.read_text()))

    def refused() -> "Counter[str]":
        logs = b"".join(log.read_bytes() for log in sorted(folder_of(demo).glob("*/data/log/*.csv")))
        whos = map(turned_away, Reader(Format.CSV).feed(logs))
        return Counter(who.role for who in whos if who is not None and who.reason.no_room)

    # PgBouncer, which is web here, counts nothing.
    wait_until(lambda: refused()["lambda"] >= seen["lambda"], "all of them are written")
    assert {role: count for role, count in refused().items() if role != "web"} == {
        role: count for role, count in seen.items() if role != "web"
    }


PROMISES: dict[str, Callable[[Monitor, Demo], None]] = {
    "calm": calm,
    "idle-leak": idle_leak,
    "idle-in-transaction": idle_in_transaction,
    "lock-pileup": lock_pileup,
    "busy": busy,
    "pool-saturated": pool_saturated,
    "role-limit": role_limit,
    "storm": storm,
}


def test_every_scenario_is_tested() -> None:
    assert set(PROMISES) == set(SCENARIOS)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario_shows_what_it_promises_and_leaves_nothing(scenario: str) -> None:
    said: list[str] = []
    before = set(descendants(os.getpid()))
    with open_demo(scenario, said.append) as demo:
        started = {pid: born(pid) for pid in {*descendants(os.getpid())} - before}
        with connect(demo) as monitor:
            PROMISES[scenario](monitor, demo)
    assert said[0].startswith("starting PostgreSQL")
    assert "slow to come" not in said[-1]
    assert len(started) > 10
    # Backends of a postmaster that is killed at once need a moment to notice.
    wait_until(
        lambda: not any(alive(pid) and born(pid) == moment for pid, moment in started.items()),
        "every process has ended",
    )
    assert not folder_of(demo).exists()


def test_pileup_dissolves_when_its_root_ends() -> None:
    with open_demo("lock-pileup", quiet) as demo, connect(demo) as monitor:
        monitor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'deploy'")
        wait_until(lambda: fetch(monitor, CLIENTS + "AND wait_event_type = 'Lock'") == 0, "nobody waits")


def test_leaked_sessions_come_back_slowly() -> None:
    leaked = CLIENTS + "AND application_name = 'billing-api'"
    with open_demo("idle-leak", quiet) as demo, connect(demo) as monitor:
        assert fetch(monitor, leaked) >= 24
        monitor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'billing'")
        wait_until(lambda: fetch(monitor, leaked) <= 2, "their slots are free")


def test_monitor_has_what_the_readme_grants() -> None:
    with open_demo("calm", quiet) as demo, connect(demo) as monitor:
        for role in ("pg_monitor", "pg_signal_backend", "pg_use_reserved_connections"):
            assert fetch(monitor, f"SELECT pg_has_role('{role}', 'USAGE')")
        assert not fetch(monitor, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user")


def test_superuser_comes_over_the_socket_only() -> None:
    with open_demo("calm", quiet) as demo:
        psycopg.connect(demo.superuser_conninfo).close()
        with pytest.raises(psycopg.OperationalError, match="pg_hba"):
            psycopg.connect(demo.superuser_conninfo, host="127.0.0.1").close()
        assert folder_of(demo).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("major", [15, 16])
def test_older_versions(major: int) -> None:
    if major not in [each.major for each in find_installations()]:
        missing(f"PostgreSQL {major} is not installed")
    with open_demo("calm", quiet, major) as demo, connect(demo) as monitor:
        assert monitor.info.server_version // 10_000 == major


def test_without_pgbouncer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "find_pgbouncer", lambda: None)
    reported: list[str] = []
    with open_demo("idle-leak", reported.append) as demo, connect(demo) as monitor:
        assert not demo.pgbouncers
        assert any("apt-get install pgbouncer" in line for line in reported)
        idle_leak(monitor, demo)


def test_pool_scenario_needs_pgbouncer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "find_pgbouncer", lambda: None)
    with pytest.raises(UsageError, match="install pgbouncer"), open_demo("pool-saturated", quiet):
        pass


def test_unknown_scenario() -> None:
    with pytest.raises(UsageError, match="calm, idle-leak"), open_demo("perfect", quiet):
        pass


def test_no_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "find_installations", list)
    with pytest.raises(UsageError, match="pgheadroom\\[demo\\]"), open_demo("calm", quiet):
        pass


def test_unknown_version() -> None:
    with pytest.raises(UsageError, match="no PostgreSQL 9"), open_demo("calm", quiet, 9):
        pass
