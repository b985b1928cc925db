from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from pasts import at, past
from pgheadroom.analysis import analyse
from pgheadroom.history.past import Past
from pgheadroom.model.decision import Step
from pgheadroom.model.finding import Severity
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.session import State
from pgheadroom.model.snapshot import Door, Role, SlotKind, Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.verdict.decision import path_of, walk
from pgheadroom.words.text import safe
from samples import NOW, ago, many, pool, roles, session, snapshot, waiter
from strategies import snapshots
from sure import sure

PLAIN = Thresholds()


def walked(sample: Snapshot, history: Past | None = None) -> tuple[Step, ...]:
    return walk(Case(sample, Thresholds(), history), analyse(sample, PLAIN, history).findings)


def path(sample: Snapshot, history: Past | None = None) -> list[str]:
    return [step.key for step in path_of(walked(sample, history))]


def step(sample: Snapshot, key: str, history: Past | None = None) -> Step:
    return next(one for one in walked(sample, history) if one.key == key)


def test_a_calm_server_is_asked_everything_and_needs_nothing() -> None:
    assert path(snapshot(many(10))) == [
        *("door", "locks", "room", "limit", "pool", "storm", "idle", "idle-in-transaction", "active", "leak", "other"),
        "calm",
    ]


IN_TX: dict[str, Any] = {"state": State.IDLE_IN_TRANSACTION}


@pytest.mark.parametrize(
    ("sample", "way"),
    [
        (snapshot(many(95)), ["room", "storm", "idle", "leak", "end-idle", "resolved"]),
        (
            snapshot([*many(20), *many(75, 2000, **IN_TX)]),
            ["room", "storm", "idle", "idle-in-transaction", "end-transactions", "resolved"],
        ),
        (
            snapshot(many(90, state=State.ACTIVE)),
            ["room", "storm", "idle", "idle-in-transaction", "active", "cancel-queries", "resolved"],
        ),
        (snapshot([session(1, **IN_TX), *(waiter(n, 1) for n in range(2, 90))]), ["end-root", "resolved"]),
        (snapshot(many(20), roles=roles(Role("web", False, 20))), ["room", "limit", "free-limit", "resolved"]),
        (
            snapshot(many(9), pgbouncers=(PgBouncer("b", pools=(pool(cl_waiting=9, maxwait=9.0),)),)),
            ["room", "limit", "pool", "free-pool", "resolved"],
        ),
        (
            snapshot(many(9), pgbouncers=(PgBouncer("b", trouble="connection refused"),)),
            ["leak", "other", "see-other", "resolved"],
        ),
    ],
    ids=["idle", "in transaction", "active", "locks", "limit", "pool", "something else"],
)
def test_each_trouble_has_its_way(sample: Snapshot, way: Sequence[str]) -> None:
    found = path(sample)
    assert found[:2] == ["door", "locks"]
    assert found[-len(way) :] == way


def test_a_few_waiters_are_not_why_the_slots_run_out() -> None:
    sample = snapshot([*many(88), session(1, **IN_TX), *(waiter(n, 1) for n in range(2, 8))])
    assert path(sample)[-3:] == ["leak", "end-idle", "resolved"]
    assert step(sample, "locks").answer == "no: 6 of 95 sessions wait: that is not why the slots run out"


def test_answers_tell_the_numbers_also_where_the_path_does_not_go() -> None:
    sample = snapshot([*many(85), *many(4, 3000, **IN_TX, since=90)])
    told = {one.key: one for one in walked(sample)}
    assert told["room"].answer == "yes: 89 of 97 taken, 8 free"
    assert told["idle"].answer == "yes: 85 of 89 idle"
    assert told["idle-in-transaction"].answer == "no: 4 of 89 in an open transaction, oldest 1m30s"
    assert not told["idle-in-transaction"].taken
    assert sure(told["end-idle"].proposal).filter == "user=web app=checkout state:idle age>2s"
    assert told["end-idle"].finding == "server-slots"
    assert told["lasting"].sql == "ALTER ROLE web SET idle_session_timeout = '10min';"


def test_which_door_opened() -> None:
    assert step(snapshot(), "door").answer == (
        "yes, as monitor in a superuser slot; 97 left for ordinary roles, 100 for superusers"
    )
    door = Door("peek", "shop", SlotKind.ORDINARY, 1, sees_all=True, may_signal=False)
    taken = [branch.label for branch in step(snapshot(door=door), "door").branches if branch.taken]
    assert taken == ["ordinary"]


def test_what_was_full_and_is_not_any_more_is_resolved() -> None:
    samples = [at(second, many(95)) for second in range(10)] + [at(10 + second, many(9)) for second in range(10)]
    history = past(samples)
    assert path(samples[-1], history)[-3:] == ["other", "resolved", "lasting"]
    assert step(samples[-1], "other", history).answer == "not any more: it was at 95 of 97"
    later = [*samples, *(at(700 + second, many(9)) for second in range(5))]
    assert path(later[-1], past(later))[-1] == "calm"


def test_what_lasts_in_spite_of_its_remedy_is_for_a_review() -> None:
    sample = snapshot(many(95))
    found = [replace(one, since=ago(700)) for one in analyse(sample, PLAIN).findings]
    steps = walk(Case(sample, Thresholds(), None), found)
    assert path_of(steps)[-1].key == "review"
    fresh = [replace(one, since=ago(60)) for one in analyse(sample, PLAIN).findings]
    resolved = next(one for one in walk(Case(sample, Thresholds(), None), fresh) if one.key == "resolved")
    assert resolved.answer == "not yet, since 1m00s. It is when used slots fall under 77 of 97 and stay there"


@given(snapshots())
def test_every_snapshot_has_one_path_that_can_be_drawn(sample: Snapshot) -> None:
    steps = walked(sample)
    by_key = {one.key: one for one in steps}
    assert len(by_key) == len(steps)
    taken = path_of(steps)
    assert [one.key for one in taken] == [one.key for one in sorted(taken, key=steps.index)]
    assert {one.key for one in taken} == {one.key for one in steps if one.taken}
    assert taken[0].key == "door"
    assert all(branch.to in by_key for one in steps for branch in one.branches if branch.to)
    assert all(sum(branch.taken for branch in one.branches) <= one.taken for one in steps)
    pressing = [one for one in analyse(sample, PLAIN).findings if one.severity is not Severity.NOTICE]
    assert ("calm" in {one.key for one in taken}) == (not pressing)
    for one in steps:
        assert all(safe(text) == text for text in (one.text, one.answer))
        assert one.answer or one.kind == "action"
    assert sample.taken_at == NOW
