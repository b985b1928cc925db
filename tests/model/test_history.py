import sys
from datetime import timedelta
from math import floor

from hypothesis import given
from hypothesis import strategies as st

from pgheadroom.model.history import COLUMNS, History
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.session import State
from pgheadroom.rules.capacity import capacity
from samples import NOW, hidden, many, pool, session, snapshot, waiter


def at(seconds, sessions=(), **given):
    return snapshot(sessions, taken_at=NOW + timedelta(seconds=seconds), **given)


def history(*samples, room=100):
    kept = History(room)
    for sample in samples:
        kept.append(sample, capacity(sample))
    return kept


def test_an_empty_history_has_nothing_to_plot():
    kept = History()
    assert (len(kept), kept.last, kept.latest("used")) == (0, None, None)
    assert kept.column("used", 60, 3) == [None] * 3


def test_a_point_holds_what_plots_need():
    bouncer = PgBouncer("b", pools=(pool(cl_waiting=4), pool(cl_waiting=3)))
    sample = at(0, [session(1), waiter(2, 1), session(3, State.ABORTED)], pgbouncers=(bouncer,), authenticating=2)
    kept = history(sample)
    told = {name: kept.latest(name) for name in COLUMNS}
    assert told == {
        "used": 5,
        "usable": 97,
        "active": 1,
        "idle": 1,
        "idle_in_transaction": 0,
        "aborted": 1,
        "fastpath": 0,
        "disabled": 0,
        "starting": 2,
        "hidden": 0,
        "waiting_for_locks": 1,
        "pool_waiting": 7,
        "new_sessions": None,
        "ended_sessions": None,
        "round_trip": 0.002,
    }


def test_new_sessions_are_counted_by_their_whole_id():
    first = many(3)
    reused = first[0]._replace(backend_start=NOW)
    kept = history(at(0, first), at(1, [reused, *first[1:], session(9)]))
    assert kept.latest("new_sessions") == 2


def test_what_is_not_visible_is_not_known():
    kept = history(at(0, [hidden(1)], exact=False), at(1, [hidden(2)], exact=False))
    assert kept.latest("new_sessions") is None
    assert kept.latest("pool_waiting") is None


def test_buckets_hold_the_peak_and_sums_add_up():
    kept = history(at(0, many(5)), at(1, many(9)), at(2, many(7)), at(3, many(8)))
    assert kept.column("used", 4, 2) == [9, 8]
    assert kept.column("new_sessions", 4, 2) == [4, 1]


def test_a_slower_rhythm_than_the_buckets_is_no_gap_but_missing_samples_are():
    kept = history(*(at(second, many(3)) for second in (0, 10, 20, 30, 90, 100)))
    column = kept.column("used", 100, 50)  # from second 2 to 102
    gap = [index for index, value in enumerate(column) if value is None]
    assert gap == list(range(15, 44))


def test_before_the_first_sample_nothing_is_known():
    assert history(at(0, many(3)), at(1, many(4))).column("used", 10, 10) == [*[None] * 8, 3, 4]


def test_the_oldest_points_give_way():
    kept = history(*(at(second, many(second)) for second in range(30)), room=10)
    assert len(kept) == 10
    assert [value for _, value in kept.points("used")] == list(range(20, 30))
    assert [moment for moment, _ in kept.points("used", 2)] == [
        NOW + timedelta(seconds=28),
        NOW + timedelta(seconds=29),
    ]


def test_a_clock_that_goes_back_starts_anew_and_a_sample_is_added_once():
    kept = history(at(10, many(1)), at(11, many(2)), at(11, many(2)))
    assert len(kept) == 2
    kept.append(at(5, many(3)), capacity(at(5, many(3))))
    assert [value for _, value in kept.points("used")] == [3]
    assert kept.latest("new_sessions") is None


def test_memory_stays_flat():
    kept = History(500)
    columns = kept._columns["used"], kept._times
    before = [sys.getsizeof(column) for column in columns]
    for second in range(2000):
        sample = at(second, many(2))
        kept.append(sample, capacity(sample))
    assert [sys.getsizeof(column) for column in columns] == before
    assert len(kept) == 500


@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(0, 20)), min_size=1, max_size=40),
    st.floats(0.5, 300),
    st.integers(1, 60),
)
def test_a_column_says_nothing_that_was_not_sampled(steps, seconds, buckets):
    second, samples = 0, []
    for step, count in steps:
        second += step
        samples.append(at(second, many(count)))
    kept = history(*samples)
    column = kept.column("used", seconds, buckets)
    size = seconds / buckets
    origin = floor(samples[-1].taken_at.timestamp() / size) - buckets + 1
    bucket_of = [floor(sample.taken_at.timestamp() / size) - origin for sample in samples]
    counts = [len(sample.sessions) for sample in samples]
    within = [count for bucket, count in zip(bucket_of, counts, strict=True) if bucket >= 0]
    earlier = [count for bucket, count in zip(bucket_of, counts, strict=True) if bucket < 0][-1:]
    assert len(column) == buckets
    assert {value for value in column if value is not None} <= {*within, *earlier}
    for bucket in {bucket for bucket in bucket_of if bucket >= 0}:
        assert column[bucket] == max(count for place, count in zip(bucket_of, counts, strict=True) if place == bucket)
    sums = kept.column("new_sessions", seconds, buckets)
    new = [value for _, value in kept.points("new_sessions")]
    assert sum(filter(None, sums)) == sum(value or 0 for place, value in zip(bucket_of, new, strict=True) if place >= 0)


def test_a_plot_moves_by_whole_steps_only():
    samples = [at(second / 4, many(second % 7)) for second in range(80)]
    columns = [history(*samples[:count]).column("used", 10, 10) for count in (77, 78, 79, 80)]
    assert {tuple(column[:-1]) for column in columns} == {tuple(columns[0][:-1])}
