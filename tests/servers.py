"""Real servers for the tests: what the fixtures of conftest.py hand out."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import psycopg
import pytest
from psycopg import sql

from pgheadroom.demo.servers.bouncer import HOW_TO_INSTALL, Bouncer, find_pgbouncer
from pgheadroom.demo.servers.cluster import SUPERUSER, Cluster
from pgheadroom.demo.servers.installation import Installation, find_installations, within_reach
from pgheadroom.model.pool import PgBouncer
from pgheadroom.pgbouncer.console import Console

ONE_MAJOR = 18
"""The version for what no version changes."""
EXPECTED_MAJORS = (15, 16, ONE_MAJOR, 19)
"""What every run covers: a version with each way of counting (13-15, 16-17 and 18 differ), and the next one. Others are
tested when they are found, in the folders of PGHEADROOM_PG_DIRS for instance."""
INSTALLATIONS = {installation.major: installation for installation in find_installations()}
MAJORS = sorted({*EXPECTED_MAJORS, *INSTALLATIONS})

NEWER_BOUNCERS = [
    Path(program) for program in os.environ.get("PGHEADROOM_TEST_BOUNCERS", "").split(os.pathsep) if program
]
"""PgBouncers beside the system's: `make test` brings the newest that Debian has."""
BOUNCERS: "dict[str, Path | None]" = {"system": find_pgbouncer()} | {
    program.name.removeprefix("pgbouncer-"): program for program in NEWER_BOUNCERS
}
"""The PgBouncers that tests run on, by a short name. The system's is None where there is none."""

MAX_CONNECTIONS = 30
SUPERUSER_RESERVED = 3
RESERVED = 2  # 16+


PATIENCE = 60.0
"""Seconds that a test waits for what must come. It costs nothing when it comes at once, and a machine that runs other
tests as well may take long."""


def usable(major: int) -> int:
    """Slots that an ordinary role may take on the shared servers."""
    return MAX_CONNECTIONS - SUPERUSER_RESERVED - (RESERVED if major >= 16 else 0)


def small_settings(major: int) -> dict[str, str | int]:
    """A server that is quickly full."""
    settings: dict[str, str | int] = {
        "max_connections": MAX_CONNECTIONS,
        "superuser_reserved_connections": SUPERUSER_RESERVED,
        "max_prepared_transactions": 5,
        "max_wal_senders": 5,
    }
    return settings | ({"reserved_connections": RESERVED} if major >= 16 else {})


def missing(what: str) -> NoReturn:
    """Skip the test, but fail it in CI: there everything is to be tested."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


def installation_of(major: int) -> Installation:
    if major not in INSTALLATIONS:
        missing(f"PostgreSQL {major} is not installed")
    return INSTALLATIONS[major]


def bouncer_program(name: str) -> Path:
    """The program of one of BOUNCERS."""
    program = BOUNCERS[name]
    if program is None or not program.exists():
        missing(HOW_TO_INSTALL if name == "system" else f"PgBouncer of {name} could not be unpacked")
    return program


def wait_until(holds: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """Wait until `holds()`; fail the test with `what` when it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:g} s: {what}")
        time.sleep(0.02)


async def until(console: Console, holds: Callable[[PgBouncer], bool], seconds: float = PATIENCE) -> PgBouncer:
    """Sample until it holds."""
    async with asyncio.timeout(seconds):
        while True:
            seen = await console.sample()
            if holds(seen):
                return seen
            await asyncio.sleep(0.05)


def fetch(connection: "psycopg.Connection[Any]", query: str, *parameters: object) -> Any:
    """The first column of the first row."""
    row = connection.execute(query.encode(), parameters or None).fetchone()
    assert row is not None
    return row[0]


def hang_up(*connections: "psycopg.Connection[Any]") -> None:
    """Close them and wait until their backends have ended: the next test counts slots."""
    pids = [connection.info.backend_pid for connection in connections if not connection.closed]
    for connection in connections:
        connection.close()
    wait_until(lambda: not any(runs(pid) for pid in pids), "the server has the slots back")


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def restart(server: Cluster | Bouncer) -> None:
    """Stop it and start it again, at the same address."""
    server.stop()
    server.start()


def standby_of(primary: Cluster, name: str = "standby", settings: Mapping[str, str | int] | None = None) -> Cluster:
    """A hot standby of a running server, with its data copied, not started yet."""
    copy = Cluster(primary.ground, primary.installation, primary.ground.new_folder(name))
    program = _base_backup_program(primary)
    if program is not None:
        command: list[str | Path] = [program, "-d", primary.conninfo(dbname=None), "-D", copy.data]
        primary.ground.run([*command, "-X", "stream", "-c", "fast", "--no-sync"])
    else:
        _copy_data(primary, copy)
    # Not by -R: a newer program's connection string has words that an older server does not know.
    primary.ground.write(copy.data / "standby.signal", "")
    upstream = primary.conninfo(dbname=None, application_name=name).replace("'", "''")
    copy.configure({"hot_standby": "on", "primary_conninfo": f"'{upstream}'", **(settings or {})})
    return copy


def _copy_data(primary: Cluster, copy: Cluster) -> None:
    """What pg_basebackup does, for 15 and later: a copy of the files, and the label that recovery begins with."""
    with psycopg.connect(primary.conninfo(), autocommit=True) as backup:
        backup.execute("SELECT pg_backup_start('copy', true)")
        primary.ground.run(["cp", "-a", primary.data, copy.data])
        label = fetch(backup, "SELECT labelfile FROM pg_backup_stop(false)")
    primary.ground.run(["rm", "-f", copy.data / "postmaster.pid", copy.data / "postmaster.opts"])
    primary.ground.write(copy.data / "backup_label", label)


def _base_backup_program(primary: Cluster) -> Path | None:
    """Its own pg_basebackup, or a newer one, which can read an older server."""
    for installation in [primary.installation, *find_installations()]:
        program = installation.program("pg_basebackup")
        if installation.major >= primary.major and program.exists():
            return within_reach(installation, primary.ground).program("pg_basebackup")
    return None


def freeze(bouncer: Bouncer) -> None:
    """Stop the process without ending it: it still accepts connections, and answers nothing."""
    if (pid := bouncer.pid) is not None:
        os.kill(pid, signal.SIGSTOP)


def thaw(bouncer: Bouncer) -> None:
    """Let a frozen one go on."""
    if (pid := bouncer.pid) is not None:
        os.kill(pid, signal.SIGCONT)


def processes_of(cluster: Cluster) -> list[int]:
    """The postmaster first, then its children."""
    assert cluster.pid is not None
    children = Path(f"/proc/{cluster.pid}/task/{cluster.pid}/children")
    if not children.exists():
        pytest.skip("no list of children in /proc")
    return [cluster.pid, *map(int, children.read_text().split())]


@contextmanager
def frozen(cluster: Cluster) -> Iterator[None]:
    """A server none of whose processes gets a turn."""
    stopped = processes_of(cluster)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


class Roles:
    """Makes roles, and at the end drops them with their sessions."""

    def __init__(self, superuser: "psycopg.Connection[Any]") -> None:
        self.superuser = superuser
        self.made: list[str] = []

    def __call__(self, name: str, attributes: str = "", member_of: Sequence[str] = (), limit: int = -1) -> str:
        """Make the login role `name`.

        Args:
            attributes: More words for CREATE ROLE, for instance `NOINHERIT`, `SUPERUSER`, `PASSWORD 'x'`.
            limit: Its CONNECTION LIMIT.
        """
        options = f"LOGIN CONNECTION LIMIT {limit} {attributes}"
        self.superuser.execute(sql.SQL("CREATE ROLE {} " + options).format(sql.Identifier(name)))
        self.made.append(name)
        for group in member_of:
            self.superuser.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), sql.Identifier(name)))
        return name

    def drop_all(self) -> None:
        theirs = "FROM pg_stat_activity WHERE usename = ANY(%s)"
        self.superuser.execute(f"SELECT pg_terminate_backend(pid) {theirs}".encode(), (self.made,))
        wait_until(lambda: fetch(self.superuser, f"SELECT count(*) {theirs}", self.made) == 0, "sessions of roles end")
        for name in self.made:
            self.superuser.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(name)))
        self.made.clear()


class Sessions:
    """Opens sessions, and at the end closes them and waits until the server has their slots back."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.opened: list[psycopg.Connection[Any]] = []

    def __call__(
        self, count: int = 1, user: str = SUPERUSER, dbname: str = "postgres", *, tcp: bool = False, **others: str | int
    ) -> "list[psycopg.Connection[Any]]":
        """Open `count` sessions, in autocommit. Other keywords are libpq's, such as application_name."""
        conninfo = self.cluster.conninfo(user, dbname, tcp=tcp, **others)
        new = []
        for _ in range(count):
            new.append(psycopg.connect(conninfo, autocommit=True, prepare_threshold=None))
            self.opened.append(new[-1])
        return new

    def fill(self, user: str, leave: int = 0, **others: Any) -> "list[psycopg.Connection[Any]]":
        """Open sessions until the server refuses `user`, then close `leave` of them."""
        new: list[psycopg.Connection[Any]] = []
        try:
            while True:
                new += self(1, user, **others)
        except psycopg.OperationalError:
            assert new, "refused at once"
        hang_up(*new[len(new) - leave :])
        return new[: len(new) - leave]

    def close_all(self) -> None:
        hang_up(*self.opened)
        self.opened.clear()
