from collections.abc import Callable, Mapping
from dataclasses import replace
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgheadroom.model.locks import LockNode
from pgheadroom.model.session import State
from pgheadroom.model.snapshot import LockRequest, Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules.facts.case import Case
from samples import ago, pids, session, snapshot, waiter
from strategies import snapshots


def tree(sample: Snapshot) -> tuple[LockNode, ...]:
    return Case(sample, Thresholds()).locks


def shape(sample: Snapshot) -> list[tuple[int, int, int, int]]:
    return [(node.pid, node.depth, node.waiting_behind, node.root_pid) for node in tree(sample)]


def test_no_waiters_no_tree() -> None:
    assert tree(snapshot([session(1), session(2, State.ACTIVE)])) == ()


def test_waiters_stand_under_the_holder_that_waits_for_nobody() -> None:
    sample = snapshot([session(1, State.IDLE_IN_TRANSACTION), waiter(2, 1), waiter(3, 2), waiter(4, 1)])
    assert shape(sample) == [(1, 0, 3, 1), (2, 1, 1, 1), (3, 2, 0, 1), (4, 1, 0, 1)]


def test_the_root_with_most_behind_comes_first() -> None:
    sample = snapshot([session(1), session(5), waiter(2, 1), waiter(6, 5), waiter(7, 5)])
    assert [node.pid for node in tree(sample) if node.depth == 0] == [5, 1]


def test_who_waits_for_several_is_placed_once_and_counted_behind_each() -> None:
    sample = snapshot([session(1), session(5), waiter(2, 1, 5), waiter(6, 5)])
    assert shape(sample) == [(5, 0, 2, 5), (2, 1, 0, 5), (6, 1, 0, 5), (1, 0, 1, 1)]


def test_workers_count_as_their_leader_and_zero_is_a_prepared_transaction() -> None:
    worker = waiter(30, 3, 0, backend_type="parallel worker", leader_pid=3)
    nodes = tree(snapshot([session(3, State.ACTIVE)], processes=(worker,)))
    assert [(node.pid, node.kind, node.blocked_by) for node in nodes] == [(0, "prepared", ()), (3, "session", (0,))]


def test_a_blocker_without_a_row_is_unknown_and_a_process_is_named() -> None:
    vacuum = session(9, backend_type="autovacuum worker")
    nodes = tree(snapshot([waiter(2, 777), waiter(3, 9)], processes=(vacuum,)))
    assert {node.pid: node.kind for node in nodes} == {777: "unknown", 9: "process", 2: "session", 3: "session"}


def test_a_deadlock_not_yet_detected_is_marked() -> None:
    sample = snapshot([waiter(1, 2), waiter(2, 1), waiter(3, 2)])
    nodes = tree(sample)
    assert sorted(pids(nodes)) == [1, 2, 3]
    assert {node.pid: node.in_cycle for node in nodes} == {1: True, 2: True, 3: False}
    assert {node.pid: node.waiting_behind for node in nodes} == {1: 2, 2: 2, 3: 0}


def test_a_cycle_hangs_under_the_root_that_holds_it_up() -> None:
    nodes = tree(snapshot([session(9), waiter(1, 2, 9), waiter(2, 1), waiter(3, 1, 2)]))
    assert pids(nodes)[0] == 9
    assert {node.root_pid for node in nodes} == {9}
    assert {node.waits for node in nodes if node.pid != 9} == {True}


def test_a_cycle_inside_a_cycle_hangs_under_the_root_too() -> None:
    nodes = tree(snapshot([session(9), waiter(5, 9, 1), waiter(1, 2), waiter(2, 1, 5)]))
    assert [(node.pid, node.depth) for node in nodes] == [(9, 0), (5, 1), (2, 2), (1, 3)]


def test_waits_are_measured_by_waitstart_and_before_14_by_the_query() -> None:
    request = LockRequest(2, "relation", "AccessShareLock", "table t", ago(7))
    blind = replace(request, since=None)
    holder, waits = session(1, since=99), waiter(2, 1, since=50)

    def waited(sample: Snapshot) -> dict[int, float | None]:
        return {node.pid: node.waited_seconds for node in tree(sample)}

    assert waited(snapshot([holder, waits], lock_requests=(request,))) == {1: None, 2: 7}
    assert waited(snapshot([holder, waits], lock_requests=(blind,))) == {1: None, 2: 0}
    assert waited(snapshot([holder, waits], 130_023, lock_requests=(blind,))) == {1: None, 2: 50}


def test_a_wait_whose_holder_just_let_go_stands_alone() -> None:
    (node,) = tree(snapshot([waiter(2)]))
    assert (node.depth, node.waits, node.is_root) == (0, True, False)


graphs = st.dictionaries(st.integers(1, 14), st.lists(st.integers(0, 16), max_size=6, unique=True), max_size=14)


def reachable(edges: Mapping[int, list[int]], start: int) -> set[int]:
    """Who waits for `start`, by walking: slow, and as the definition says."""
    found, todo = set(), [start]
    while todo:
        blocker = todo.pop()
        for one, named in edges.items():
            if blocker in named and one not in found:
                found.add(one)
                todo.append(one)
    return found


@given(graphs)
def test_any_graph_is_a_forest_with_right_counts(graph: Mapping[int, list[int]]) -> None:
    edges = {pid: [blocker for blocker in named if blocker != pid] for pid, named in graph.items()}
    nodes = tree(snapshot([waiter(pid, *named) for pid, named in graph.items()]))
    everybody = set(edges) | {blocker for named in edges.values() for blocker in named}
    assert sorted(pids(nodes)) == sorted(everybody)
    for place, node in enumerate(nodes):
        behind = reachable(edges, node.pid)
        assert node.waiting_behind == len(behind - {node.pid})
        assert node.in_cycle == (node.pid in behind)
        assert set(node.blocked_by) == set(edges.get(node.pid, ()))
        if node.depth:
            parent = next(one for one in reversed(nodes[:place]) if one.depth == node.depth - 1)
            assert parent.pid in node.blocked_by
            assert parent.root_pid == node.root_pid
            outside = [counts for counts in nodes if counts.pid in node.blocked_by and not node.in_cycle]
            assert not outside or parent.waiting_behind == max(one.waiting_behind for one in outside)
        else:
            assert node.root_pid == node.pid
            above = [pid for pid in everybody if node.pid in reachable(edges, pid)]
            assert all(pid in behind for pid in above)  # nobody, or only those in a cycle with it
    roots = [node.waiting_behind for node in nodes if node.depth == 0]
    assert roots == sorted(roots, reverse=True)


@given(snapshots())
def test_every_waiter_of_any_snapshot_is_there_once(sample: Snapshot) -> None:
    nodes = tree(sample)
    assert len(set(pids(nodes))) == len(nodes)
    waiting = {one.leader_pid or one.pid for one in (*sample.sessions, *sample.processes) if one.waits_for_lock}
    assert waiting <= set(pids(nodes))
    assert all(node.waited_seconds is None or node.waited_seconds >= 0 for node in nodes)


@pytest.mark.parametrize(
    "blockers",
    [
        pytest.param(lambda pid: range(1, pid), id="each behind all before it"),
        pytest.param(lambda pid: [1], id="readers behind one holder"),
        pytest.param(lambda pid: [pid - 1], id="a chain"),
    ],
)
def test_three_hundred_waiters_take_milliseconds(blockers: Callable[..., Any]) -> None:
    sample = snapshot([session(1), *(waiter(pid, *blockers(pid)) for pid in range(2, 302))])
    durations = []
    for _ in range(3):
        began = perf_counter()
        nodes = tree(sample)
        durations.append(perf_counter() - began)
    assert nodes[0].waiting_behind == 300
    assert min(durations) < 0.15  # about 8 ms on an idle machine; quadratic walks take seconds
