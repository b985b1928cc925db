from collections.abc import Callable
from time import perf_counter
from typing import Any

from hypothesis import given

from pgheadroom.model.grouping import GroupBy
from pgheadroom.model.session import State
from pgheadroom.model.snapshot import Database, Role, Snapshot
from pgheadroom.rules.facts.hogs import hogs
from pgheadroom.rules.facts.states import states
from samples import NOW, ago, databases, hidden, many, roles, session, snapshot
from strategies import snapshots


def test_every_state_has_a_line_hidden_only_when_there_are_any() -> None:
    shown = [line.state for line in states(snapshot([session()]))]
    assert shown == [
        State.ACTIVE,
        State.ACTIVE,  # those that wait
        State.IDLE,
        State.IDLE_IN_TRANSACTION,
        State.ABORTED,
        State.FASTPATH,
        State.DISABLED,
        State.STARTING,
    ]
    assert [line.state for line in states(snapshot([hidden(1)]))] == [*shown, State.HIDDEN]


def test_the_oldest_counts_from_what_the_state_means() -> None:
    sample = snapshot(
        [
            session(1, State.ACTIVE, query_start=ago(30), state_change=ago(1)),
            session(2, State.IDLE, query_start=ago(500), state_change=ago(20)),
            session(3, State.STARTING, backend_start=ago(4), state_change=None),
            session(4, State.DISABLED, state_change=None),
        ],
        authenticating=4,
    )
    told = {line.state: line for line in states(sample) if not line.waits}
    assert told[State.ACTIVE].oldest_seconds == 30
    assert told[State.IDLE].oldest_seconds == 20
    assert (told[State.STARTING].count, told[State.STARTING].oldest_seconds) == (5, 4)
    assert told[State.DISABLED].oldest_seconds is None
    assert told[State.ACTIVE].percent == 12.5


@given(snapshots())
def test_states_add_up_to_what_is_used(sample: Snapshot) -> None:
    lines = states(sample)
    assert sum(line.count for line in lines) == len(sample.sessions) + sample.authenticating
    assert all(line.oldest_seconds is None or line.oldest_seconds >= 0 for line in lines)
    assert sum(line.percent for line in lines) <= 100.0001


def test_hogs_are_sorted_by_size_then_name() -> None:
    sample = snapshot([*many(2, user="b"), *many(2, first_pid=1, user="a"), *many(3, first_pid=50, user="z")])
    assert [(hog.user, hog.total) for hog in hogs(sample, GroupBy.USER)] == [("z", 3), ("a", 2), ("b", 2)]


def test_a_hog_by_one_field_says_nothing_of_the_others() -> None:
    (hog,) = hogs(snapshot([session(1), session(2, State.ABORTED), session(3, State.ACTIVE)]), GroupBy.CLIENT)
    assert (hog.user, hog.application, hog.client, hog.database) == (None, None, "10.0.0.7", None)
    assert (hog.total, hog.idle, hog.active, hog.idle_in_transaction) == (3, 1, 1, 1)


def test_limits_of_hogs() -> None:
    sample = snapshot(
        [session(1), session(2, user="root")],
        roles=roles(Role("web", False, 40), Role("root", True, 1)),
        databases=databases(Database("shop", 60)),
    )
    assert [hog.limit for hog in hogs(sample, GroupBy.USER)] == [None, 40]
    assert [hog.limit for hog in hogs(sample)] == [None, 40]
    assert [hog.limit for hog in hogs(sample, GroupBy.DATABASE)] == [60]
    assert [hog.limit for hog in hogs(sample, GroupBy.APPLICATION)] == [None]


def test_names_that_differ_by_process_are_one_hog_with_its_real_client() -> None:
    workers = [session(n, application=f"sidekiq {n}") for n in range(200)]
    pooled = [session(300 + n, application=f"shop - 10.9.9.{n % 2}:{40_000 + n}", client="10.0.0.1") for n in range(6)]
    found = hogs(snapshot([*workers, *pooled, session(900, application="sidekiq pro")]))
    assert [(hog.application, hog.client, hog.total, hog.folded) for hog in found] == [
        ("sidekiq *", "10.0.0.7", 200, True),
        ("shop", "10.9.9.0", 3, True),
        ("shop", "10.9.9.1", 3, True),
        ("sidekiq pro", "10.0.0.7", 1, False),
    ]


def test_a_key_press_goes_through_all_groupings() -> None:
    seen = [GroupBy.ALL]
    while (following := seen[-1].following) not in seen:
        seen.append(following)
    assert seen == ["all", "user", "application", "client", "database"]


@given(snapshots())
def test_hogs_partition_the_sessions(sample: Snapshot) -> None:
    for by in GroupBy:
        found = hogs(sample, by)
        assert sum(hog.total for hog in found) == len(sample.sessions)
        assert len({(hog.user, hog.application, hog.client, hog.database) for hog in found}) == len(found)
        assert [hog.total for hog in found] == sorted((hog.total for hog in found), reverse=True)
        assert all(hog.idle + hog.active + hog.idle_in_transaction <= hog.total for hog in found)
        known = [one.backend_start for one in sample.sessions if one.backend_start]
        oldest = [hog.oldest_connection_seconds for hog in found if hog.oldest_connection_seconds is not None]
        assert not known or max(oldest) == max(0, (NOW - min(known)).total_seconds())


def test_five_thousand_sessions_are_grouped_while_a_screen_is_drawn() -> None:
    sample = snapshot([session(n, user=f"u{n % 9}", client=f"10.0.0.{n % 40}") for n in range(5000)])
    best = min(_timed(lambda: hogs(sample)) for _ in range(5))
    assert best < 0.05  # about 3 ms on an idle machine; the room is for a busy one


def _timed(call: Callable[..., Any]) -> float:
    began = perf_counter()
    call()
    return perf_counter() - began
