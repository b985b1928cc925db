from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pgheadroom.model.bouncer import ServerConnection
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.session import Session
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.rules.acting.reclaimed import reclaimed
from samples import NOW, ago, many, session, snapshot
from strategies import snapshots


def later(sessions: Sequence[Session], seconds: float = 2.0) -> Snapshot:
    return snapshot(sessions, taken_at=NOW + timedelta(seconds=seconds))


def new(count: int, **given: Any) -> list[Session]:
    return many(count, first_pid=5000, backend_start=NOW, **given)


def test_slots_that_stay_free() -> None:
    before = many(18)
    told = reclaimed(snapshot(before), [one.id for one in before], later([]))
    assert (told.freed, told.retaken_count) == (18, 0)
    assert told.sentence == "18 freed, none retaken in 2s"


def test_slots_that_the_same_application_takes_again() -> None:
    before = many(18, application="svc-3")
    told = reclaimed(snapshot(before), [one.id for one in before], later(new(18, application="svc-3")))
    assert told.sentence == "18 freed, 18 retaken by svc-* in 2s: fix or stop the application, or limit the role"


def test_a_few_that_come_back_need_no_advice_and_others_do_not_count() -> None:
    before = many(18)
    told = reclaimed(snapshot(before), [one.id for one in before], later([*new(2), session(9, user="batch")]))
    assert told.sentence == "18 freed, 2 retaken by checkout in 2s"


def test_a_pid_used_again_is_a_freed_slot_and_a_new_session() -> None:
    before = [session(7, backend_start=ago(100))]
    told = reclaimed(snapshot(before), [before[0].id], later([session(7, backend_start=NOW)]))
    assert (told.freed, told.still_there, told.retaken_count) == (1, (), 1)


def test_sessions_that_did_not_go() -> None:
    before = many(3)
    told = reclaimed(snapshot(before), [one.id for one in before], later(before[:1]))
    assert told.sentence == "2 freed, 1 still there, none retaken in 2s"


@given(snapshots(), snapshots(), st.data())
def test_it_adds_up(before: Snapshot, now: Snapshot, data: st.DataObject) -> None:
    signalled = data.draw(
        st.sets(st.sampled_from([one.id for one in before.sessions])) if before.sessions else st.just(set())
    )
    told = reclaimed(before, signalled, now)
    assert told.freed + len(told.still_there) == len(signalled)
    assert told.retaken_count + told.reopened <= len(now.sessions)
    assert told.sentence.isprintable()


def test_what_pgbouncer_opens_anew_is_no_fault_of_the_application() -> None:
    before, opened = many(6), new(6)
    servers = tuple(
        ServerConnection("shop", "web", "active", "10.0.0.1", 5432, 40_000, one.pid, "", "", "") for one in opened
    )
    now = replace(later(opened), pgbouncers=(PgBouncer("b", servers=servers),))
    told = reclaimed(snapshot(before), [one.id for one in before], now)
    assert told.sentence == "6 freed, none retaken in 2s, 6 opened anew by PgBouncer"


def test_before_there_was_time_to_come_back_none_is_back_yet() -> None:
    before = many(3)
    told = reclaimed(snapshot(before), [one.id for one in before], later([], 0.1), over=False)
    assert told.sentence == "3 freed, none retaken yet"
