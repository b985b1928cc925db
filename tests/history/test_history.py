import pickle
import statistics
from collections.abc import Sequence
from datetime import timedelta
from math import floor, isnan, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgheadroom.history.history import COLUMNS, HOGS_KEPT, History
from pgheadroom.history.median import median
from pgheadroom.history.past import Past
from pgheadroom.history.ring import Ring
from pgheadroom.history.turnover import HogName
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.session import Session, State
from pgheadroom.model.snapshot import Role, Snapshot
from pgheadroom.rules.facts.capacity import capacity
from samples import NOW, hidden, many, pool, session, snapshot, waiter
from sure import sure


def at(seconds: float, sessions: Sequence[Session] = (), **given: Any) -> Snapshot:
    return snapshot(sessions, taken_at=NOW + timedelta(seconds=seconds), **given)


def written(*samples: Snapshot, room: int = 100) -> History:
    kept = History(room)
    for sample in samples:
        kept.append(sample, capacity(sample))
    return kept


def history(*samples: Snapshot, room: int = 100) -> Past:
    return written(*samples, room=room).past()


def values(kept: Past, name: str, seconds: None = None) -> list[float | None]:
    return [None if isnan(value) else value for value in kept.series(name, seconds)[1]]


def test_an_empty_history_has_nothing_to_plot() -> None:
    kept = History().past()
    assert (len(kept), kept.last, values(kept, "used")) == (0, None, [])
    assert kept.column("used", 60, 3) == [None] * 3


def test_a_point_holds_what_plots_need() -> None:
    bouncer = PgBouncer("b", pools=(pool(cl_waiting=4), pool(cl_waiting=3)))
    sample = at(0, [session(1), waiter(2, 1), session(3, State.ABORTED)], pgbouncers=(bouncer,), authenticating=2)
    kept = history(sample)
    told = {name: values(kept, name)[-1] for name in COLUMNS}
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
        "begun_a_second": None,
        "abandoned_a_second": None,
        "fatal_a_second": None,
        "killed_a_second": None,
        "refused": None,
        "round_trip": 0.002,
    }


def test_new_sessions_are_counted_by_their_whole_id() -> None:
    first = many(3)
    reused = first[0]._replace(backend_start=NOW)
    kept = history(at(0, first), at(1, [reused, *first[1:], session(9)]))
    assert values(kept, "new_sessions")[-1] == 2


def test_what_is_not_visible_is_not_known() -> None:
    kept = history(at(0, [hidden(1)], exact=False), at(1, [hidden(2)], exact=False))
    assert values(kept, "new_sessions")[-1] is None
    assert values(kept, "pool_waiting")[-1] is None


def test_buckets_hold_the_peak_and_sums_add_up() -> None:
    kept = history(at(0, many(5)), at(1, many(9)), at(2, many(7)), at(3, many(8)))
    assert kept.column("used", 4, 2) == [9, 8]
    assert kept.column("new_sessions", 4, 2) == [4, 1]


def test_a_rate_does_not_leap_with_the_samples_in_a_bucket() -> None:
    crowd = many(400)
    kept = history(*(at(0.97 * number, crowd[: 10 + 5 * number]) for number in range(60)))
    rates = [value for value in kept.column("new_sessions", 50, 45, per_second=True) if value is not None]
    assert {round(value, 3) for value in rates} == {round(5 / 0.97, 3)}
    sums = [value for value in kept.column("new_sessions", 50, 45) if value is not None]
    assert len(set(sums)) > 1


def test_a_slower_rhythm_than_the_buckets_is_no_gap_but_missing_samples_are() -> None:
    kept = history(*(at(second, many(3)) for second in (0, 10, 20, 30, 90, 100)))
    column = kept.column("used", 100, 50)  # from second 2 to 102
    gap = [index for index, value in enumerate(column) if value is None]
    assert gap == list(range(15, 44))


def test_before_the_first_sample_nothing_is_known() -> None:
    assert history(at(0, many(3)), at(1, many(4))).column("used", 10, 10) == [*[None] * 8, 3, 4]


def test_the_oldest_points_give_way() -> None:
    kept = history(*(at(second, many(second)) for second in range(30)), room=10)
    assert len(kept) == 10
    assert values(kept, "used") == list(range(20, 30))
    assert kept.series("used", 2)[0] == [(NOW + timedelta(seconds=second)).timestamp() for second in (28, 29)]


def test_a_clock_that_goes_back_starts_anew_and_a_sample_is_added_once() -> None:
    writer = written(at(10, many(1)), at(11, many(2)), at(11, many(2)))
    assert len(writer.past()) == 2
    writer.append(at(5, many(3)), capacity(at(5, many(3))))
    kept = writer.past()
    assert values(kept, "used") == [3]
    assert values(kept, "new_sessions")[-1] is None


def test_memory_stays_flat() -> None:
    kept = History(500)
    sizes = []
    for second in range(4000):
        sample = at(second, many(2))
        kept.append(sample, capacity(sample))
        if second % 1000 == 999:
            sizes.append(len(pickle.dumps((kept._points, kept._hogs, kept._limits))))
    assert max(sizes) < 1.1 * min(sizes)
    assert len(kept.past()) == 500


def test_what_was_read_stays_as_it_was_whatever_comes() -> None:
    mine = [session(pid, user="batch", application="import") for pid in (1, 2)]
    writer = written(*(at(second, [*many(second % 7), *mine]) for second in range(130)), room=40)
    kept = writer.past()
    hog = kept.hogs[0]

    def read() -> tuple[Any, ...]:
        return (
            kept.series("used"),
            kept.hogs,
            kept.hog_series(hog, "total"),
            kept.column("used", 600, 30),
            kept.column("new_sessions", 30, 30, per_second=True),
            kept.turnover(10),
            kept.ended(20),
            kept.reach,
            kept.last,
        )

    before = read()
    for second in range(130, 700):
        crowd = [
            session(1000 + second, user="new", application=f"job-{second}-{n}".translate(LETTERS)) for n in range(60)
        ]
        writer.append(at(second, crowd), capacity(at(second, crowd)))
    assert repr(read()) == repr(before)
    untouched = written(*(at(second, [*many(second % 7), *mine]) for second in range(130)), room=40).past()
    assert repr(untouched.series("used")) == repr(kept.series("used"))
    writer.append(at(-5, many(2)), capacity(at(-5, many(2))))
    assert repr(read()) == repr(before)


def test_what_was_before_the_newest_points_is_kept_by_the_minute() -> None:
    writer = written(*(at(second, many(second // 60)) for second in range(0, 1200, 5)), room=20)
    kept = writer.past()
    assert len(kept) == 20
    assert 1140 <= kept.reach <= 1260
    peaks = [value for value in kept.column("used", 1200, 10) if value is not None]
    assert peaks[0] <= 2
    assert peaks[-1] == 19
    assert peaks == sorted(peaks)
    assert sum(filter(None, kept.column("new_sessions", 1200, 10))) == 19
    # The newest are shown as they were, not by the minute.
    assert kept.column("used", 60, 12)[-1] == 19
    writer.append(at(-5, many(2)), capacity(at(-5, many(2))))
    assert writer.past().reach == 0


def test_a_minute_with_an_unknown_part_is_its_known_part() -> None:
    ring = Ring(("used", "new"), 10, summed=("new",))
    for second, (used, new) in enumerate([(nan, nan), (3, 1), (nan, 2), (2, nan)]):
        ring.merge(60.0 + second, {"used": used, "new": new}, 60.0)
    assert (list(ring.points().values("used")), list(ring.points().values("new"))) == ([3], [3])


@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(0, 20)), min_size=1, max_size=40),
    st.floats(0.5, 300),
    st.integers(1, 60),
)
def test_a_column_says_nothing_that_was_not_sampled(
    steps: Sequence[tuple[int, int]], seconds: float, buckets: int
) -> None:
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
    new = values(kept, "new_sessions")
    assert sum(filter(None, sums)) == sum(value or 0 for place, value in zip(bucket_of, new, strict=True) if place >= 0)


def test_a_plot_moves_by_whole_steps_only() -> None:
    samples = [at(second / 4, many(second % 7)) for second in range(80)]
    columns = [history(*samples[:count]).column("used", 10, 10) for count in (77, 78, 79, 80)]
    assert {tuple(column[:-1]) for column in columns} == {tuple(columns[0][:-1])}


LETTERS = str.maketrans("0123456789", "ghijklmnop")
"""For names that are not one application's: numbers would make them that."""
WEB, BATCH = HogName("web", "checkout"), HogName("batch", "import")


def test_each_hog_has_a_history_of_its_own() -> None:
    mine = [session(pid, user="batch", application="import") for pid in (1, 2)]
    kept = history(at(0, many(3)), at(1, [*many(5), *mine]), at(2, [*many(2), *mine]))
    assert set(kept.hogs) == {WEB, BATCH}
    assert kept.hog_series(WEB, "total")[1] == [3, 5, 2]
    assert kept.hog_series(BATCH, "total")[1] == [0, 2, 2]
    assert kept.hog_series(BATCH, "new")[1] == [0, 2, 0]
    assert kept.hog_column(WEB, "total", 3, 3) == [3, 5, 2]
    assert kept.hog_series(HogName("nobody", ""), "total")[1] == [0, 0, 0]


def test_what_a_limit_counted_is_kept() -> None:
    web = {"roles": {"web": Role("web", False, 10)}}
    kept = history(at(0, many(3), **web), at(1, many(7), **web))
    (limit,) = capacity(at(1, many(7), **web)).limits
    assert kept.limit_series(limit)[1] == [3, 7]


def test_who_comes_and_who_goes_and_how_long_they_lived() -> None:
    short = [session(pid, backend_start=NOW + timedelta(seconds=pid - 50)) for pid in (51, 52, 53)]
    kept = history(at(0), at(2, short[:2]), at(3, short[1:]), at(5, many(1)))
    assert sorted(one.life for one in kept.ended(10)) == [2, 2, 3]
    assert {one.name for one in kept.ended(10)} == {WEB}
    turnover = sure(kept.turnover(10))
    assert (turnover.seconds, turnover.new, turnover.ended, turnover.median_life) == (5, 4, 3, 2)
    assert turnover.per_second == 0.8
    newest = sure(kept.turnover(1.5, WEB))
    assert (newest.seconds, newest.new, newest.ended) == (2, 1, 2)


def test_one_sample_says_nothing_about_comings_and_goings() -> None:
    assert history(at(0, many(3))).turnover(10) is None
    assert History().past().turnover(10) is None
    assert History().past().ended(10) == []


def test_hogs_are_many_but_their_memory_is_not() -> None:
    kept = History(100)
    for second in range(300):
        crowd = [session(1000 + n, application=f"job-{second}-{n}".translate(LETTERS)) for n in range(80)]
        sample = at(second, crowd)
        kept.append(sample, capacity(sample))
    assert len(kept.past().hogs) == HOGS_KEPT


def test_a_clock_that_goes_back_forgets_the_hogs_too() -> None:
    writer = written(at(10, many(3)), at(11, many(4)))
    writer.append(at(5, many(2)), capacity(at(5, many(2))))
    kept = writer.past()
    assert kept.hog_series(WEB, "total")[1] == [2]
    assert kept.turnover(10) is None


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=9))
def test_the_median_is_that_of_the_standard_library(values: list[float]) -> None:
    assert median(values) == statistics.median(values)
    with pytest.raises(ValueError, match="nothing"):
        median([])
