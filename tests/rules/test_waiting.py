"""Who waits does not run, whatever its state is called: in counts, filters, findings, remedies and what is promised."""

from collections.abc import Sequence
from typing import Any

import pytest

from pgheadroom.analysis import analyse
from pgheadroom.model.action import Verb
from pgheadroom.model.bouncer import ServerConnection, Setting
from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.health import Status
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.session import Session, State, Wait
from pgheadroom.model.snapshot import Door, HeldLock, Role, SlotKind, Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.output.json_ import document
from pgheadroom.rules.acting.plan import plan
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.facts.hogs import hogs
from pgheadroom.rules.facts.states import states
from pgheadroom.rules.filters.language import parse_filter
from pgheadroom.rules.verdict.health import overall
from pgheadroom.view.confirmation import consequences
from samples import NOW, hidden, many, pids, pool, roles, session, snapshot, waiter
from sure import sure

PLAIN = Thresholds()
STANDBY: dict[str, Any] = {"state": State.ACTIVE, "wait_event_type": "IPC", "wait_event": "SyncRep"}
COPYING: dict[str, Any] = {"state": State.ACTIVE, "wait_event_type": "Client", "wait_event": "ClientRead"}


def told(sample: Snapshot) -> dict[str, Finding]:
    return {finding.key: finding for finding in analyse(sample, PLAIN).findings}


def selected(sample: Snapshot, text: str) -> list[int]:
    return pids(parse_filter(text).select(sample.sessions, NOW))


@pytest.mark.parametrize(
    ("one", "waits_for"),
    [
        (session(state=State.ACTIVE), None),
        (session(state=State.ACTIVE, wait_event_type="IO", wait_event="DataFileRead"), None),
        (session(state=State.ACTIVE, wait_event_type="Timeout", wait_event="PgSleep"), None),
        (session(state=State.ACTIVE, wait_event_type="IPC", wait_event="ParallelFinish"), None),
        (session(**STANDBY), Wait.STANDBY),
        (session(**COPYING), Wait.CLIENT),
        (session(state=State.ACTIVE, wait_event_type="Client", wait_event="ClientWrite"), Wait.CLIENT),
        (session(wait_event_type="Client", wait_event="ClientRead"), None),
        (session(state=State.IDLE_IN_TRANSACTION, wait_event_type="Client", wait_event="ClientRead"), None),
        (session(state=State.STARTING, wait_event_type="Client", wait_event="ClientRead"), None),
        (waiter(1, 2), Wait.LOCK),
        (hidden(1)._replace(blocked_by=(2,)), Wait.LOCK),
    ],
)
def test_what_an_active_session_waits_for(one: Session, waits_for: Wait | None) -> None:
    assert one.waits_for is waits_for
    assert one.runs == (one.state is State.ACTIVE and waits_for is None)


CROWD = snapshot([session(7, State.ACTIVE), waiter(8, 7), session(9, **STANDBY), session(10, **COPYING), session(11)])


def test_states_and_hogs_count_those_that_wait_apart() -> None:
    counts = [(one.state, one.waits, one.count) for one in states(CROWD) if one.count]
    assert counts == [(State.ACTIVE, False, 1), (State.ACTIVE, True, 3), (State.IDLE, False, 1)]
    assert [(hog.active, hog.running, hog.waiting) for hog in hogs(CROWD)] == [(4, 1, 3)]


def test_json_keeps_active_as_the_server_says_it_and_has_waiting_beside() -> None:
    written = document(analyse(CROWD, PLAIN))
    assert written["states"][0] | {"count": 4, "waiting": 3} == written["states"][0]
    assert written["hogs"][0] | {"active": 4, "waiting": 3} == written["hogs"][0]
    assert [one["state"] for one in written["sessions"]] == ["active"] * 4 + ["idle"]
    assert [one["waits_for"] for one in written["sessions"]] == [None, "lock", "standby", "client", None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("state:active", [7, 8, 9, 10]),
        ("running", [7]),
        ("-running", [8, 9, 10, 11]),
        ("running>1s", [7]),
        ("waiting", [8, 9, 10]),
        ("-waiting", [7, 11]),
        ("waiting:lock", [8]),
        ("waiting:client,standby", [9, 10]),
    ],
)
def test_waiting_and_running_are_conditions_of_their_own(text: str, expected: Sequence[int]) -> None:
    assert selected(CROWD, text) == expected
    assert selected(CROWD, str(parse_filter(text))) == expected


def test_the_words_themselves_are_looked_for_in_quotes() -> None:
    sample = snapshot([session(1, query="select waiting"), session(2)])
    assert selected(sample, '"waiting"') == [1]
    assert str(parse_filter('"waiting" "or"')) == '"waiting" "or"'


def test_who_waits_for_a_lock_is_no_long_query_however_long_it_waits() -> None:
    sample = snapshot(
        [session(7, State.IDLE_IN_TRANSACTION, since=400), *(waiter(n, 7, since=390) for n in range(8, 37))]
    )
    found = told(sample)
    assert "long-queries" not in found
    assert "all-active" not in found
    assert next(iter(found)) == "lock-pile-up:7"


def test_a_full_server_with_a_few_of_everything_frees_slots_and_spares_the_victims() -> None:
    """60 slots: 11 wait behind an idle holder, 12 leaked, 18 run, 18 used a moment ago."""
    holder = session(7, State.IDLE_IN_TRANSACTION, since=40, user="batch")
    waiting = [waiter(n, 7, since=30) for n in range(100, 111)]
    leaked = many(12, 200, since=900, user="leaky", application="cart")
    sample = snapshot(
        [holder, *waiting, *leaked, *many(18, 300, state=State.ACTIVE, since=60), *many(55, 400, since=2)]
    )
    full = told(sample)["server-slots"]
    assert full.refuses
    assert sure(full.proposal).verb is Verb.TERMINATE
    ended = selected(sample, sure(full.proposal).filter)
    assert ended
    assert not set(ended) & set(pids(waiting))
    for finding in analyse(sample, PLAIN).findings:
        if finding.proposal is not None and finding.proposal.verb is Verb.CANCEL:
            assert not set(selected(sample, finding.proposal.filter)) & set(pids(waiting))


def test_commits_that_wait_for_a_standby_are_no_queries_and_nothing_cures_them_by_a_signal() -> None:
    sample = snapshot(many(30, 100, since=60, **STANDBY))
    found = analyse(sample, PLAIN).findings
    assert [one.key for one in found] == ["standby-wait"]
    first = found[0]
    assert (first.severity, sure(first.proposal).verb, first.slots) == (Severity.CRITICAL, None, 30)
    assert first.sentence.startswith("30 commits wait for a synchronous standby, the first for 1m00s")
    assert "synchronous_standby_names" in first.remedy
    assert "SyncRep" in first.evidence[0]


def test_a_commit_that_waits_for_a_moment_is_how_replication_works() -> None:
    assert "standby-wait" not in told(snapshot(many(30, 100, since=1, **STANDBY)))


def test_sessions_that_wait_for_their_client_are_ended_for_a_cancel_does_not_reach_them() -> None:
    sample = snapshot([*many(25, 100, since=90, **COPYING), *many(3, 300, state=State.ACTIVE, since=90)])
    found = analyse(sample, PLAIN).findings
    assert found[0].key == "client-wait"
    assert sure(found[0].proposal).verb is Verb.TERMINATE
    assert selected(sample, sure(found[0].proposal).filter) == list(range(100, 125))
    assert "all-active" not in told(sample)


def planned(verb: Verb, *sessions: Session) -> list[str]:
    sample = snapshot(sessions, roles=roles(Role("web", False, None)))
    return consequences(verb, plan(Case(sample, Thresholds()), verb, sample.sessions))


def test_what_a_signal_promises_to_those_that_wait() -> None:
    standby, copying = session(2, **STANDBY, xact_start=NOW), session(3, **COPYING, xact_start=NOW)
    assert planned(Verb.CANCEL, standby) == ["1 commit stays, unreplicated: only the wait for the standby ends"]
    assert planned(Verb.TERMINATE, standby)[:2] == [
        "frees 1 slot",
        "1 commit stays, unreplicated: only the wait for the standby ends",
    ]
    assert not any("rolls back" in said for said in planned(Verb.TERMINATE, standby))
    assert planned(Verb.CANCEL, copying) == [
        "nothing for 1 of them yet: who waits for its client heeds a cancel when that answers"
    ]
    assert any("rolls back" in said for said in planned(Verb.TERMINATE, copying))


def test_a_table_that_is_locked_by_somebody_who_does_nothing_is_told_before_the_queue() -> None:
    holder = session(7, State.IDLE_IN_TRANSACTION, since=20)
    held = (HeldLock(7, "AccessExclusiveLock", "table public.orders"),)
    found = told(snapshot([holder], held_locks=held))["lock-held-idle:7"]
    assert "locks table public.orders" in found.sentence
    assert (found.severity, sure(found.proposal).verb, sure(found.proposal).filter) == (
        Severity.WARNING,
        Verb.TERMINATE,
        "pid:7",
    )
    queue = told(snapshot([holder, *(waiter(n, 7) for n in range(8, 20))], held_locks=held))
    assert "lock-pile-up:7" in queue
    assert "lock-held-idle:7" not in queue
    assert not told(snapshot([session(7, State.IDLE_IN_TRANSACTION, since=1)], held_locks=held))


def test_who_is_refused_comes_before_what_only_nears_its_end() -> None:
    busy = many(70, 100, state=State.ACTIVE, since=60, user="batch")
    limited = snapshot([*busy, *many(10, 300, user="app0")], roles=roles(Role("app0", False, 10)))
    found = analyse(limited, PLAIN).findings
    assert found[0].key == "role-limit:app0"
    assert found[0].refuses
    assert {"all-active", "server-slots"} <= {one.family for one in found}


def test_a_pools_remedy_names_its_own_backends_and_nobody_else() -> None:
    given = {"state": State.IDLE_IN_TRANSACTION, "user": "app0", "database": "postgres"}
    own, bystanders = many(4, 100, since=45, **given), many(3, 200, since=45, client="local", **given)
    servers = tuple(
        ServerConnection("postgres", "app0", "active", "10.0.0.1", 5432, 40_000, one.pid, "", "", "") for one in own
    )
    waiting = pool(database="postgres", user="app0", cl_waiting=9, maxwait=9, sv_active=4, size=4)
    sample = snapshot([*own, *bystanders], pgbouncers=(PgBouncer("b", pools=(waiting,), servers=servers),))
    found = told(sample)["pool-waiting:b:postgres/app0"]
    assert selected(sample, sure(found.proposal).filter) == pids(own)
    unknown = snapshot([*own, *bystanders], pgbouncers=(PgBouncer("b", pools=(waiting,)),))
    found = told(unknown)["pool-waiting:b:postgres/app0"]
    assert found.proposal is None
    assert any("not known" in line for line in found.evidence)


def test_an_overcommitment_is_as_urgent_as_what_it_does() -> None:
    sizes = pool(user="app0", cl_waiting=9, sv_active=4, size=200)
    bouncers = (PgBouncer("b", pools=(sizes,)),)
    calm = told(snapshot(many(5), pgbouncers=bouncers))["pools-overcommitted"]
    full = told(snapshot(many(97), pgbouncers=bouncers))["pools-overcommitted"]
    assert (calm.severity, full.severity) == (Severity.NOTICE, Severity.CRITICAL)
    assert "refuses its logins" in full.sentence


def test_a_pgbouncer_that_refuses_every_new_client_is_critical() -> None:
    bouncer = PgBouncer("b", lists=(("used_clients", 50),), config=(Setting("max_client_conn", "50", None, True),))
    found = analyse(snapshot(many(5), pgbouncers=(bouncer,)), PLAIN).findings[0]
    assert (found.family, found.severity, found.refuses) == ("pgbouncer-stands", Severity.CRITICAL, True)


def autovacuum(query: str) -> Session:
    return session(50, State.ACTIVE, backend_type="autovacuum worker", user=None, query=query)


def test_a_vacuum_against_wraparound_finishes_and_what_waits_for_it_is_cancelled() -> None:
    altering, readers = waiter(7, 50, query="ALTER TABLE t ADD x int"), [waiter(n, 7) for n in range(8, 30)]
    stern = autovacuum("autovacuum: VACUUM public.t (to prevent wraparound)")
    found = told(snapshot([altering, *readers], processes=(stern,)))["lock-pile-up:50"]
    assert (sure(found.proposal).verb, sure(found.proposal).filter) == (Verb.CANCEL, "pid:7")
    assert "must finish" in found.remedy
    kind = told(snapshot([altering, *readers], processes=(autovacuum("autovacuum: VACUUM public.t"),)))
    assert "comes again" in kind["lock-pile-up:50"].remedy
    other = autovacuum("x")._replace(backend_type="logical replication worker")
    assert "comes again" not in told(snapshot([altering, *readers], processes=(other,)))["lock-pile-up:50"].remedy


def test_a_lock_left_on_a_pooled_connection_can_be_ended_and_is_named() -> None:
    root = session(7, State.IDLE, since=90)
    servers = (ServerConnection("shop", "web", "idle", "10.0.0.1", 5432, 40_000, 7, "", "", ""),)
    sample = snapshot([root, *(waiter(n, 7) for n in range(8, 13))], pgbouncers=(PgBouncer("b", servers=servers),))
    found = told(sample)["lock-pile-up:7"]
    assert sure(found.proposal).poolers
    assert "advisory" in found.remedy


def test_a_pool_that_cannot_log_in_is_told_so() -> None:
    waiting = pool(cl_waiting=3, maxwait=20, size=5)
    found = told(snapshot(many(3), pgbouncers=(PgBouncer("b", pools=(waiting,)),)))["pool-waiting:b:shop/web"]
    assert "pg_hba.conf or the password refuses it" in found.remedy
    assert "raise pool_size" not in found.remedy


def test_our_own_role_at_its_own_limit_is_nobodys_trouble() -> None:
    door = Door("monitor", "postgres", SlotKind.ORDINARY, pid=1, sees_all=True, may_signal=True)
    sample = snapshot([session(1, user="monitor")], door=door, roles=roles(Role("monitor", False, 1)))
    assert analyse(sample, PLAIN).findings == ()
    assert overall(analyse(sample, PLAIN).health) is Status.OK
