from collections.abc import Mapping, Sequence
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from pgheadroom.history.tally import Counts, Tally

Name = TypeVar("Name", int, str)


def tally(*samples: Mapping[Name, int], room: int = 5, most: int = 3) -> Counts[Name]:
    return written(*samples, room=room, most=most).counts()


def written(*samples: Mapping[Name, int], room: int = 5, most: int = 3) -> Tally[Name]:
    kept: Tally[Name] = Tally(("total", "idle"), room, most)
    for sample in samples:
        kept.append({name: (count, 0) for name, count in sample.items()})
    return kept


def test_counts_stand_where_they_were_put_and_0_where_a_name_was_not_there() -> None:
    kept = tally({"a": 3}, {"a": 4, "b": 1}, {"b": 2})
    assert list(kept.values("a", "total")) == [3, 4, 0]
    assert list(kept.values("b", "total")) == [0, 1, 2]
    assert list(kept.values("nobody", "total")) == [0] * 3


def test_the_largest_now_come_first() -> None:
    assert tally({"a": 3, "b": 5}, {"a": 6, "b": 5}).names == ("a", "b")


def test_a_larger_one_takes_the_place_of_the_smallest_and_starts_anew() -> None:
    kept = tally({"a": 3, "b": 5, "c": 1}, {"a": 3, "b": 5, "c": 1, "d": 2, "e": 1})
    assert kept.names == ("b", "a", "d")
    assert list(kept.values("d", "total")) == [0, 2]


def test_who_left_gives_way_first() -> None:
    kept = tally({"a": 9, "b": 5, "c": 1}, {"b": 5, "c": 1}, {"b": 5, "c": 1, "d": 1})
    assert set(kept.names) == {"b", "c", "d"}


def test_a_count_that_is_too_large_for_its_ring_is_cut() -> None:
    assert tally({"a": 70_000}).values("a", "total")[0] == 65_535


def test_forgotten() -> None:
    kept = written({"a": 3})
    kept.clear()
    assert kept.counts().names == ()
    assert list(kept.counts().values("a", "total")) == []


@given(st.lists(st.dictionaries(st.integers(0, 12), st.integers(1, 9), max_size=10), max_size=20))
def test_never_more_names_than_there_is_room_for_and_the_newest_counts_are_true(
    samples: Sequence[dict[int, int]],
) -> None:
    kept = tally(*samples)
    assert len(kept.names) <= 3
    if samples:
        newest = samples[-1]
        assert {name: kept.values(name, "total")[-1] for name in kept.names} == {
            name: newest.get(name, 0) for name in kept.names
        }
        left_out = [count for name, count in newest.items() if name not in kept.names]
        smallest = min((newest.get(name, 0) for name in kept.names), default=0)
        assert len(kept.names) == 3 or not left_out
        assert max(left_out, default=0) <= max(smallest, 0) or not left_out
