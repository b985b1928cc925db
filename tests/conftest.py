"""Real servers, shared by the whole run where that is safe, fresh where a test breaks them.

`server` runs a test once for each PostgreSQL version; `one_server` is one version only, for what no version
changes.
Both are shared: what a test makes in them it removes (`role` and `sessions` do). `new_cluster` and `new_bouncer` make
servers that belong to one test.
"""

import gc
import itertools
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings

from pgheadroom.demo.servers.bouncer import Bouncer
from pgheadroom.demo.servers.cluster import TRUST_LOOPBACK, TRUST_SOCKET, Cluster
from pgheadroom.demo.servers.playground import Playground
from servers import (
    BOUNCERS,
    MAJORS,
    ONE_MAJOR,
    Roles,
    Sessions,
    bouncer_program,
    hang_up,
    installation_of,
    small_settings,
    thaw,
)

# How long a machine takes is no property of what is tested: with others on it, examples are slow to make. A third of
# the usual number of examples a run: there is a run with each change.
settings.register_profile("patient", deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

pytest_plugins = [
    "eager",
    "parsed",
    "templates",
    "terminal.fixtures",  # the finished program on an emulated terminal
]


_numbers = itertools.count()
"""For the names of folders: a name that was given once is not given again."""

_REAL = {"ground", "which_server", "environment", "start"}
"""Fixtures of real servers, and of the finished program on a terminal."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In CI a test of real processes that fails has a second try, and the closing line counts it as `rerun`.

    On two cores that others use as well, a server or a program now and then gets no turn for longer than its own
    deadline, and then does what is right for that. What is pure, and screens on made-up samples, have no such excuse.
    """
    for item in items if os.environ.get("CI") else []:
        if _REAL & set(getattr(item, "fixturenames", ())) or Path(__file__).parent / "demo" in item.path.parents:
            item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_configure() -> None:
    """Have the programs that tests start meet signals as a user's do, even when the tests run under nohup or behind an
    ampersand of a script, which ignores Ctrl-C.

    What is ignored stays ignored in a child. A handler ignores it for us as well, and no child inherits one.
    """
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, _take_no_notice)


def pytest_collection_finish() -> None:
    """What thousands of tests consist of stays until the end: the garbage collector need not go over it again and
    again, which takes a tenth of a screen test's time."""
    gc.collect()
    gc.freeze()


def _take_no_notice(_: int, __: FrameType | None) -> None:
    pass


@pytest.fixture(scope="session")
def ground() -> Iterator[Playground]:
    """The folder in which the servers of the whole run live; closing it ends them."""
    with Playground() as ground:
        yield ground


@pytest.fixture(scope="session")
def cluster_of(ground: Playground) -> Callable[[int], Cluster]:
    """The shared server of a major version, started at first use."""
    running: dict[int, Cluster] = {}

    def of(major: int) -> Cluster:
        if major not in running:
            settings = small_settings(major)
            cluster = Cluster.create(ground, installation_of(major), f"pg{major}", settings=settings)
            cluster.start()
            running[major] = cluster
        return running[major]

    return of


@pytest.fixture(scope="session", params=MAJORS, ids=lambda major: f"pg{major}")
def server(request: pytest.FixtureRequest, cluster_of: Callable[[int], Cluster]) -> Cluster:
    """A small shared server, each version in turn: 30 slots, of them 3 and (16+) 2 reserved."""
    return cluster_of(request.param)


@pytest.fixture(scope="session")
def one_server(cluster_of: Callable[[int], Cluster]) -> Cluster:
    """The shared server of one version."""
    return cluster_of(ONE_MAJOR)


@pytest.fixture
def which_server(request: pytest.FixtureRequest) -> Cluster:
    """The server of this test: `server` if it asks for that, else `one_server`."""
    name = "server" if "server" in request.fixturenames else "one_server"
    cluster: Cluster = request.getfixturevalue(name)
    return cluster


@pytest.fixture
def superuser(which_server: Cluster) -> "Iterator[psycopg.Connection[Any]]":
    """A superuser's session on the server of this test, in autocommit. It takes a slot."""
    connection = psycopg.connect(which_server.conninfo(), autocommit=True, prepare_threshold=None)
    yield connection
    hang_up(connection)


@pytest.fixture
def role(superuser: "psycopg.Connection[Any]") -> Iterator[Roles]:
    """Makes roles on the server of this test: `role("web", limit=5, member_of=["pg_monitor"])`."""
    roles = Roles(superuser)
    yield roles
    roles.drop_all()


@pytest.fixture
def sessions(which_server: Cluster) -> Iterator[Sessions]:
    """Opens sessions on the server of this test: `sessions(5, user="web", application_name="shop")`."""
    sessions = Sessions(which_server)
    yield sessions
    sessions.close_all()


@pytest.fixture
def new_cluster(ground: Playground) -> Iterator[Callable[..., Cluster]]:
    """Makes a server that belongs to this test: `new_cluster(16, {"max_connections": 12}, encoding="LATIN1")`."""
    made: list[Cluster] = []

    def make(
        major: int = ONE_MAJOR,
        settings: Mapping[str, str | int] | None = None,
        *,
        encoding: str = "UTF8",
        hba: str = TRUST_SOCKET + TRUST_LOOPBACK,
        start: bool = True,
    ) -> Cluster:
        name = f"own{next(_numbers)}"
        chosen = {**small_settings(major), **(settings or {})}
        cluster = Cluster.create(ground, installation_of(major), name, settings=chosen, hba=hba, encoding=encoding)
        made.append(cluster)
        if start:
            cluster.start()
        return cluster

    yield make
    for cluster in made:
        cluster.stop("immediate")
        # A thousand files each: at the end of the run they would all have to go at once.
        subprocess.run(["rm", "-rf", cluster.folder], check=True)


@pytest.fixture(params=BOUNCERS)
def new_bouncer(request: pytest.FixtureRequest, ground: Playground) -> Iterator[Callable[..., Bouncer]]:
    """Makes a PgBouncer that belongs to this test: `new_bouncer({"shop": "host=... port=..."}, settings={...})`.

    A test that asks for it runs once on each PgBouncer that there is.
    """
    program = bouncer_program(request.param)
    made: list[Bouncer] = []

    def make(databases: Mapping[str, str], *, start: bool = True, **others: Any) -> Bouncer:
        name = f"bouncer{next(_numbers)}"
        bouncer = Bouncer(ground, program, databases, name=name, **others)
        made.append(bouncer)
        if start:
            bouncer.start()
        return bouncer

    yield make
    for bouncer in made:
        thaw(bouncer)
        bouncer.stop()


@pytest.fixture
def bouncer(which_server: Cluster, new_bouncer: Callable[..., Bouncer]) -> Bouncer:
    """A PgBouncer before the server of this test: database `postgres`, transaction mode, three server connections."""
    upstream = f"host={which_server.folder} port={which_server.port} dbname=postgres"
    return new_bouncer({"postgres": upstream}, settings={"default_pool_size": 3, "server_idle_timeout": 1})
