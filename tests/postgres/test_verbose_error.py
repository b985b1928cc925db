"""The SQLSTATE of refusals that come after a login."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.postgres import libpq
from pgheadroom.postgres.parameters import parameters
from pgheadroom.postgres.startup_packet import Address, ServerError, first_error
from pgheadroom.postgres.verbose_error import read, verbose_error
from servers import Roles

AT = 'connection to server at "127.0.0.1", port 5432 failed: '


@pytest.fixture
def guarded(new_cluster: Callable[..., Cluster]) -> Cluster:
    """Over TCP a password is asked for; `narrow` has one, and no room."""
    cluster = new_cluster(hba="local all all trust\nhost all all all scram-sha-256\n")
    with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
        superuser.execute("CREATE ROLE narrow LOGIN PASSWORD 'open sesame' CONNECTION LIMIT 0")
        superuser.execute("CREATE ROLE web LOGIN PASSWORD 'open sesame'")
    return cluster


async def test_what_stands_behind_the_password(guarded: Cluster) -> None:
    async def ask(user: str, password: str) -> ServerError | None:
        return await verbose_error(parameters(guarded.conninfo(user, tcp=True), password), where)

    where = Address("127.0.0.1", guarded.port, "narrow", "postgres")
    assert await first_error(where) is None
    error = await ask("narrow", "open sesame")
    assert error is not None
    assert (error.sqlstate, error.routine, error.file) == ("53300", "InitializeSessionUserId", "miscinit.c")
    assert error.message == 'too many connections for role "narrow"'
    error = await ask("narrow", "guess")
    assert error is not None
    assert error.sqlstate == "28P01"
    assert await ask("web", "open sesame") is None


async def test_over_a_socket(one_server: Cluster, role: Roles) -> None:
    role("narrow", limit=0)
    where = Address(str(one_server.folder), one_server.port, "narrow", "postgres")
    error = await verbose_error(parameters(one_server.conninfo("narrow")), where)
    assert error is not None
    assert error.sqlstate == "53300"


async def test_of_several_hosts_the_one_that_was_reached(one_server: Cluster, role: Roles) -> None:
    role("narrow", limit=0)
    where = Address("127.0.0.1", one_server.port, "narrow", "postgres")
    given = parameters("host=db1.invalid,db2.invalid port=1,2 user=narrow dbname=postgres")
    error = await verbose_error(given, where)
    assert error is not None
    assert error.sqlstate == "53300"


async def test_a_libpq_that_cannot_be_asked(one_server: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libpq, "make_verbose", lambda pgconn: False)
    where = Address("127.0.0.1", one_server.port, "nobody", "postgres")
    assert await verbose_error(parameters(one_server.conninfo("nobody", tcp=True)), where) is None


@pytest.mark.parametrize("given", [{"host": "127.0.0.1"}, {"host": "/nowhere"}])
async def test_nobody_listens(given: dict[str, Any]) -> None:
    where = Address(given["host"], 1, "web", "postgres")
    assert await verbose_error(given | {"port": 1, "user": "web"}, where) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            AT
            + 'FATAL:  53300: too many connections for role "web"\nLOCATION:  InitializeSessionUserId, miscinit.c:877',
            ServerError("53300", 'too many connections for role "web"', "InitializeSessionUserId", "miscinit.c"),
        ),
        (
            AT
            + f"FATAL:  28P01: no\nLOCATION:  auth_failed, auth.c:321\n{AT}FATAL:  53300: full\nLOCATION:  X, y.c:1\n",
            ServerError("53300", "full", "X", "y.c"),
        ),
        (
            AT + "ВАЖНО:  53300: ????\nПОЛОЖЕНИЕ:  CheckMyDatabase, postinit.c:1",
            ServerError("53300", "????", "CheckMyDatabase", "postinit.c"),
        ),
        (AT + "Connection refused\n\tIs the server running on that host?", None),
    ],
)
def test_verbose_texts(text: str, expected: ServerError | None) -> None:
    assert read(text) == expected
