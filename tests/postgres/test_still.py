"""What a choice was about is judged again with the signal: whoever changed since is left alone, and it is said why."""

import time
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.model.action import CHANGES, Outcome, Result, Target, Verb
from pgheadroom.model.session import Session
from pgheadroom.postgres import actions
from pgheadroom.postgres.actions import ROLES_UNREAD, signal
from pgheadroom.postgres.exchange import Question, Transaction, ask
from pgheadroom.postgres.queries import query
from pgheadroom.postgres.sampling import Probe
from pgheadroom.rules.acting.choice import by_filter, by_hand, change, regardless
from pgheadroom.rules.filters.language import parse_filter
from servers import Roles, Sessions, fetch, wait_until

Connection = psycopg.Connection[Any]


@pytest.fixture
async def probe(which_server: Cluster, role: Roles) -> AsyncIterator[Probe]:
    role("operator", member_of=["pg_monitor", "pg_signal_backend"])
    role("web")  # before: what it is called is known from the first sample on
    probe = await Probe.open(which_server.conninfo("operator"))
    yield probe
    await probe.close()


async def look(probe: Probe, connection: Connection) -> Session:
    return next(one for one in (await probe.sample()).sessions if one.pid == connection.info.backend_pid)


async def terminate(probe: Probe, target: Target, **others: Any) -> Result:
    (result,) = await signal(probe.connection, Verb.TERMINATE, [target], **others)
    return result


def is_alive(connection: Connection) -> bool:
    try:
        connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


async def changed_after(probe: Probe, connection: Connection, target: Target) -> str:
    """What the statement finds changed: the same as is told beside the list before."""
    told = await look(probe, connection)
    result = await terminate(probe, target)
    assert result.outcome is Outcome.CHANGED, result
    assert result.message == change(Verb.TERMINATE, target, told, (await probe.sample()).taken_at)
    assert is_alive(connection)
    return next(word for word, sentence in CHANGES.items() if sentence == result.message)


def filtered(text: str, session: Session) -> Target:
    (target,) = by_filter([session], parse_filter(text))
    return target


async def test_an_idle_session_that_begins_to_write_is_not_ended_in_mid_transaction(
    server: Cluster, role: Roles, sessions: Sessions, probe: Probe
) -> None:
    (victim,) = sessions(1, "web", application_name="shop")
    victim.execute("SELECT 1")
    shown = await look(probe, victim)
    alone, marked = by_hand(Verb.TERMINATE, [shown])[0], by_hand(Verb.TERMINATE, [shown, shown])[0]
    victim.execute("BEGIN; CREATE TEMP TABLE t (i int)")
    for target in (alone, marked, filtered("state:idle", shown), filtered("state:idle age>0s", shown)):
        assert await changed_after(probe, victim, target) == "another state"
    victim.execute("ROLLBACK")
    assert await changed_after(probe, victim, alone) == "used"
    assert (await terminate(probe, regardless(shown))).outcome is Outcome.SIGNALLED


async def test_a_pools_ping_spoils_no_bulk(server: Cluster, role: Roles, sessions: Sessions, probe: Probe) -> None:
    first, second = sessions(2, "web")
    for victim in (first, second):
        victim.execute("SELECT 1")
    shown = [await look(probe, victim) for victim in (first, second)]
    targets = [*by_hand(Verb.TERMINATE, shown)[:1], *by_filter(shown[1:], parse_filter("user=web state:idle"))]
    for victim in (first, second):
        victim.execute("SELECT 1")
    results = await signal(probe.connection, Verb.TERMINATE, targets)
    assert [result.outcome for result in results] == [Outcome.SIGNALLED] * 2


async def test_idle_for_longer_than_was_asked_is_judged_again(
    server: Cluster, role: Roles, sessions: Sessions, probe: Probe
) -> None:
    (victim,) = sessions(1, "web")
    shown = (await look(probe, victim))._replace()
    target = filtered("state:idle age>10m", shown)
    victim.execute("SELECT 1")
    assert await changed_after(probe, victim, target) == "not so long"
    assert (await terminate(probe, filtered("state:idle age>0s", shown))).outcome is Outcome.SIGNALLED


async def test_another_transaction_is_not_rolled_back_for_the_one_that_was_shown(
    server: Cluster, role: Roles, sessions: Sessions, probe: Probe
) -> None:
    (victim,) = sessions(1, "web")
    victim.execute("BEGIN; SELECT 1")
    shown = await look(probe, victim)
    victim.execute("ROLLBACK; BEGIN; SELECT 1")
    for target in (
        filtered("xact>0s", shown),
        filtered("state:idletx", shown),
        by_hand(Verb.TERMINATE, [shown] * 2)[0],
    ):
        assert await changed_after(probe, victim, target) == "another transaction"
    assert await changed_after(probe, victim, filtered("query:select", shown)) == "another query"
    same = await look(probe, victim)
    assert (await terminate(probe, filtered("xact>0s state:idletx query:select", same))).outcome is Outcome.SIGNALLED


async def test_whoever_gave_itself_another_name_does_not_match_any_more(
    server: Cluster, role: Roles, sessions: Sessions, probe: Probe
) -> None:
    (victim,) = sessions(1, "web", application_name="billing")
    shown = await look(probe, victim)
    victim.execute("SET application_name = 'Billing'")
    for text in ("app=billing", "app:billing", "-app:x", "bill"):
        assert await changed_after(probe, victim, filtered(text, shown)) == "another application"
    assert (await terminate(probe, filtered("user=web db=postgres", shown))).outcome is Outcome.SIGNALLED


async def test_what_it_waits_for_is_judged_again(
    server: Cluster, role: Roles, sessions: Sessions, probe: Probe
) -> None:
    (victim,) = sessions(1, "web")
    shown = (await look(probe, victim))._replace(wait_event_type="Lock", wait_event="relation")
    assert await changed_after(probe, victim, filtered("wait:Lock", shown)) == "another wait"


async def test_a_role_that_was_renamed_a_moment_ago_is_what_it_is_called_now(
    server: Cluster, superuser: Connection, role: Roles, sessions: Sessions, probe: Probe
) -> None:
    (victim,) = sessions(1, "web")
    shown = await look(probe, victim)
    superuser.execute('ALTER ROLE web RENAME TO "pay\\ments"')
    try:
        result = await terminate(probe, filtered("state:idle", shown), protected_roles=["x", "pay\\ments"])
        assert (result.outcome, result.message) == (Outcome.PROTECTED, "its role is protected by the configuration")
        (result,) = await signal(probe.connection, Verb.TERMINATE, [filtered("user=web", shown)])
        assert (result.outcome, result.message) == (Outcome.CHANGED, CHANGES["another role name"])
        assert is_alive(victim)
    finally:
        superuser.execute('ALTER ROLE "pay\\ments" RENAME TO web')
    assert (await terminate(probe, filtered("user=web", shown), protected_roles=["x"])).outcome is Outcome.SIGNALLED


async def test_the_sessions_of_a_dropped_role_can_be_ended(
    server: Cluster, superuser: Connection, role: Roles, sessions: Sessions, probe: Probe
) -> None:
    first, second = sessions(2, role("token"))
    role.made.remove("token")
    superuser.execute("DROP ROLE token")
    shown = (await look(probe, first))._replace(user=f"oid {(await role_oid(probe, first))}")
    assert (await terminate(probe, filtered(f'user="{shown.user}"', shown), protected_roles=["x"])).outcome is (
        Outcome.SIGNALLED
    )
    superuser.execute("SELECT 1")
    assert (await terminate(probe, regardless(await look(probe, second)))).outcome is Outcome.SIGNALLED


async def role_oid(probe: Probe, connection: Connection) -> int:
    cursor = await probe.connection.execute(
        "SELECT usesysid FROM pg_stat_get_activity(%s)", (connection.info.backend_pid,)
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def test_a_member_of_the_first_superusers_role_is_no_superuser(
    server: Cluster, superuser: Connection, role: Roles, sessions: Sessions, probe: Probe
) -> None:
    (heir,) = sessions(1, role("heir", member_of=["postgres"]))
    (chief,) = sessions(1, role("chief", "SUPERUSER"))
    targets = [regardless(await look(probe, one)) for one in (heir, chief)]
    results = await signal(probe.connection, Verb.TERMINATE, targets)
    assert [result.outcome for result in results] == [Outcome.SIGNALLED, Outcome.PROTECTED]
    assert is_alive(chief)


async def test_each_target_is_judged_when_its_turn_comes(
    server: Cluster, role: Roles, sessions: Sessions, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one statement, or one transaction, the second look would see what the first saw."""
    (victim,) = sessions(1, "web")
    target = regardless(await look(probe, victim))
    asked = ask

    async def with_naps(connection: Any, transactions: Any) -> Any:
        nap = Transaction([Question("nap", b"SELECT pg_catalog.pg_sleep(1)")])
        answers = await asked(connection, [one for transaction in transactions for one in (transaction, nap)])
        return answers[::2]

    monkeypatch.setattr(actions, "ask", with_naps)
    results = await signal(probe.connection, Verb.TERMINATE, [target, target])
    assert [result.outcome for result in results] == [Outcome.SIGNALLED, Outcome.GONE_BEFORE]


def test_both_signals_are_judged_by_the_same_words() -> None:
    cancel, terminate_ = (query("signal", 180_000, verb.value).decode() for verb in (Verb.CANCEL, Verb.TERMINATE))
    assert cancel.count("pg_cancel_backend") == terminate_.count("pg_terminate_backend") == 1
    assert cancel.replace("pg_cancel_backend", "pg_terminate_backend") == terminate_


# --- while nobody can read who is who --------------------------------------------------------------------------------


def lock_roles(superuser: Connection) -> None:
    superuser.execute("BEGIN; LOCK TABLE pg_authid, pg_auth_members IN ACCESS EXCLUSIVE MODE")


async def test_signals_work_while_the_roles_are_locked(
    server: Cluster, superuser: Connection, role: Roles, sessions: Sessions
) -> None:
    role("operator", member_of=["pg_monitor", "pg_signal_backend"])
    web, kept = sessions(1, role("web"))[0], sessions(1, role("payments"))[0]
    chief = sessions(1, role("chief", "SUPERUSER"))[0]
    probe = await Probe.open(server.conninfo("operator"))
    targets = [regardless(await look(probe, one)) for one in (web, kept, chief)]
    lock_roles(superuser)
    began = time.monotonic()
    results = await signal(probe.connection, Verb.TERMINATE, targets, protected_roles=["payments"])
    took = time.monotonic() - began
    superuser.execute("ROLLBACK")
    assert [result.outcome for result in results] == [Outcome.SIGNALLED, Outcome.PROTECTED, Outcome.PROTECTED]
    assert {result.reservation for result in results} == {ROLES_UNREAD}
    assert took < 5
    assert [is_alive(one) for one in (web, kept, chief)] == [False, True, True]
    await probe.close()


async def test_whose_role_is_neither_known_nor_readable_is_refused(
    server: Cluster, superuser: Connection, role: Roles, sessions: Sessions, probe: Probe
) -> None:
    strangers = [sessions(1, role(f"newcomer{number}"))[0] for number in range(5)]
    row = "SELECT backend_start FROM pg_stat_activity WHERE pid = %s"
    targets = [Target(one.info.backend_pid, fetch(superuser, row, one.info.backend_pid)) for one in strangers]
    lock_roles(superuser)
    began = time.monotonic()
    results = await signal(probe.connection, Verb.TERMINATE, targets, protected_roles=["newcomer0"])
    took = time.monotonic() - began
    superuser.execute("ROLLBACK")
    assert [result.outcome for result in results] == [Outcome.REFUSED] * 5
    assert "its role cannot be read now" in results[0].message
    assert took < 5  # not the time of a lock for each of them
    assert [is_alive(one) for one in strangers] == [True] * 5


async def test_a_thousand_targets_go_in_pieces(server: Cluster, role: Roles, sessions: Sessions, probe: Probe) -> None:
    victims = sessions(2, "web")
    gone = regardless((await look(probe, victims[0]))._replace(pid=2**30))
    targets = [gone] * 1000
    targets[0], targets[999] = [regardless(await look(probe, victim)) for victim in victims]
    results = await signal(probe.connection, Verb.TERMINATE, targets)
    assert [results[0].outcome, results[999].outcome] == [Outcome.SIGNALLED] * 2
    assert {result.outcome for result in results[1:999]} == {Outcome.GONE_BEFORE}
    wait_until(lambda: not any(map(is_alive, victims)), "they end")
