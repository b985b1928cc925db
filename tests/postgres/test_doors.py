"""Doors on real servers: which opens, in which order, and what the others said."""

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import psycopg
import pytest

from pgheadroom.access.knocking import Pace
from pgheadroom.cli import main
from pgheadroom.deadline import left_behind
from pgheadroom.demo.servers.bouncer import Bouncer
from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.demo.servers.playground import Playground
from pgheadroom.errors import NoConnection, UsageError
from pgheadroom.model.refusal import Hindrance, RefusedBy
from pgheadroom.postgres import conninfo
from pgheadroom.postgres import doors as doors_module
from pgheadroom.postgres.door import Connection
from pgheadroom.postgres.doors import Doors, NoDoor, into_same_server
from pgheadroom.postgres.not_let_in import NotLetIn
from pgheadroom.postgres.refusal import Said
from pgheadroom.postgres.sampling import Probe
from servers import PATIENCE, Roles, Sessions, restart
from translations import translated, with_locale


async def entered_as(doors: Doors) -> str:
    probe = await doors.enter()
    user: str = probe.catalogue.facts.user
    await probe.close()
    return user


async def shut(doors: Doors) -> NoDoor:
    with pytest.raises(NoDoor) as refused:
        await doors.enter()
    return refused.value


def over_tcp(server: Cluster, user: str, dbname: str = "postgres", **others: str) -> str:
    """Where the server's own socket folder is not found, so that the given doors are all there are."""
    return server.conninfo(user, dbname, tcp=True, **others)


async def test_the_first_door_that_opens_is_taken(server: Cluster, role: Roles) -> None:
    role("narrow", limit=0)
    role("second")
    role("third")
    doors = Doors(over_tcp(server, "narrow"), ["user=second", over_tcp(server, "third")])
    assert await entered_as(doors) == "second"
    assert doors.way is doors.ways[1]
    assert (doors.attempts, doors.refused) == (2, {RefusedBy.ROLE: 1})
    assert doors.way.detour.startswith(f"in through second@127.0.0.1:{server.port}/postgres, because 127.0.0.1:")
    assert 'too many connections for role "narrow"' in doors.way.detour


async def test_an_open_first_door_needs_no_other(one_server: Cluster, role: Roles) -> None:
    role("watcher")
    doors = Doors(one_server.conninfo("watcher"), ["host=127.0.0.1 port=1"])
    assert await entered_as(doors) == "watcher"
    assert doors.way is not None
    assert doors.way.detour == ""
    assert len(doors.ways) == 2


async def test_a_full_server_is_entered_as_the_superuser_of_its_socket(
    server: Cluster, role: Roles, sessions: Sessions
) -> None:
    role("web")
    sessions.fill("web")
    doors = Doors(server.conninfo("web"))
    assert await entered_as(doors) == "postgres"
    assert doors.way is not None
    assert not doors.way.given
    assert "in through postgres@" in doors.way.detour
    assert "remaining connection slots are reserved" in doors.way.detour


async def test_the_socket_of_the_port_is_found_for_the_loopback_address(
    new_cluster: Callable[..., Cluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = new_cluster()
    monkeypatch.setattr(doors_module, "_SOCKET_FOLDERS", ("/nowhere", str(cluster.folder)))
    with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
        superuser.execute("CREATE ROLE narrow LOGIN CONNECTION LIMIT 0")
    doors = Doors(over_tcp(cluster, "narrow"))
    assert await entered_as(doors) == "postgres"
    assert doors.way is not None
    assert doors.way.stands_for_tcp
    assert str(cluster.folder) in doors.way.detour


async def test_a_server_without_tcp_is_not_the_one_behind_the_port(
    new_cluster: Callable[..., Cluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a container's port, and beside it the socket of a server that only listens there."""
    real = new_cluster()
    monkeypatch.setattr(doors_module, "_SOCKET_FOLDERS", (str(real.folder),))
    with psycopg.connect(real.conninfo(), autocommit=True) as superuser:
        superuser.execute("CREATE ROLE narrow LOGIN CONNECTION LIMIT 0")

    async def no_tcp(connection: Connection, name: str) -> Any:
        return False if name == "server_listens" else await asked(connection, name)

    asked = doors_module._asked
    monkeypatch.setattr(doors_module, "_asked", no_tcp)
    refused = await shut(Doors(over_tcp(real, "narrow")))
    assert "another server, which does not listen on TCP" in refused.refusals[-1].message
    assert refused.full


@pytest.mark.parametrize("wrong", ["user=nobody_of_this_name", "dbname=nowhere"])
async def test_a_door_that_fails_otherwise_leads_to_no_stronger_role(one_server: Cluster, wrong: str) -> None:
    refused = await shut(Doors(conninfo.merge(one_server.conninfo("postgres"), wrong)))
    assert [one.limit for one in refused.refusals] == [RefusedBy.OTHER]
    assert not refused.full
    assert "does not exist" in str(refused)


async def test_a_wrong_password_leads_to_no_stronger_role(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster(hba="local all postgres trust\nlocal all all scram-sha-256\n")
    with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
        superuser.execute("CREATE ROLE web LOGIN PASSWORD 'open sesame'")
    doors = Doors(cluster.conninfo("web"), password="guess")
    assert "password authentication failed" in str(await shut(doors))
    # Where the user can be asked, no other door is tried before; where not, the next one is.
    asked = await shut(Doors(cluster.conninfo("web"), ["user=postgres"], asks=True))
    assert asked.password_needed
    assert await entered_as(Doors(cluster.conninfo("web"), ["user=postgres"])) == "postgres"
    # The password that was typed goes to the first door only.
    other = await shut(Doors(cluster.conninfo("nobody"), ["user=web"], password="open sesame"))
    assert [one.full for one in other.refusals] == [False, False]
    assert "a password is needed" in other.refusals[1].message


def limits(refused: NoDoor) -> Sequence[tuple[RefusedBy, str, str | None]]:
    return [(one.limit, one.name, one.sqlstate) for one in refused.refusals]


async def test_what_each_door_says(server: Cluster, role: Roles, sessions: Sessions) -> None:
    role("narrow", limit=0)
    role("web")
    role.superuser.execute("CREATE DATABASE small CONNECTION LIMIT 0")
    try:
        doors = Doors(over_tcp(server, "narrow"), ["user=web dbname=small", "user=nobody_of_this_name"])
        refused = await shut(doors)
        assert limits(refused) == [
            (RefusedBy.ROLE, "narrow", None),
            (RefusedBy.DATABASE, "small", None),
            (RefusedBy.OTHER, "", None),
        ]
        assert refused.full
        assert str(refused).endswith("; nor does any of 2 other doors open")
    finally:
        role.superuser.execute("DROP DATABASE small")
    sessions.fill("postgres")
    assert limits(await shut(Doors(over_tcp(server, "web")))) == [(RefusedBy.SERVER, "", "53300")]


async def test_the_reserves_are_told_apart(server: Cluster, role: Roles, sessions: Sessions) -> None:
    role("web")
    sessions.fill("web")
    expected = RefusedBy.RESERVE if server.major >= 16 else RefusedBy.SUPERUSER_RESERVE
    assert limits(await shut(Doors(over_tcp(server, "web")))) == [(expected, "", None)]
    if server.major >= 16:
        role("helper", member_of=["pg_use_reserved_connections"])
        assert await entered_as(Doors(over_tcp(server, "web"), ["user=helper"])) == "helper"
        sessions.fill("helper")
        assert limits(await shut(Doors(over_tcp(server, "helper")))) == [(RefusedBy.SUPERUSER_RESERVE, "", None)]


async def test_walsenders(server: Cluster) -> None:
    wanted = server.conninfo(replication="true")
    taken: list[Any] = []
    try:
        while len(taken) < 20:
            taken.append(psycopg.connect(wanted, autocommit=True))
    except psycopg.OperationalError:
        assert taken
    refused = await shut(Doors(wanted))
    for connection in taken:
        connection.close()
    assert refused.refusals[0].limit is RefusedBy.WALSENDERS


async def test_a_pooler_that_is_full(one_server: Cluster, new_bouncer: Callable[..., Bouncer]) -> None:
    upstream = f"host={one_server.folder} port={one_server.port} dbname=postgres"
    bouncer = new_bouncer({"postgres": upstream}, settings={"max_client_conn": 1})
    taken: list[Any] = []
    for _ in range(3):  # the fixture's own look may still be in the one place
        with suppress(psycopg.OperationalError):
            taken.append(psycopg.connect(bouncer.conninfo("postgres", "postgres")))
    doors = Doors(bouncer.conninfo("postgres", "postgres"), [one_server.conninfo()])
    # Straight to PostgreSQL there is room.
    assert await entered_as(doors) == "postgres"
    assert doors.way is doors.ways[1]
    assert "no more connections allowed" in doors.ways[1].detour
    for connection in taken:
        connection.close()


async def test_a_door_that_fails_otherwise_rests_while_others_are_full(one_server: Cluster, role: Roles) -> None:
    role("narrow", limit=0)
    doors = Doors(over_tcp(one_server, "narrow"), ["user=nobody_else"])
    for _ in range(5):
        await shut(doors)
    assert one_server.log.count('role "nobody_else" does not exist') == 1
    assert one_server.log.count('too many connections for role "narrow"') >= 5
    assert len((await shut(doors)).refusals) == 2


async def test_a_server_that_hangs_is_not_knocked_at_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each attempt that is given up may leave a process behind there, with a slot."""
    now, allowed = 0.0, []

    async def hang(conninfo: str, *, patient: int, **others: Any) -> Probe:
        nonlocal now
        allowed.append(patient)
        now += 5 * patient if answers is None else 0.1
        raise NoConnection(answers or "no answer")

    monkeypatch.setattr(doors_module, "clock", lambda: now)
    monkeypatch.setattr(Probe, "open", hang)
    doors, answers = Doors("host=db1 connect_timeout=5"), None
    for _ in range(6):
        await shut(doors)
    assert allowed == [1, 2, 4, 8, 8, 8]
    answers = "nobody listens"
    await shut(doors)
    await shut(doors)
    assert allowed[-2:] == [8, 1]


async def test_a_door_that_failed_otherwise_is_no_longer_left_alone_once_nobody_listens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else the only door of a server that restarts could be the one that is left alone, while others come in."""
    met: list[Hindrance] = []

    async def refuse(conninfo: str, **others: Any) -> Probe:
        met.append(Hindrance.DOWN if met else Hindrance.LOGIN)
        raise NotLetIn(Said("no", hindrance=met[-1]), None)

    monkeypatch.setattr(Probe, "open", refuse)
    doors = Doors("host=db1")
    for _ in range(4):
        await shut(doors)
    assert met == [Hindrance.LOGIN, *[Hindrance.DOWN] * 3]


LANGUAGES = {
    "de_DE": "zu viele Verbindungen",
    "fr_FR": "trop de",
    # The test's servers have the locale C: what ASCII has no letters for is respelled, or lost.
    "ru_RU": "slishkom mnogo",
    "ja_JP": "????",
    "zh_CN": "????",
}


@pytest.mark.parametrize("language", LANGUAGES if os.environ.get("PGHEADROOM_TEST_ALL") else ["de_DE", "ja_JP"])
async def test_a_server_that_speaks_another_language(
    new_cluster: Callable[..., Cluster],
    language: str,
    monkeypatch: pytest.MonkeyPatch,
    ground: Playground,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cluster = translated(new_cluster, with_locale(monkeypatch, ground, language))
    with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
        superuser.execute("CREATE ROLE web LOGIN")
        superuser.execute("CREATE ROLE narrow LOGIN CONNECTION LIMIT 0")
        superuser.execute("CREATE DATABASE small CONNECTION LIMIT 0")
    words = LANGUAGES[language]
    refused = await shut(Doors(over_tcp(cluster, "narrow"), ["user=web dbname=small"]))
    assert [(one.limit, one.name) for one in refused.refusals] == [
        (RefusedBy.ROLE, "narrow"),
        (RefusedBy.DATABASE, "small"),
    ]
    assert words in refused.refusals[0].message
    sessions = Sessions(cluster)
    sessions.fill("web")
    (one,) = (await shut(Doors(over_tcp(cluster, "web")))).refusals
    assert one.limit is RefusedBy.SUPERUSER_RESERVE
    assert await asyncio.to_thread(main, ["check", "--timeout", "60s", over_tcp(cluster, "narrow")]) == 2
    assert "the role's CONNECTION LIMIT is reached (narrow)" in capsys.readouterr().out.splitlines()[0]
    sessions.fill("postgres")
    doors = Doors(over_tcp(cluster, "web"))
    (one,) = (await shut(doors)).refusals
    assert (one.limit, one.sqlstate, doors.refused) == (RefusedBy.SERVER, "53300", {RefusedBy.SERVER: 1})
    sessions.close_all()


@pytest.mark.parametrize("language", ["ru_RU", "ja_JP"])
async def test_another_language_behind_a_password(
    new_cluster: Callable[..., Cluster], language: str, monkeypatch: pytest.MonkeyPatch, ground: Playground
) -> None:
    cluster = translated(
        new_cluster,
        with_locale(monkeypatch, ground, language),
        hba="local all all trust\nhost all all all scram-sha-256\n",
    )
    with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
        superuser.execute("CREATE ROLE narrow LOGIN PASSWORD 'open sesame' CONNECTION LIMIT 0")
        superuser.execute("CREATE ROLE web LOGIN PASSWORD 'open sesame'")
        superuser.execute("CREATE DATABASE small CONNECTION LIMIT 0")
    first, other = over_tcp(cluster, "narrow"), over_tcp(cluster, "web", "small")
    refused = await shut(Doors(first, [conninfo.merge(other, "password='open sesame'")], "open sesame"))
    assert [(one.limit, one.name, one.sqlstate) for one in refused.refusals] == [
        (RefusedBy.ROLE, "narrow", "53300"),
        (RefusedBy.DATABASE, "small", "53300"),
    ]
    wrong = await shut(Doors(over_tcp(cluster, "narrow", password="guess")))
    assert [one.limit for one in wrong.refusals] == [RefusedBy.OTHER]


# --- conninfos of doors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("main", "other", "expected"),
    [
        (
            "host=db1 port=6000 dbname=shop user=web password=x",
            "user=postgres",
            {"host": "db1", "port": "6000", "dbname": "shop", "user": "postgres"},
        ),
        ("host=db1 user=web password=x", "dbname=other", {"host": "db1", "user": "web", "password": "x"}),
        ("host=db1 user=web", "host=db2", {"host": "db2"}),
        ("host=db1 user=web", "service=prod", {"service": "prod"}),
        ("", "user=postgres", {"user": "postgres"}),
    ],
)
def test_a_door_without_a_host_leads_to_the_same_server(main: str, other: str, expected: dict[str, Any]) -> None:
    found = conninfo.parse(into_same_server(main, other))
    assert {**found, **expected} == found
    assert ("password" in found) == ("password" in expected)


def test_a_door_that_libpq_cannot_read_is_said_at_once() -> None:
    with pytest.raises(UsageError):
        Doors("host=db1", ["nonsense=1"])


def test_a_password_is_not_in_what_is_printed_of_doors() -> None:
    secret = "open sesame"
    doors = Doors(f"host=db1 password='{secret}'", [f"user=x password='{secret}'"], secret)
    assert "sesame" not in repr(doors) + str(doors.ways)


def test_the_role_that_advice_is_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGUSER", "from_variable")
    assert Doors("user=web").role == "web"
    assert Doors("").role == "from_variable"
    monkeypatch.delenv("PGUSER")
    assert Doors("").role == os.environ.get("LOGNAME", Doors("").role)


# --- back to the same server -----------------------------------------------------------------------------------------


async def test_a_server_that_was_down_is_entered_by_the_door_that_let_us_in(
    new_cluster: Callable[..., Cluster],
) -> None:
    cluster = new_cluster()
    with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
        superuser.execute("CREATE ROLE narrow LOGIN CONNECTION LIMIT 0")
    doors = Doors(over_tcp(cluster, "narrow"), ["user=postgres"])
    assert await entered_as(doors) == "postgres"
    restart(cluster)
    refused = cluster.log.count('too many connections for role "narrow"')
    probe = await doors.enter()
    assert probe.catalogue.facts.user == "postgres"
    assert cluster.log.count('too many connections for role "narrow"') == refused, "the other was not asked"
    assert doors.way is not None
    assert "in through postgres@" in doors.way.detour, "it is still said that this is not the first door"
    await probe.close()


async def test_one_attempt_waits_for_a_port_that_opens(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster(start=False)
    doors = Doors(over_tcp(cluster, "postgres"))
    knocks = Pace(0.0, 0.01, 3, 3, watch=30.0, every=0.02)
    entering = asyncio.create_task(doors.enter(knocks))
    await asyncio.to_thread(cluster.start)
    probe = await asyncio.wait_for(entering, 20)
    ours = await probe.connection.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgheadroom'")
    assert await ours.fetchone() == (1,)
    assert doors.attempts == 3
    await probe.close()


async def test_an_attempt_that_knocks_is_given_up_at_once() -> None:
    doors = Doors("host=127.0.0.1 port=1 user=web")
    entering = asyncio.create_task(doors.enter(Pace(0.0, 0.01, 3, 3, watch=60.0, every=0.02)))
    await asyncio.sleep(0.2)
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering
    async with asyncio.timeout(PATIENCE):
        while left_behind():  # noqa: ASYNC110 - threads tell nobody
            await asyncio.sleep(0.01)
