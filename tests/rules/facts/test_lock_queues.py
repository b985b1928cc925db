"""Direct blockers from holders and queues."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest

from pgheadroom.model.lock_modes import CONFLICTS, conflicting
from pgheadroom.rules.facts.lock_queues import HOLDERS_REPEATED, Holder, Queue, Waiter, direct_blockers
from samples import NOW

SHARED, ROW, SHARE, EXCLUSIVE, ALL = (
    "AccessShareLock", "RowExclusiveLock", "ShareLock", "ExclusiveLock", "AccessExclusiveLock",
)  # fmt: skip


def waiters(*wanted: tuple[int, str]) -> list[Waiter]:
    """Pids and modes, in the order of the queue."""
    return [Waiter(pid, mode, NOW + timedelta(seconds=place)) for place, (pid, mode) in enumerate(wanted)]


def blockers(
    holders: Sequence[tuple[int, str]], queue: Sequence[tuple[int, str]], leaders: Mapping[int, int] | None = None
) -> dict[int, tuple[int, ...]]:
    return direct_blockers([Queue([Holder(*one) for one in holders], waiters(*queue))], leaders or {})


def test_conflicts_are_symmetric_and_the_strongest_excludes_all() -> None:
    assert all(one in CONFLICTS[other] for one, others in CONFLICTS.items() for other in others)
    assert conflicting(ALL) == CONFLICTS.keys()
    assert conflicting("SomeNewLock") == frozenset()


def test_holders_of_a_conflicting_mode_come_first_then_the_nearest_ahead() -> None:
    found = blockers([(1, ROW), (2, SHARED)], [(3, ALL), (4, ALL), (5, ROW), (6, SHARE)])
    assert found == {3: (1, 2), 4: (1, 2, 3), 5: (4,), 6: (1, 5)}


def test_who_stands_between_and_wants_a_stronger_mode_is_a_blocker_too() -> None:
    assert blockers([(1, ROW)], [(2, ALL), (3, SHARE)]) == {2: (1,), 3: (1, 2)}


def test_readers_wait_for_the_alteration_and_not_for_each_other() -> None:
    assert blockers([(1, SHARED)], [(2, ALL), (3, SHARED), (4, SHARED)]) == {2: (1,), 3: (2,), 4: (2,)}


def test_who_holds_the_lock_stands_before_those_who_wait_for_him() -> None:
    """2 holds what 3 waits for: had it to wait behind 3, they would wait for each other."""
    assert blockers([(1, SHARE), (2, SHARED)], [(3, ALL), (2, ROW)]) == {3: (1, 2), 2: (1,)}


def test_the_order_is_that_of_the_moments_and_who_has_none_is_last() -> None:
    late, early = waiters((8, ALL), (9, ALL))[::-1]
    found = direct_blockers([Queue([Holder(1, ALL)], [Waiter(7, ALL, None), late, early])], {})
    assert found == {8: (1,), 9: (1, 8), 7: (1, 9)}


def test_members_of_a_parallel_group_are_their_leader_and_not_in_each_others_way() -> None:
    leaders = {31: 3, 32: 3}
    found = blockers([(1, SHARE), (3, ROW)], [(31, EXCLUSIVE), (32, EXCLUSIVE), (4, ALL)], leaders)
    assert found == {3: (1,), 4: (1, 3)}


def test_what_a_process_waits_for_elsewhere_is_added() -> None:
    queues = [Queue([Holder(1, ALL)], waiters((31, ALL))), Queue([Holder(2, ALL)], waiters((32, ALL)))]
    assert direct_blockers(queues, {31: 3, 32: 3}) == {3: (1, 2)}


def test_where_many_hold_a_lock_only_the_first_waiter_of_a_mode_names_them() -> None:
    many = [(pid, SHARED) for pid in range(1, HOLDERS_REPEATED + 2)]
    assert blockers(many, [(50, ALL), (51, ALL)]) == {50: tuple(range(1, HOLDERS_REPEATED + 2)), 51: (50,)}
    # One of the holders wants more: it stands first, and the others are behind it.
    assert blockers(many, [(50, ALL), (1, ALL)]) == {1: tuple(range(2, HOLDERS_REPEATED + 2)), 50: (1,)}


@pytest.mark.parametrize("mode", [SHARED, ALL])
def test_edges_are_as_many_as_waiters_and_holders(mode: str) -> None:
    holders = [(pid, SHARE if mode == ALL else ALL) for pid in range(1, 1001)]
    found = blockers(holders, [(pid, mode) for pid in range(2000, 3000)])
    distinct = {id(named): len(named) for named in found.values()}
    assert sum(distinct.values()) <= 3000
