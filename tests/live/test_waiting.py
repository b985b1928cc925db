"""Before shut doors and after a loss, on real servers: what is posted, and how the first free slot is taken."""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from pgheadroom.access.knocking import ONCE, Pace
from pgheadroom.demo.servers.bouncer import Bouncer
from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.errors import NoConnection
from pgheadroom.live.attempts import Attempts
from pgheadroom.live.source import LiveSource
from pgheadroom.model.refusal import Hindrance, Refusal, RefusedBy
from pgheadroom.model.update import Trouble
from pgheadroom.postgres.doors import Doors, NoDoor
from posted import running
from servers import Roles, Sessions, fetch, restart, wait_until


def over_tcp(server: Cluster, user: str) -> str:
    return server.conninfo(user, tcp=True)


# --- the waiting room ------------------------------------------------------------------------------------------------


async def test_the_waiting_room_and_the_way_out_of_it(server: Cluster, role: Roles, sessions: Sessions) -> None:
    role("crowd")
    role("watcher", member_of=["pg_monitor"])
    crowd = sessions.fill("crowd")
    source = LiveSource(over_tcp(server, "watcher"), doors=["user=nobody_of_this_name"], interval=0.2)
    with pytest.raises(NoConnection) as refused:
        await source.open()
    assert refused.value.full
    async with running(source) as posted:
        await posted.until(lambda: len(posted.waits) >= 3)
        first, last = posted.waits[0], posted.waits[-1]
        # What was heard before it ran, of both doors, is shown at once, and counts.
        assert first.tries == 2
        assert first.since == last.since
        assert last.tries > first.tries
        reserve = RefusedBy.RESERVE if server.major >= 16 else RefusedBy.SUPERUSER_RESERVE
        assert [one.limit for one in last.refusals] == [reserve, RefusedBy.OTHER]
        assert [one.door for one in last.refusals] == [
            f"{user}@127.0.0.1:{server.port}/postgres" for user in ("watcher", "nobody_of_this_name")
        ]
        grant = "GRANT pg_use_reserved_connections TO watcher;"
        assert any(grant in sentence for sentence in last.advice) == (server.major >= 16)
        assert 0.01 <= last.next_try <= 0.15
        assert last.per_second > 2
        crowd[0].close()
        freed = time.monotonic()
        await posted.until(lambda: bool(posted.snapshots))
        assert time.monotonic() - freed < 3.0
        await posted.until(lambda: len(posted.snapshots) >= 2)
        inside = posted.snapshots[0]
        assert inside.returned.startswith("in after ")
        assert posted.snapshots[1].returned == ""
        assert inside.door.label == f"watcher@127.0.0.1:{server.port}/postgres"
        assert "an ordinary slot" in inside.door.hint
        assert fetch(role.superuser, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'watcher'") == 1


async def test_a_burst_and_then_calm_where_nothing_moves(one_server: Cluster, role: Roles) -> None:
    role("narrow", limit=0)
    before = one_server.log.count('too many connections for role "narrow"')

    def attempts() -> int:
        return one_server.log.count('too many connections for role "narrow"') - before

    async with running(LiveSource(over_tcp(one_server, "narrow"))) as posted:
        await posted.until(lambda: bool(posted.waits) and posted.waits[-1].tries >= 100)
        burst = attempts()
        began = posted.waits[0].since
        await posted.until(lambda: (datetime.now(UTC) - began).total_seconds() > 6.0)
        calm = attempts() - burst
    assert burst >= 90
    assert calm <= 150
    # The screens hear of it twice a second, however long a busy machine takes for it.
    told = posted.times(Trouble)
    assert len(told) <= 2 * (told[-1] - told[0]) + 3
    assert posted.waits[-1].refusals[0].name == "narrow"


async def test_pgbouncers_live_on_in_the_waiting_room(one_server: Cluster, role: Roles, bouncer: Bouncer) -> None:
    role("narrow", limit=0)
    source = LiveSource(over_tcp(one_server, "narrow"), pgbouncers=[bouncer.console()], interval=0.2)
    async with running(source) as posted:
        await posted.until(lambda: any(wait.pgbouncers and wait.pgbouncers[0].version for wait in posted.waits))
        with psycopg.connect(bouncer.conninfo("postgres", "postgres")) as client:
            client.execute("SELECT 1")
            await posted.until(lambda: any(p.cl_active for p in posted.waits[-1].pgbouncers[0].pools))
        assert posted.waits[-1].pgbouncers[0].trouble == ""


async def test_a_server_that_is_down_is_no_waiting_room(one_server: Cluster) -> None:
    async with running(LiveSource("host=127.0.0.1 port=1 user=web")) as posted:
        await posted.until(lambda: len(posted.troubles) >= 2)
    assert posted.waits == []


async def test_another_door_is_said(one_server: Cluster, role: Roles) -> None:
    role("narrow", limit=0)
    role("watcher", member_of=["pg_monitor"])
    source = LiveSource(over_tcp(one_server, "narrow"), doors=["user=watcher"])
    snapshot = await source.sample_once()
    await source.close()
    assert snapshot.door.user == "watcher"
    assert snapshot.door.hint.startswith("in through watcher@")
    assert source.detour in snapshot.door.hint


async def test_pauses_grow_when_it_is_full_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(Doors):
        async def enter(self, pace: Pace = ONCE) -> Any:
            self.attempts += pace.attempts
            raise NoDoor("full", [refusal])

    async def longest() -> float:
        pauses = []
        for _ in range(20):
            with suppress(NoDoor):
                await gate.enter()
            pauses.append(gate.next_try)
        return max(pauses)

    refusal = Refusal("db1", RefusedBy.SERVER, "", None, "full", datetime.now(UTC), Hindrance.NO_ROOM)
    random.seed(1)
    now = 1000.0
    monkeypatch.setattr("pgheadroom.live.attempts.clock", lambda: now)
    gate = Attempts(Full("host=db1"))
    assert await longest() <= 0.02
    now += 29
    assert 0.08 < await longest() <= 0.11
    now += 31
    assert 0.12 < await longest() <= 0.16
    now += 600
    assert 0.6 < await longest() <= 0.76


async def test_who_is_let_in_a_second_time_goes_back_at_once(server: Cluster, role: Roles) -> None:
    """Several attempts are under way when there is room for all of them."""
    role("web", limit=0)
    source = LiveSource(over_tcp(server, "web"), interval=0.2)
    async with running(source) as posted:
        await posted.until(lambda: bool(posted.waits) and posted.waits[-1].tries >= 10)
        role.superuser.execute("ALTER ROLE web CONNECTION LIMIT 20")
        await posted.until(lambda: bool(posted.snapshots))
        ours = [one for one in posted.snapshots[0].sessions if one.application == "pgheadroom"]
        assert [one.pid for one in ours] == [posted.snapshots[0].door.pid]
    wait_until(
        lambda: fetch(role.superuser, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'web'") == 0, "gone"
    )


async def test_against_a_storm_it_gets_in(one_server: Cluster, role: Roles) -> None:
    """Bounded: twelve clients for six places of a role. tests/bench/storm.py measures fifty."""
    role("web", limit=6)
    conninfo = over_tcp(one_server, "web")
    over = False

    async def client() -> None:
        while not over:
            with suppress(psycopg.Error):
                async with await psycopg.AsyncConnection.connect(conninfo):
                    await asyncio.sleep(0.05)
            await asyncio.sleep(0)

    crowd = [asyncio.create_task(client()) for _ in range(12)]
    try:
        await asyncio.sleep(0.3)
        async with running(LiveSource(conninfo, interval=0.2)) as posted:
            await posted.until(lambda: len(posted.snapshots) >= 3, 20)
            # And once it is in, it stays.
            assert len({snapshot.door.pid for snapshot in posted.snapshots}) == 1
    finally:
        over = True
        await asyncio.gather(*crowd)


# --- back after a loss -----------------------------------------------------------------------------------------------


async def test_a_restart_is_said_once(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster()
    async with running(LiveSource(cluster.conninfo(), interval=0.1)) as posted:
        await posted.until(lambda: len(posted.snapshots) >= 2)
        assert {snapshot.returned for snapshot in posted.snapshots} == {""}
        seen = len(posted.snapshots)
        await asyncio.to_thread(restart, cluster)
        await posted.until(lambda: len(posted.snapshots) >= seen + 3, 20)
        said = [snapshot.returned for snapshot in posted.snapshots if snapshot.returned]
    assert len(said) == 1
    assert said[0].startswith("back after ")
    assert said[0].endswith("; the server was restarted")


async def test_a_terminated_session_finds_the_same_server(
    one_server: Cluster, superuser: "psycopg.Connection[Any]"
) -> None:
    async with running(LiveSource(one_server.conninfo(), interval=0.1)) as posted:
        await posted.until(lambda: bool(posted.snapshots))
        superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgheadroom'"
        )
        await posted.until(lambda: any(snapshot.returned for snapshot in posted.snapshots))
    said = next(snapshot.returned for snapshot in posted.snapshots if snapshot.returned)
    assert said.endswith("s: our session was terminated by an administrator or a shutdown")


async def test_another_server_at_the_same_address_is_said(new_cluster: Callable[..., Cluster]) -> None:
    # Of another encoding: what is no copy of the same template has another system identifier.
    first, second = new_cluster(), new_cluster(encoding="SQL_ASCII", start=False)
    async with running(LiveSource(first.conninfo(tcp=True), interval=0.1)) as posted:
        await posted.until(lambda: bool(posted.snapshots))
        second.port = first.port
        await asyncio.to_thread(first.stop)
        await asyncio.to_thread(second.start)
        assert second.port == first.port
        await posted.until(lambda: any(snapshot.returned for snapshot in posted.snapshots), 20)
    (said,) = [snapshot.returned for snapshot in posted.snapshots if snapshot.returned]
    assert "another server, with other data" in said


async def test_lost_and_then_full(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster()
    with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
        superuser.execute("CREATE ROLE watcher LOGIN IN ROLE pg_monitor")
        async with running(LiveSource(over_tcp(cluster, "watcher"), interval=0.1)) as posted:
            await posted.until(lambda: bool(posted.snapshots))
            superuser.execute("ALTER ROLE watcher CONNECTION LIMIT 0")
            superuser.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'watcher'")
            await posted.until(lambda: bool(posted.waits))
            assert posted.troubles[0].waiting is None
            assert posted.waits[0].refusals[0].limit is RefusedBy.ROLE
            superuser.execute("ALTER ROLE watcher CONNECTION LIMIT -1")
            await posted.until(lambda: any(snapshot.returned for snapshot in posted.snapshots))
