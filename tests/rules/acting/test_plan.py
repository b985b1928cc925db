"""Who may be signalled: every reason to leave a session alone, and no session lost between the two lists."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgheadroom.model.action import Verb
from pgheadroom.model.bouncer import ServerConnection
from pgheadroom.model.plan import Plan, Scope
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.session import IN_TRANSACTION_BUT_IDLE, Session, SessionId, State
from pgheadroom.model.snapshot import Gap, LockRequest, Role, Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules.acting.plan import SUPERUSER_UNKNOWN, find, plan
from pgheadroom.rules.acting.ready_forms import READY_FORMS, ReadyForm
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.facts.chain import chains
from pgheadroom.rules.filters.language import parse_filter
from pgheadroom.view.confirmation import consequences
from samples import NOW, ago, hidden, roles, session, snapshot, waiter
from strategies import snapshots

ROLES = roles(Role("web", False, None), Role("batch", False, None), Role("root", True, None))


def planned(
    sessions: Sequence[Session],
    verb: Verb = Verb.TERMINATE,
    chosen: Sequence[Session] | None = None,
    pooled: Collection[int] = (),
    **protects: Any,
) -> Plan:
    """Session 1 is our own; `pooled` are pids of a PgBouncer's server connections."""
    behind = pooler(one for one in sessions if one.pid in pooled)
    sample = snapshot(sessions, roles=ROLES, pgbouncers=(behind,))
    return plan(Case(sample, Thresholds()), verb, sample.sessions if chosen is None else chosen, Scope(**protects))


def pooler(backends: Iterable[Session]) -> PgBouncer:
    """A PgBouncer that holds these sessions open."""
    return PgBouncer("b", servers=tuple(map(_server, backends)))


def _server(one: Session) -> ServerConnection:
    port = one.client_port or 0
    return ServerConnection("shop", "web", "active", "10.0.0.1", 5432, port, one.pid, "", "", "")


def reasons(made: Plan) -> dict[int, str]:
    return {session.pid: reason for session, reason in made.left_out}


def test_a_terminate_frees_a_slot_for_each_target() -> None:
    made = planned([session(2), session(3, State.IDLE_IN_TRANSACTION, since=90, backend_xid="7"), session(4)])
    assert [one.pid for one in made.targets] == [2, 3, 4]
    assert (made.slots_freed, made.transactions_rolled_back, made.transactions_writing) == (3, 1, 1)
    assert made.oldest_transaction_seconds == 90
    assert made.left_out == ()


@pytest.mark.parametrize(
    ("one", "told"),
    [
        (session(1), "our own"),
        (hidden(2), "GRANT pg_monitor"),
        (session(2, backend_type="walsender"), "no client session"),
        (session(2, user=None), "still authenticates"),
        (session(2, user="root"), "superuser"),
        (session(2, user="newcomer"), "not known"),
        (session(2, user="batch"), "protected by the configuration"),
        (session(66), "pooler's server connection"),
    ],
)
def test_who_is_left_alone_and_why(one: Session, told: str) -> None:
    made = planned([one, session(99)], protected_roles=frozenset({"batch"}), pooled=[66])
    assert [target.pid for target in made.targets] == [99]
    assert told in reasons(made)[one.pid]


def test_what_was_left_alone_can_be_asked_for() -> None:
    everybody = [session(2, user="root"), session(66)]
    made = planned(everybody, pooled=[66], include_superusers=True, include_poolers=True)
    assert [one.pid for one in made.targets] == [2, 66]
    assert [one.pid for one in made.poolers] == [66]


def test_the_sessions_of_a_dropped_role_are_sessions_like_any_other() -> None:
    orphan = session(2, user="oid 16391")
    assert [one.pid for one in planned([orphan]).targets] == [2]
    protected = planned([orphan], protected_roles=frozenset({"oid 16391"}))
    assert reasons(protected)[2] == "its role is protected by the configuration"


def test_a_role_without_a_name_is_not_dropped_where_roles_cannot_be_read() -> None:
    sample = snapshot([session(2, user="oid 16391")], roles=ROLES, gaps=(Gap("roles", "locked"),))
    assert reasons(plan(Case(sample, Thresholds()), Verb.TERMINATE, sample.sessions)) == {2: SUPERUSER_UNKNOWN}


def test_other_monitors_are_sessions_like_any_other() -> None:
    assert planned([session(2, application="pgheadroom")]).slots_freed == 1


def test_a_session_that_ended_or_whose_pid_is_used_again_is_left_alone() -> None:
    shown = session(2, backend_start=ago(500))
    made = planned([session(2, backend_start=ago(1))], chosen=[shown, session(3)])
    assert made.targets == ()
    assert reasons(made) == {2: "it has ended", 3: "it has ended"}


def test_a_target_is_the_session_that_was_shown_not_what_it_became() -> None:
    shown = session(2, State.ACTIVE, query="select slow()", query_start=ago(50))
    made = planned([shown._replace(query="select 1", query_start=NOW)], Verb.CANCEL, chosen=[shown, shown])
    assert made.targets == (shown,)


def test_a_cancel_needs_a_query_and_frees_no_slot() -> None:
    made = planned([session(2), session(3, State.ACTIVE), session(4, State.DISABLED)], Verb.CANCEL)
    assert [one.pid for one in made.targets] == [3]
    assert reasons(made) == {2: "it runs no query to cancel", 4: "what it does is not tracked"}
    assert (made.slots_freed, made.transactions_rolled_back) == (0, 1)


def test_waiters_behind_a_target_go_on_one_after_the_other() -> None:
    holder, other = session(2, State.IDLE_IN_TRANSACTION), session(3, State.IDLE_IN_TRANSACTION)
    queue = [waiter(4, 2), waiter(5, 2, 4), waiter(6, 2, 3), waiter(7, 6)]
    assert planned([holder, other, *queue], chosen=[holder]).waiters_released == 2
    assert planned([holder, other, *queue], chosen=[holder, other]).waiters_released == 4
    assert planned([holder, other, *queue], chosen=[holder, queue[0]]).waiters_released == 1


def asked(pid: int, mode: str, target: str = "table t") -> LockRequest:
    return LockRequest(pid, "relation", mode, target, None)


def test_ending_the_holder_alone_does_not_free_who_stands_behind_a_stronger_request() -> None:
    """2 holds ROW EXCLUSIVE, 3 waits for ACCESS EXCLUSIVE, and 4 behind it for SHARE."""
    sample = snapshot(
        [session(2, State.IDLE_IN_TRANSACTION), waiter(3, 2), waiter(4, 2, 3)],
        roles=ROLES,
        lock_requests=(asked(3, "AccessExclusiveLock"), asked(4, "ShareLock")),
    )
    made = plan(Case(sample, Thresholds()), Verb.TERMINATE, sample.sessions[:1])
    assert (made.waiters_at_once, made.waiters_released) == (1, 2)
    assert "lets 1 waiting session go on, 1 more in turn" in consequences(made.verb, made)


def test_who_stands_ahead_of_a_target_goes_before_who_stands_behind_it() -> None:
    """A waiter names the nearest ahead only: 5 names 4, and when 4 ends it is behind 3."""
    modes = dict.fromkeys((3, 4, 5), "AccessExclusiveLock")
    sample = snapshot(
        [session(2, State.IDLE_IN_TRANSACTION), waiter(3, 2), waiter(4, 2, 3), waiter(5, 2, 4)],
        roles=ROLES,
        lock_requests=tuple(asked(pid, mode) for pid, mode in modes.items()),
    )
    made = plan(Case(sample, Thresholds()), Verb.TERMINATE, [sample.sessions[0], sample.sessions[2]])
    assert made.waiters_at_once == 1


def test_readers_behind_an_alteration_go_on_at_once_when_it_ends() -> None:
    readers = [waiter(pid, 3) for pid in (4, 5, 6)]
    requests = (asked(3, "AccessExclusiveLock"), *(asked(one.pid, "AccessShareLock") for one in readers))
    sample = snapshot(
        [session(2, State.IDLE_IN_TRANSACTION), waiter(3, 2), *readers], roles=ROLES, lock_requests=requests
    )
    made = plan(Case(sample, Thresholds()), Verb.CANCEL, [sample.sessions[1]])
    assert (made.waiters_at_once, made.waiters_released) == (3, 3)


def test_a_deadlock_is_released_by_either_side() -> None:
    pair = [waiter(2, 3), waiter(3, 2)]
    assert planned(pair, chosen=pair[:1]).waiters_released == 1
    assert planned(pair, chosen=[]).waiters_released == 0


@given(snapshots(), st.sampled_from(Verb), st.booleans(), st.sets(st.integers(1, 40)))
def test_every_chosen_session_is_a_target_or_left_out_with_a_reason(
    sample: Snapshot, verb: Verb, generous: bool, poolers: set[int]
) -> None:
    own = sample.sessions[0].pid if sample.sessions else 1
    behind = pooler(one for one in sample.sessions if one.pid in poolers)
    sample = replace(sample, door=replace(sample.door, pid=own), pgbouncers=(behind,))
    scope = Scope(frozenset({"batch"}), include_superusers=generous, include_poolers=generous)
    made = plan(Case(sample, Thresholds()), verb, (*sample.sessions, *sample.processes), scope)
    pooled = chains(sample).pids
    both = [*made.targets, *(one for one, reason in made.left_out if reason)]
    assert sorted(one.pid for one in both) == sorted(one.pid for one in (*sample.sessions, *sample.processes))
    for target in made.targets:
        assert target.pid != own
        assert target.backend_start is not None
        assert target in sample.sessions
        assert target.user not in {None, "batch"}
        assert generous or (target.pid not in pooled and not sample.roles[target.user].superuser)
        assert verb is Verb.TERMINATE or target.state not in IN_TRANSACTION_BUT_IDLE | {State.IDLE}
    assert made.slots_freed == (len(made.targets) if verb is Verb.TERMINATE else 0)
    assert 0 <= made.waiters_released <= len(sample.sessions) + len(sample.lock_requests)
    assert made.transactions_writing <= made.transactions_rolled_back <= len(made.targets)


def test_the_ready_forms_find_what_their_titles_say() -> None:
    everybody = [
        session(2, since=601),
        session(3, since=599),
        session(4, State.ABORTED, since=301),
        session(5, State.IDLE_IN_TRANSACTION, since=299),
        session(6, State.ACTIVE, since=3601),
        session(7, State.ACTIVE, since=3599, application="report", client="10.9.9.9"),
    ]

    def found(remedy: ReadyForm, value: str = "") -> list[int]:
        return [one.pid for one in parse_filter(remedy.filter or f"{remedy.needs}:{value}").select(everybody, NOW)]

    idle, in_transaction, long, application, address = READY_FORMS
    assert (found(idle), found(in_transaction), found(long)) == ([2], [4], [6])
    assert (found(application, "report"), found(address, "10.9.9.9")) == ([7], [7])
    assert long.verb is Verb.CANCEL


def test_sessions_are_found_by_both_halves_of_their_id() -> None:
    sample = snapshot([session(2), session(3)])
    assert find(sample, [session(3).id, SessionId(2, ago(1))]) == (session(3),)


def test_a_sample_without_roles_protects_everybody() -> None:
    sample = replace(snapshot([session(2)]), roles={})
    assert plan(Case(sample, Thresholds()), Verb.TERMINATE, sample.sessions).targets == ()
