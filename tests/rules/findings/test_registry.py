"""Each family of findings: when it speaks, what it says, and when it keeps silent."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given

from pgheadroom.analysis import analyse
from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.session import Session, State
from pgheadroom.model.snapshot import Door, LockRequest, Role, SlotKind, SlotSettings, Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules.acting.plan import plan
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.filters.language import parse_filter
from pgheadroom.words.sql_names import quoted
from pgheadroom.words.text import safe
from samples import ago, hidden, many, pool, roles, session, snapshot, waiter
from strategies import snapshots
from sure import sure

PLAIN = Thresholds()


def told(sample: Snapshot) -> dict[str, Finding]:
    return {finding.key: finding for finding in analyse(sample, PLAIN).findings}


def test_a_calm_server_has_no_findings() -> None:
    assert analyse(snapshot([*many(20), session(1, State.ACTIVE)]), PLAIN).findings == ()


@pytest.mark.parametrize("sessions", [[], [session(1, State.ACTIVE)]])
def test_thresholds_of_0_are_no_mistake_where_nobody_is(sessions: list[Session]) -> None:
    nothing = Thresholds.from_mapping({one.name: 0 if one.name == "long_query_seconds" else [0, 0]
                                       for one in fields(Thresholds)})  # fmt: skip
    seen = snapshot(sessions, pgbouncers=(PgBouncer("pgb", pools=(pool(),)),))
    assert "client-wait" not in {one.family for one in analyse(seen, nothing).findings}


def test_a_server_that_fills_names_the_state_and_the_biggest_hog() -> None:
    crowd = [*many(61), *many(33, 2000, state=State.ACTIVE, user="batch", application="report")]
    found = told(snapshot(crowd))["server-slots"]
    assert found.severity is Severity.CRITICAL
    assert found.sentence == "94 of 97 usable slots taken, 61 idle; most by web/checkout (61)"
    assert found.evidence[0] == "free: 3 for ordinary roles, 6 for superusers"
    assert len(found.sessions) == 61
    assert "idle_session_timeout" in found.remedy


def test_a_crowd_from_many_addresses_is_one_crowd() -> None:
    crowd = [*many(40, client="10.0.0.1"), *many(30, 2000, client="10.0.0.2"), *many(27, 3000, user="batch")]
    assert told(snapshot(crowd))["server-slots"].sentence.endswith("most by web/checkout (70)")


def test_a_server_full_of_waiters_needs_the_lock_ended() -> None:
    found = told(snapshot([session(1), *(waiter(n, 1) for n in range(2, 90))]))["server-slots"]
    assert found.sentence.startswith("89 of 97 usable slots taken, 88 wait for a lock")
    assert found.remedy.startswith("End what holds the lock")


def test_a_full_server_says_so() -> None:
    assert told(snapshot(many(97)))["server-slots"].sentence.startswith("Full: 97 of 97 usable slots taken, 97 idle")


@pytest.mark.parametrize(
    ("state", "cure"),
    [(State.IDLE_IN_TRANSACTION, "idle_in_transaction_session_timeout"), (State.ACTIVE, "max_connections")],
)
def test_what_most_sessions_do_decides_the_remedy(state: State, cure: str) -> None:
    assert cure in told(snapshot(many(97, state=state)))["server-slots"].remedy


def test_a_role_at_its_limit_while_the_server_has_room() -> None:
    found = told(snapshot(many(20), roles=roles(Role("web", False, 20))))["role-limit:web"]
    assert found.severity is Severity.CRITICAL
    assert found.sentence == "Role web is at its limit: 20 of 20, though the server has 77 free"
    assert "Raise the limit to 40 with H" in found.remedy
    near = told(snapshot(many(17), roles=roles(Role("web", False, 20))))["role-limit:web"]
    assert (near.severity, near.sentence[:23]) == (Severity.WARNING, "Role web nears its limi")


def test_a_closed_role_and_our_own_role_are_no_findings() -> None:
    sample = snapshot([session(1, user="monitor")], roles=roles(Role("off", False, 0), Role("monitor", False, 1)))
    assert analyse(sample, PLAIN).findings == ()
    crowded = snapshot(many(5, user="monitor"), roles=roles(Role("monitor", False, 5)))
    assert "role-limit:monitor" in told(crowded)


def test_a_lock_pile_up_names_the_root_what_it_does_and_who_waits() -> None:
    holder = session(4711, State.IDLE_IN_TRANSACTION, since=125, user="batch", application="import")
    queue = [waiter(n, 4711, since=n) for n in range(2, 9)]
    request = LockRequest(2, "relation", "AccessShareLock", "table public.orders", ago(33))
    found = told(snapshot([holder, *queue], lock_requests=(request,)))["lock-pile-up:4711"]
    assert found.sentence == "pid 4711 batch/import, idle in tx 2m05s, holds up 7 sessions, the first for 33s"
    assert "pid 2 web/checkout waits 33s for AccessShareLock on table public.orders" in found.evidence
    assert found.sessions == (holder.id,)
    assert found.remedy.startswith("Terminate pid 4711")


def test_one_waiter_is_a_finding_once_it_has_waited_for_long() -> None:
    assert analyse(snapshot([session(1), waiter(2, 1, since=59)], 130_023), PLAIN).findings == ()
    found = told(snapshot([session(1), waiter(2, 1, since=61)], 130_023))["lock-pile-up:1"]
    assert found.severity is Severity.NOTICE


@pytest.mark.parametrize(
    ("blocker", "rows", "who", "cure"),
    [
        (0, {}, "A prepared transaction holds up", "ROLLBACK PREPARED"),
        (77, {}, "pid 77 (not visible) holds up", "GRANT pg_monitor"),
        (9, {"backend_type": "startup", "user": None}, "pid 9, startup holds up", "cannot be signalled"),
        (9, {"backend_type": "autovacuum worker", "user": None}, "pid 9, autovacuum worker", "comes again"),
    ],
)
def test_roots_that_are_no_sessions(blocker: int, rows: Mapping[str, Any], who: str, cure: str) -> None:
    processes = (session(9, **rows),) if rows else ()
    key = f"lock-pile-up:{blocker}" if blocker else "prepared-transaction"
    found = told(snapshot([waiter(n, blocker) for n in range(20, 30)], processes=processes))[key]
    assert found.sentence.startswith(who)
    assert cure in found.remedy
    assert found.sessions == ()


def test_idle_in_transaction_by_count_or_by_age() -> None:
    found = told(snapshot(many(10, state=State.IDLE_IN_TRANSACTION)))["idle-in-transaction"]
    assert found.sentence == "10 sessions idle in transaction, oldest 5s; all by web/checkout"
    old = told(snapshot([session(1, State.IDLE_IN_TRANSACTION, since=1800)]))["idle-in-transaction"]
    assert (old.severity, old.sentence) == (
        Severity.CRITICAL,
        "1 session idle in transaction, oldest 30m; all by web/checkout",
    )


def test_what_is_seen_of_the_idle_is_the_least_there_can_be() -> None:
    sample = snapshot([*many(10, state=State.IDLE_IN_TRANSACTION), hidden(1)], exact=False)
    assert told(sample)["idle-in-transaction"].sentence.startswith("At least 10 sessions")


def test_failed_transactions_that_nobody_rolls_back() -> None:
    assert analyse(snapshot([session(1, State.ABORTED, since=59)]), PLAIN).findings == ()
    found = told(snapshot([session(1, State.ABORTED, since=61)]))["aborted-transactions"]
    assert found.sentence == "1 failed transaction not rolled back, oldest 1m01s; all by web/checkout"


def test_long_queries() -> None:
    found = told(snapshot(many(5, state=State.ACTIVE, since=301, query="select slow()")))["long-queries"]
    assert found.sentence == "5 queries over 5m00s, oldest 5m01s by web/checkout"
    assert found.evidence[0].endswith("select slow()")


def test_clients_that_wait_in_a_pool_and_what_the_pool_lacks() -> None:
    small = pool(cl_waiting=12, maxwait=8.2, sv_active=20, size=20)
    found = told(snapshot(pgbouncers=(PgBouncer("b1", pools=(small,)),)))["pool-waiting:b1:shop/web"]
    assert found.severity is Severity.CRITICAL
    assert found.sentence == "12 clients wait for pool shop/web, the first for 8s; 20 of 20 servers"
    starved = PgBouncer("b1", pools=(replace(small, sv_active=3),))
    remedy = told(snapshot(many(97), pgbouncers=(starved,)))["pool-waiting:b1:shop/web"].remedy
    assert remedy.startswith("PostgreSQL has no slot")


def test_a_pgbouncer_that_does_not_answer() -> None:
    name = "/var/run/somewhere/deep/pgbouncer:6432"
    found = told(snapshot(pgbouncers=(PgBouncer(name, trouble="connection refused", age=None),)))
    told_of = found[f"pgbouncer-unreachable:{name}"].sentence
    assert told_of == "PgBouncer pgbouncer:6432 gives no data: connection refused"


def test_connections_that_only_authenticate() -> None:
    assert analyse(snapshot(authenticating=9), PLAIN).findings == ()
    found = told(snapshot([session(1, State.STARTING, user=None)], authenticating=9))["authenticating"]
    assert found.sentence == "10 connections hold a slot and still authenticate"


def test_sessions_of_a_dropped_role() -> None:
    known = roles(Role("web", False, None))
    orphans = [*many(30, user="oid 16391"), session(50, State.ACTIVE, user="oid 16400")]
    sample = snapshot([*orphans, session(1)], roles=known)
    found = told(sample)["dropped-role"]
    assert found.sentence == "31 sessions of 2 roles that were dropped"
    assert (found.severity, found.slots, found.sql) == (Severity.WARNING, 31, "")
    proposal = sure(found.proposal)
    chosen = parse_filter(proposal.filter).select(sample.sessions, sample.taken_at)
    assert len(plan(Case(sample, PLAIN), sure(proposal.verb), chosen).targets) == 30
    few = told(snapshot([session(2, user="oid 16391")], roles=known))["dropped-role"]
    assert (few.severity, few.sentence) == (Severity.NOTICE, "1 session of a role that was dropped (oid 16391)")
    assert "dropped-role" not in told(snapshot(orphans))


def test_superusers_in_the_reserve() -> None:
    crowd = [*many(97), *many(2, 3000, user="root", application="app")]
    sample = snapshot(crowd, roles=roles(Role("web", False, None), Role("root", True, None)))
    found = told(sample)["reserve-in-use"]
    assert (found.severity, found.sentence) == (Severity.WARNING, "2 of 3 reserved slots taken: 1 left to get in")
    assert found.evidence == ("2 by root/app",)
    ours = [*many(97), session(1, State.ACTIVE, user="monitor")]
    assert "reserve-in-use" not in told(snapshot(ours))
    full = told(snapshot(many(100)))["reserve-in-use"]
    assert full.sentence == "3 of 3 reserved slots taken: nobody gets in, not even a superuser"


def test_a_role_that_sees_little_says_so_and_counts_are_estimates() -> None:
    door = Door("peek", "shop", SlotKind.ORDINARY, 1, sees_all=False, may_signal=False)
    sample = snapshot([hidden(n) for n in range(99)], door=door, exact=False)
    found = told(sample)
    assert found["not-visible"].remedy == "As a superuser: GRANT pg_monitor TO peek;"
    unread = told(replace(sample, door=replace(door, user=r"m\xfcller")))["not-visible"]
    assert (unread.remedy, unread.sql) == ("As a superuser: GRANT pg_monitor TO <role>;", "")
    assert found["server-slots"].sentence.startswith("Full: about 97 of 97 usable slots and 2 of the reserve")
    assert "reserve-in-use" not in found


def test_the_most_urgent_comes_first() -> None:
    crowd = [*many(98), session(1, State.ABORTED, since=90)]
    severities = [finding.severity for finding in analyse(snapshot(crowd), PLAIN).findings]
    assert severities == ["critical", "warning", "notice", "notice"]


def test_names_from_the_server_are_made_harmless() -> None:
    nasty = many(97, application="\x1b]0;x\x07" + "a" * 80, user="[/red]")
    found = told(snapshot(nasty))["server-slots"]
    assert found.sentence.isprintable()
    assert len(found.sentence) < 130


@given(snapshots())
def test_any_snapshot_gives_findings_that_can_be_shown(sample: Snapshot) -> None:
    found = analyse(sample, PLAIN).findings
    ranks = [finding.severity.rank for finding in found]
    assert ranks == sorted(ranks)
    for finding in found:
        texts = (finding.sentence, finding.remedy, *finding.evidence)
        assert all(safe(text) == text for text in texts)
        assert finding.remedy
        assert set(finding.sessions) <= {session.id for session in sample.sessions}


@pytest.mark.parametrize(
    ("name", "written"), [("web", "web"), ("Web", '"Web"'), ("user", '"user"'), ('a"b', '"a""b"'), ("a b", '"a b"')]
)
def test_names_in_sql_are_quoted_where_they_must_be(name: str, written: str) -> None:
    assert quoted(name) == written


def test_a_small_server_is_judged_by_its_own_size() -> None:
    sample = snapshot(many(6), settings=SlotSettings(12, 3, 2))
    assert told(sample)["server-slots"].sentence.startswith("6 of 7 usable slots taken")
