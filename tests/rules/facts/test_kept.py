"""What is kept from sample to sample is what would be worked out anew."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from pgheadroom.model.session import State
from pgheadroom.rules.facts import locks
from pgheadroom.rules.facts.kept import of_equals, of_the_same
from samples import NOW, session, snapshot, waiter

EDGES = st.dictionaries(st.integers(1, 12), st.lists(st.integers(1, 12), max_size=3).map(tuple), max_size=10)


@given(EDGES, st.floats(0, 100))
def test_the_tree_of_those_who_did_not_move_is_that_of_a_first_look(
    edges: dict[int, tuple[int, ...]], seconds: float
) -> None:
    waiting = [waiter(pid)._replace(blocked_by=named) for pid, named in edges.items()]
    sample = snapshot([*waiting, session(20, State.IDLE_IN_TRANSACTION)])
    later = replace(sample, taken_at=NOW + timedelta(seconds=seconds))
    locks.lock_places(sample)
    again = locks.lock_places(later)
    blockers = locks._blockers(later)
    places = locks._places.__wrapped__(blockers) if blockers else ()  # type: ignore[attr-defined]
    assert again == places


def test_it_is_worked_out_once_for_the_same_values_and_again_for_others() -> None:
    asked: list[object] = []

    @of_the_same
    def same(values: list[int]) -> int:
        asked.append(values)
        return len(values)

    @of_equals
    def equal(values: list[int]) -> int:
        asked.append(values)
        return len(values)

    one, other = [1], [1]
    assert (same(one), same(one), same(other), same(one)) == (1, 1, 1, 1)
    assert (equal(one), equal(other), equal([1, 2])) == (1, 1, 2)
    assert asked == [[1], [1], [1], [1, 2]]
