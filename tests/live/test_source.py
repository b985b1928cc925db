"""The clock on real servers: what is posted, and when, while they are slow, frozen, killed or full."""

import asyncio
import os
import re
import signal
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import psycopg
import pytest

from pgheadroom.deadline import NoAnswer
from pgheadroom.demo.servers.bouncer import Bouncer
from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.errors import NoConnection, UsageError
from pgheadroom.live.reconnection import WAITING_TOLD_EVERY
from pgheadroom.live.source import LiveSource
from pgheadroom.model.action import Outcome, Target, Verb
from pgheadroom.model.session import SessionId
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.update import Trouble
from pgheadroom.postgres import sampling
from pgheadroom.postgres.queries import query
from pgheadroom.postgres.sampling import Probe
from posted import running
from servers import PATIENCE, Roles, Sessions, fetch, freeze, thaw, wait_until
from wire import Wire


def ours(superuser: "psycopg.Connection[Any]") -> int:
    return int(fetch(superuser, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgheadroom'"))


async def at_rest(cluster: Cluster) -> None:
    """Wait until our backend waits for us: one that is about to send something has no farewell when it is shut down.

    Source: `PqCommBusy` in src/backend/libpq/pqcomm.c.
    """
    ours_rests = "WHERE application_name = 'pgheadroom' AND wait_event = 'ClientRead'"
    resting = f"SELECT count(*) FROM pg_stat_activity {ours_rests}"
    with psycopg.connect(cluster.conninfo(), autocommit=True) as other:
        await asyncio.to_thread(wait_until, lambda: fetch(other, resting) == 1, "our backend waits for us")


# --- a healthy server ------------------------------------------------------------------------------------------------


async def test_it_samples_at_the_interval_over_one_connection(
    server: Cluster, superuser: "psycopg.Connection[Any]"
) -> None:
    async with running(LiveSource(server.conninfo(), interval=0.2)) as posted:
        await posted.more(Snapshot, 6)
        assert ours(superuser) == 1
    gaps = [after - before for before, after in pairwise(posted.times(Snapshot))]
    assert 0.15 < sum(gaps) / len(gaps) < 0.6
    assert posted.troubles == []
    wait_until(lambda: ours(superuser) == 0, "the slot is given back")


async def test_the_interval_changes_while_it_is_waited_for(one_server: Cluster) -> None:
    source = LiveSource(one_server.conninfo(), interval=60)
    async with running(source) as posted:
        await posted.more(Snapshot)
        source.set_interval(0.1)
        assert source.interval == 0.1
        await posted.more(Snapshot, 3, seconds=2)


async def test_sample_now_ends_the_wait(one_server: Cluster) -> None:
    source = LiveSource(one_server.conninfo(), interval=60)
    async with running(source) as posted:
        await posted.more(Snapshot)
        for _ in range(3):
            source.sample_now()
            await posted.more(Snapshot, seconds=1)


async def test_sample_once_and_its_name(one_server: Cluster, superuser: "psycopg.Connection[Any]") -> None:
    source = LiveSource(one_server.conninfo(), target="production")
    snapshot = await source.sample_once()
    assert snapshot.server.name == f"production {one_server.folder}:{one_server.port}"
    assert ours(superuser) == 1
    await source.close()


async def test_slow_samples_leave_the_server_a_breath(one_server: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Probe.sample

    async def slow(probe: Probe) -> Snapshot:
        await asyncio.sleep(0.5)
        return await real(probe)

    monkeypatch.setattr(Probe, "sample", slow)
    async with running(LiveSource(one_server.conninfo(), interval=0.1)) as posted:
        await posted.more(Snapshot, 3)
    for before, after in pairwise(posted.times(Snapshot)):
        assert 0.58 < after - before < 2.0


async def test_all_that_the_first_screen_needs_comes_with_one_question_after_the_login(
    server: Cluster, superuser: "psycopg.Connection[Any]"
) -> None:
    """As for psql with a query: who is far away waits for nothing twice."""
    async with Wire(server.port) as wire:
        source = LiveSource(wire.conninfo(), samples_soon=True)
        await source.open()
        snapshot = await source.sample_once()
        assert wire.trips == 2
        assert any(one.application == "pgheadroom" for one in snapshot.sessions)
        assert {"postgres"} <= snapshot.roles.keys() & snapshot.databases.keys()
        assert source.reconnection.attempts.doors.system is not None
        again = await source.sample_once()
        assert (wire.trips, again.taken_at > snapshot.taken_at) == (3, True)
        timeout = fetch(superuser, "SELECT setting FROM pg_settings WHERE name = 'statement_timeout'")
        assert timeout == "0"  # the server's own, which ours is not taken for
        await source.close()


async def test_a_sample_that_was_asked_for_too_early_is_asked_for_again(
    one_server: Cluster, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "FIRST_LASTS", 0.0)
    source = LiveSource(one_server.conninfo(), samples_soon=True)
    await source.open()
    sessions(1, application_name="later")
    assert "later" in {one.application for one in (await source.sample_once()).sessions}
    await source.close()


async def test_a_console_is_asked_while_the_server_is_waited_for(one_server: Cluster, bouncer: Bouncer) -> None:
    async with Wire(one_server.port) as server, Wire(bouncer.port) as console:
        server.silence()
        source = LiveSource(server.conninfo(), pgbouncers=[console.conninfo("admin", "pgbouncer")], samples_soon=True)
        opening = asyncio.create_task(source.open())
        async with asyncio.timeout(PATIENCE):
            while console.trips < 3:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.02)
        assert not opening.done()
        server.resume()
        await opening
        assert (await source.sample_once()).pgbouncers[0].version
        await source.close()


async def test_a_connection_that_ends_while_nothing_is_asked_is_noticed_at_once(
    one_server: Cluster, superuser: "psycopg.Connection[Any]"
) -> None:
    async with running(LiveSource(one_server.conninfo(), interval=600)) as posted:
        await posted.more(Snapshot)
        superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgheadroom'"
        )
        await posted.more(Snapshot, seconds=PATIENCE)
    assert "terminated" in posted.troubles[0].reason


# --- opening ---------------------------------------------------------------------------------------------------------


async def test_the_first_connection_fails_in_one_line(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster(start=False)
    source = LiveSource(cluster.conninfo())
    with pytest.raises(NoConnection, match="nobody listens there"):
        await source.open()
    async with running(source) as posted:
        await posted.more(Trouble, 2)
        assert posted.troubles[0].tries == 1
        cluster.start()
        await posted.more(Snapshot)
        assert posted.snapshots[0].server.major == cluster.major


async def test_a_conninfo_is_checked_before_anything_is_opened() -> None:
    with pytest.raises(UsageError):
        LiveSource("host=x nonsense")
    with pytest.raises(UsageError):
        LiveSource("host=x", pgbouncers=["port=1 nonsense"])


async def test_a_password_is_kept_for_connecting_again(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster(hba="local all postgres trust\nlocal all all scram-sha-256\n")
    with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
        superuser.execute("CREATE ROLE web LOGIN PASSWORD 'open sesame'")
        source = LiveSource(cluster.conninfo("web"), interval=0.1)
        with pytest.raises(NoConnection) as refused:
            await source.open()
        assert refused.value.password_needed
        await source.open("open sesame")
        async with running(source) as posted:
            await posted.more(Snapshot)
            superuser.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'web'")
            await posted.more(Trouble)
            await posted.more(Snapshot)
    assert "sesame" not in repr(posted.updates)


async def test_a_full_server_lets_us_in_when_there_is_room(
    server: Cluster, superuser: "psycopg.Connection[Any]", role: Roles, sessions: Sessions
) -> None:
    role("crowd")
    crowd = sessions.fill("crowd")
    role("watcher", member_of=["pg_monitor"])
    # Over TCP, where the socket of this server, in its own folder, is not found as another door.
    async with running(LiveSource(server.conninfo("watcher", tcp=True), interval=0.2)) as posted:
        await posted.more(Trouble, 2)
        assert "remaining connection slots are reserved" in posted.troubles[0].reason
        crowd[0].close()
        await posted.more(Snapshot)
        assert len(posted.snapshots[0].sessions) == len(crowd) + 1


# --- a server that goes away -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("tcp", [False, True])
async def test_terminated_by_an_administrator(server: Cluster, superuser: "psycopg.Connection[Any]", tcp: bool) -> None:
    async with running(LiveSource(server.conninfo(tcp=tcp), interval=0.2)) as posted:
        await posted.more(Snapshot)
        superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgheadroom'"
        )
        await posted.more(Trouble)
        assert "terminated by an administrator" in posted.troubles[0].reason
        lost = posted.times(Trouble)[0]
        await posted.more(Snapshot)
        assert posted.times(Snapshot)[-1] - lost < 3.0
        assert ours(superuser) == 1


@pytest.mark.parametrize("major", [15, 16, 18])
@pytest.mark.parametrize("how", ["fast", "immediate", "kill"])
async def test_a_server_killed_and_restarted(new_cluster: Callable[..., Cluster], major: int, how: str) -> None:
    cluster = new_cluster(major)
    async with running(LiveSource(cluster.conninfo(), interval=600)) as posted:
        await posted.more(Snapshot)
        await at_rest(cluster)
        await asyncio.to_thread(cluster.kill if how == "kill" else lambda: cluster.stop(how))
        await posted.until(lambda: len(posted.troubles) >= 3)
        before = len(posted.snapshots)
        await asyncio.to_thread(cluster.start)
        await posted.until(lambda: len(posted.snapshots) > before, 20)
    assert posted.troubles[0].tries == 0
    assert how != "immediate" or "shuts down at once" in posted.troubles[0].reason
    assert how != "kill" or "postmaster" in posted.troubles[0].reason, "nobody terminated us"
    assert {trouble.since for trouble in posted.troubles} == {posted.troubles[0].since}
    tries = [trouble.tries for trouble in posted.troubles]
    assert tries == sorted(tries)
    assert all("\n" not in trouble.reason for trouble in posted.troubles)
    assert posted.snapshots[-1].server.started_at != posted.snapshots[0].server.started_at


async def test_a_crash_is_told_as_one(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster()
    source = LiveSource(cluster.conninfo(), interval=600)
    async with running(source) as posted:
        with psycopg.connect(cluster.conninfo()) as victim:
            await posted.more(Snapshot)
            await at_rest(cluster)
            os.kill(victim.info.backend_pid, signal.SIGKILL)
            await posted.more(Trouble)
        assert posted.troubles[0].reason == "the server is restarting after the crash of another session"
        assert source._link.all_ended
        await posted.more(Snapshot, seconds=PATIENCE)


async def test_a_server_that_is_down_is_knocked_at_again_and_again() -> None:
    began = time.monotonic()
    async with running(LiveSource("host=127.0.0.1 port=1 user=postgres")) as posted:
        while not posted.troubles or posted.troubles[-1].tries < 4:
            await posted.more(Trouble)
    took = time.monotonic() - began
    assert took > 4 * 0.04, "not as fast as it can"
    assert len(posted.troubles) <= 1 + took / WAITING_TOLD_EVERY, "nor is each told"


# --- a server that does not answer -----------------------------------------------------------------------------------


def signal_backend(superuser: "psycopg.Connection[Any]", number: signal.Signals) -> None:
    pid = fetch(superuser, "SELECT pid FROM pg_stat_activity WHERE application_name = 'pgheadroom'")
    os.kill(pid, number)


async def test_a_frozen_server_is_said_and_its_late_answer_used(
    server: Cluster, superuser: "psycopg.Connection[Any]"
) -> None:
    async with running(LiveSource(server.conninfo(), interval=0.2)) as posted:
        await posted.more(Snapshot)
        signal_backend(superuser, signal.SIGSTOP)
        try:
            seen = len(posted.snapshots)
            frozen = time.monotonic()
            await posted.more(Trouble, 2)
            first, second = posted.times(Trouble)[:2]
            assert 1.8 < first - frozen < 5.0
            assert 0.8 < second - first < 3.0
            assert re.match("no answer for [2-4] s", posted.troubles[0].reason)
            assert re.match("no answer for [3-7] s", posted.troubles[1].reason)
            assert len(posted.snapshots) <= seen + 1
        finally:
            signal_backend(superuser, signal.SIGCONT)
        await posted.more(Snapshot, 2, seconds=2)
        assert ours(superuser) == 1
        assert all(trouble.tries == 0 for trouble in posted.troubles)
        assert posted.snapshots[-2].round_trip > 2


async def test_a_silent_network_is_given_up_and_left_behind(
    one_server: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgheadroom.live.source.PATIENCE", 0.3)
    monkeypatch.setattr("pgheadroom.live.source.TOLD_EVERY", 0.2)
    monkeypatch.setattr("pgheadroom.live.source.GIVEN_UP_AFTER", 1.0)
    async with Wire(one_server.port) as wire:
        conninfo = f"host=127.0.0.1 port={wire.port} user=postgres dbname=postgres gssencmode=disable"
        async with running(LiveSource(conninfo, interval=0.1)) as posted:
            await posted.more(Snapshot)
            wire.silence()
            silent = time.monotonic()
            await posted.until(lambda: any("connecting again" in trouble.reason for trouble in posted.troubles))
            assert time.monotonic() - silent < 6.0
            wire.resume()
            await posted.more(Snapshot, seconds=15)
            assert any(snapshot.returned.endswith("s: no answer for 1 s") for snapshot in posted.snapshots)
        assert wire.connections >= 2
    # Nothing of the abandoned question is left.
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_closing_does_not_wait_for_a_frozen_server(
    one_server: Cluster, superuser: "psycopg.Connection[Any]"
) -> None:
    async with running(LiveSource(one_server.conninfo(), interval=0.1)) as posted:
        await posted.more(Snapshot)
        signal_backend(superuser, signal.SIGSTOP)
        await posted.more(Trouble)
        began = time.monotonic()
    assert time.monotonic() - began < 3.0
    signal_backend(superuser, signal.SIGCONT)
    wait_until(lambda: ours(superuser) == 0, "the slot is given back")


async def test_a_sample_that_the_server_cancels_is_trouble_but_no_loss(
    server: Cluster, superuser: "psycopg.Connection[Any]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """As statement_timeout does on a server that is overloaded."""
    cancelled = 0

    def slow(name: str, version_num: int, form: str = "") -> bytes:
        delay = b"SELECT pg_catalog.clock_timestamp(), false FROM pg_catalog.pg_sleep(20)"
        return delay if name == "moment" and not cancelled else query(name, version_num, form)

    monkeypatch.setattr(sampling, "query", slow)
    async with running(LiveSource(server.conninfo(), interval=0.1)) as posted:
        await posted.more(Trouble)
        ours_now = "FROM pg_stat_activity WHERE application_name = 'pgheadroom'"
        pid = fetch(superuser, f"SELECT pid {ours_now}")
        cancelled = 1
        superuser.execute("SELECT pg_cancel_backend(%s)", (pid,))
        await posted.until(lambda: "canceling statement" in posted.troubles[-1].reason)
        await posted.more(Snapshot)
        assert fetch(superuser, f"SELECT array_agg(pid) {ours_now}") == [pid]


async def test_a_question_whose_asker_went_away_disturbs_nobody(one_server: Cluster) -> None:
    source = LiveSource(one_server.conninfo())
    await source.open()

    asked = asyncio.Event()

    async def failing(probe: Probe) -> Snapshot:
        asked.set()
        await asyncio.sleep(0.1)
        raise NoConnection("nobody listens to this")

    asking = asyncio.create_task(source.ask(failing))
    await asked.wait()
    asking.cancel()
    snapshot = await source.sample_once()
    assert snapshot.sessions
    await source.close()


# --- other questions over the same connection ------------------------------------------------------------------------


async def test_signals_and_details_share_the_connection(
    server: Cluster, superuser: "psycopg.Connection[Any]", role: Roles, sessions: Sessions
) -> None:
    role("web")
    victim, other = sessions(2, "web")
    victim.execute("SELECT 'victim'")
    source = LiveSource(server.conninfo(), interval=0.05)
    async with running(source) as posted:
        await posted.more(Snapshot)
        session = next(s for s in posted.snapshots[-1].sessions if s.pid == victim.info.backend_pid)
        assert session.backend_start is not None
        target = Target(session.pid, session.backend_start)
        details = await asyncio.gather(*(source.detail(session.id) for _ in range(20)))
        assert all(found is not None and found.session.query == "SELECT 'victim'" for found in details)
        assert ours(superuser) == 1
        (result,) = await source.signal(Verb.TERMINATE, [target])
        assert result.outcome is Outcome.SIGNALLED
        await posted.until(lambda: session.id not in {s.id for s in posted.snapshots[-1].sessions})
        assert await source.detail(session.id) is None
    assert other.execute("SELECT 1").fetchone() == (1,)
    assert posted.troubles == []


async def test_read_only_signals_nobody(one_server: Cluster, sessions: Sessions) -> None:
    (victim,) = sessions(1)
    source = LiveSource(one_server.conninfo(), read_only=True)
    snapshot = await source.sample_once()
    session = next(s for s in snapshot.sessions if s.pid == victim.info.backend_pid)
    assert session.backend_start is not None
    with pytest.raises(UsageError, match="read-only"):
        await source.signal(Verb.TERMINATE, [Target(session.pid, session.backend_start)], include_superusers=True)
    assert victim.execute("SELECT 1").fetchone() == (1,)
    await source.close()


async def test_without_a_connection_a_question_says_so() -> None:
    source = LiveSource("host=127.0.0.1 port=1")
    with pytest.raises(NoConnection, match="not connected"):
        await source.detail(SessionId(1, None))


async def test_while_a_sample_hangs_nothing_else_is_sent(
    one_server: Cluster, superuser: "psycopg.Connection[Any]"
) -> None:
    source = LiveSource(one_server.conninfo(), interval=0.1)
    async with running(source) as posted:
        await posted.more(Snapshot)
        signal_backend(superuser, signal.SIGSTOP)
        try:
            await posted.more(Trouble)
            with pytest.raises(NoAnswer, match="nothing was sent") as refused:
                await source.ask(Probe.sample, patience=0.2)
            assert not refused.value.asked
        finally:
            signal_backend(superuser, signal.SIGCONT)
        await posted.more(Snapshot)


async def test_a_question_that_was_sent_may_still_take_effect(
    one_server: Cluster, superuser: "psycopg.Connection[Any]"
) -> None:
    source = LiveSource(one_server.conninfo())
    await source.open()
    signal_backend(superuser, signal.SIGSTOP)
    with pytest.raises(NoAnswer, match="may still take effect") as refused:
        await source.sample_once(patience=0.2)
    assert refused.value.asked
    signal_backend(superuser, signal.SIGCONT)
    # The late answer is nobody's, and does not disturb the next question.
    snapshot = await source.sample_once()
    assert snapshot.sessions
    await source.close()


# --- PgBouncers ------------------------------------------------------------------------------------------------------


async def test_pgbouncers_come_with_the_sample(one_server: Cluster, bouncer: Bouncer) -> None:
    with psycopg.connect(bouncer.conninfo("postgres", "postgres")) as client:
        client.execute("SELECT 1")
        source = LiveSource(
            one_server.conninfo(), pgbouncers=[bouncer.console(), "host=127.0.0.1 port=1"], interval=0.2
        )
        snapshot = await source.sample_once()
        assert [pool.database for pool in snapshot.pgbouncers[0].pools] == ["postgres"]
        async with running(source) as posted:
            await posted.more(Snapshot, 2)
            seen, down = posted.snapshots[-1].pgbouncers
            assert (seen.trouble, seen.age, seen.pools[0].sv_active) == ("", 0.0, 1)
            assert "nobody listens" in down.trouble


async def test_a_frozen_pgbouncer_hardly_delays_the_sample(one_server: Cluster, bouncer: Bouncer) -> None:
    source = LiveSource(one_server.conninfo(), pgbouncers=[bouncer.console()], interval=0.4)
    async with running(source) as posted:
        await posted.more(Snapshot)
        freeze(bouncer)
        await posted.more(Snapshot, 6)
        thaw(bouncer)
        assert "no answer for" in posted.snapshots[-1].pgbouncers[0].trouble
        moments = posted.times(Snapshot)[-5:]
        assert all(0.3 < after - before < 1.5 for before, after in pairwise(moments))
        await posted.until(lambda: not posted.snapshots[-1].pgbouncers[0].trouble)


async def test_killing_the_bouncer_is_no_trouble_of_the_server(one_server: Cluster, bouncer: Bouncer) -> None:
    source = LiveSource(one_server.conninfo(), pgbouncers=[bouncer.console()], interval=0.1)
    async with running(source) as posted:
        await posted.more(Snapshot, 2)
        bouncer.stop()
        await posted.until(lambda: bool(posted.snapshots[-1].pgbouncers[0].trouble))
        bouncer.start()
        await posted.until(lambda: not posted.snapshots[-1].pgbouncers[0].trouble)
    assert posted.troubles == []


async def test_a_bouncer_that_is_up_again_is_asked_before_the_next_sample(
    one_server: Cluster, bouncer: Bouncer
) -> None:
    """It fills as fast as a server does: what asks only once an interval finds it full."""
    source = LiveSource(one_server.conninfo(), pgbouncers=[bouncer.console()], interval=600)

    async def until(trouble: bool) -> None:
        async with asyncio.timeout(PATIENCE):
            while bool(source._consoles.latest()[0].trouble) is not trouble:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.02)

    async with running(source) as posted:
        await posted.more(Snapshot)
        bouncer.stop()
        source.sample_now()
        await until(trouble=True)
        bouncer.start()
        await until(trouble=False)
        assert len(posted.snapshots) <= 2
