"""Sets an outage up: servers, applications, and the wait until it can be seen."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from pgheadroom.demo import scenarios
from pgheadroom.demo.crowd import Orders
from pgheadroom.demo.scenarios import Scenario
from pgheadroom.demo.servers.bouncer import HOW_TO_INSTALL, Bouncer, find_pgbouncer
from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.demo.servers.installation import Installation, installation
from pgheadroom.demo.servers.playground import Playground
from pgheadroom.errors import UsageError
from pgheadroom.model import versions

Report = Callable[[str], None]

DATABASE = "shop"
MONITOR = "pgheadroom"
ROLES = ("web", "billing", "reports", "worker", "lambda", "deploy")
SCENARIOS: dict[str, str] = {name: scenario.description for name, scenario in scenarios.SCENARIOS.items()}

_VISIBLE_SECONDS = 15.0

# Over TCP come only the applications' roles, and nobody comes there as superuser or monitor.
_HBA = f"local all all trust\nhost {DATABASE} {','.join(ROLES)} 127.0.0.0/8 trust\n"


@dataclass(frozen=True, slots=True)
class Demo:
    """A running outage.

    Attributes:
        conninfo: Of the monitor's role, which has pg_monitor, pg_signal_backend and (16+) pg_use_reserved_connections.
        superuser_conninfo: Of the superuser `postgres`.
        pgbouncers: Of the admin console of each PgBouncer.
    """

    scenario: str
    conninfo: str
    superuser_conninfo: str
    pgbouncers: tuple[str, ...] = ()


@contextmanager
def open_demo(scenario: str, report: Report, major: int | None = None) -> Iterator[Demo]:
    """Play `scenario` for as long as the block lasts; begins when the outage is visible.

    Args:
        report: Gets a line for each step.
        major: PostgreSQL's major version, the newest that is found when not given.

    Raises:
        UsageError: No such scenario, or something is not installed that it needs.
        PgHeadroomError: A server did not start.
    """
    if scenario not in scenarios.SCENARIOS:
        raise UsageError(f"no scenario {scenario!r}; there are {', '.join(scenarios.SCENARIOS)}")
    play = scenarios.SCENARIOS[scenario]
    chosen = installation(major)
    if play.waiting_clients and find_pgbouncer() is None:
        raise UsageError(f"the scenario {scenario} needs PgBouncer: {HOW_TO_INSTALL}")
    with Playground() as ground:
        report(f"starting PostgreSQL {chosen.version} ...")
        cluster = start_cluster(ground, chosen)
        bouncer = start_bouncer(ground, cluster, report)
        report(f"starting the applications of {scenario}: {play.description} ...")
        start_applications(ground, scenario, cluster, bouncer)
        demo = Demo(
            scenario,
            cluster.conninfo(MONITOR, DATABASE),
            cluster.conninfo(dbname=DATABASE),
            (bouncer.console(MONITOR),) if bouncer else (),
        )
        await_outage(demo, play, report)
        yield demo


def start_cluster(ground: Playground, chosen: Installation) -> Cluster:
    """The shop's server, with its database, its roles and ours."""
    settings: dict[str, str | int] = {
        "max_connections": scenarios.MAX_CONNECTIONS,
        "superuser_reserved_connections": scenarios.SUPERUSER_RESERVED,
        "max_wal_senders": 2,
    }
    if _has_reserved_slots(chosen.major):
        settings["reserved_connections"] = scenarios.RESERVED
    settings |= _LOG
    cluster = Cluster.create(ground, chosen, settings=settings, hba=_HBA)
    cluster.start()
    with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
        superuser.execute("CREATE DATABASE shop")
        for statement in _monitor_role(chosen.major):
            superuser.execute(statement)
    with psycopg.connect(cluster.conninfo(dbname=DATABASE)) as superuser:
        superuser.execute(_LOG_GRANT)
        # A file of this package; several statements go in one message because there are no parameters.
        superuser.execute(files("pgheadroom.demo").joinpath("shop.sql").read_bytes())
        if chosen.major >= versions.CREATEROLE_NEEDS_ADMIN_SINCE // 10_000:
            roles = sql.SQL(", ").join(map(sql.Identifier, ROLES))
            grant = "GRANT {} TO pgheadroom WITH ADMIN TRUE, INHERIT FALSE, SET FALSE"
            superuser.execute(sql.SQL(grant).format(roles))
    return cluster


_LOG_GRANT = (
    b"GRANT EXECUTE ON FUNCTION pg_current_logfile(text), pg_read_binary_file(text,bigint,bigint) TO pgheadroom"
)
"""Holds in the database in which it is executed."""
_LOG: dict[str, str | int] = {
    "logging_collector": "on",
    "log_destination": "'csvlog'",
    "log_line_prefix": "'%m [%p] %q%u@%d %h '",
    "log_rotation_size": "16MB",
}
"""Who is refused stands nowhere else, and the monitor's role may read it."""


def _has_reserved_slots(major: int) -> bool:
    return 10_000 * major >= versions.RESERVED_SLOTS_SINCE


def _monitor_role(major: int) -> Iterator[LiteralString]:
    yield "CREATE ROLE pgheadroom LOGIN CREATEROLE"
    yield "GRANT pg_monitor, pg_signal_backend TO pgheadroom"
    if _has_reserved_slots(major):
        yield "GRANT pg_use_reserved_connections TO pgheadroom"


def start_bouncer(ground: Playground, cluster: Cluster, report: Report) -> Bouncer | None:
    """The shop's PgBouncer, or None, with a word about it, when the program is not installed."""
    program = find_pgbouncer()
    if program is None:
        report(f"going on without PgBouncer. {HOW_TO_INSTALL}")
        return None
    report("starting PgBouncer ...")
    bouncer = Bouncer(
        ground,
        program,
        {DATABASE: f"host=127.0.0.1 port={cluster.port} dbname={DATABASE} pool_size={scenarios.POOL_SIZE}"},
        settings={"admin_users": MONITOR, "min_pool_size": 4, "max_client_conn": 200},
        users=dict.fromkeys((MONITOR, *ROLES), ""),
        hba=f"local all all trust\nhost {DATABASE} {','.join(ROLES)} 127.0.0.0/8 trust\n",
    )
    bouncer.start()
    return bouncer


def start_applications(ground: Playground, scenario: str, cluster: Cluster, bouncer: Bouncer | None) -> None:
    """Start the child process of the applications. It ends when its standard input does, at the latest with us."""
    orders = Orders(scenario, str(ground.new_folder("from")), cluster.port, bouncer.port if bouncer else 0)
    with (ground.folder / "applications.log").open("w") as log:
        crowd: subprocess.Popen[Any] = subprocess.Popen(
            [sys.executable, "-m", "pgheadroom.demo.crowd"],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
            text=True,
        )
    ground.adopt(crowd, signal.SIGTERM)
    if crowd.stdin is not None:
        crowd.stdin.write(orders.line())
        crowd.stdin.flush()


def await_outage(demo: Demo, play: Scenario, report: Report) -> None:
    """Wait until the outage is visible, but not for ever."""
    report("waiting until the outage is visible ...")
    deadline = time.monotonic() + _VISIBLE_SECONDS
    with psycopg.connect(demo.superuser_conninfo, autocommit=True, prepare_threshold=None) as superuser:
        while not (_has_evidence(superuser, play) and _clients_wait(demo, play)):
            if time.monotonic() > deadline:
                report("the outage is slow to come; going on")
                return
            time.sleep(0.1)


def _has_evidence(superuser: "psycopg.Connection[Any]", play: Scenario) -> bool:
    others = "SELECT * FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    row = superuser.execute(f"WITH others AS ({others}) SELECT {play.evidence}".encode()).fetchone()
    return bool(row and row[0])


def _clients_wait(demo: Demo, play: Scenario) -> bool:
    waiting = 0
    for console in demo.pgbouncers if play.waiting_clients else ():
        with psycopg.connect(console, autocommit=True, prepare_threshold=None) as connection:
            pools = connection.execute("SHOW POOLS")
            column = [each.name for each in pools.description or ()].index("cl_waiting")
            waiting += sum(row[column] for row in pools)
    return waiting >= play.waiting_clients
