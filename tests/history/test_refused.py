"""Who was turned away lately: rates over ten seconds, and who is remembered for how long."""

from datetime import timedelta

from pgheadroom.history.refused import KEPT, WINDOW, Refused
from pgheadroom.model.turned_away import Reason, Refusals, TurnedAway
from samples import NOW


def refusals(count: int, moment: float = 0.0, reason: Reason = Reason.ROLE, **others: bool | float) -> Refusals:
    at = NOW + timedelta(seconds=moment)
    told: dict[str, float] = {"seconds": 1.0, **others}
    groups = (TurnedAway(reason, "10.0.0.5", "web", "shop", count, at, at),) if count else ()
    return Refusals(groups, told["seconds"], before=bool(told.get("before", False)))


def test_a_rate_is_taken_over_the_last_seconds_and_leaves_the_time_before_the_first_sample_out() -> None:
    writer = Refused()
    writer.take(refusals(600, before=True, seconds=60.0), NOW)
    first = writer.lately()
    assert first is not None
    assert first.per_second == 10.0
    for second in range(1, 21):
        writer.take(refusals(30, second), NOW + timedelta(seconds=second))
    now = writer.lately()
    assert now is not None
    assert now.per_second == 30.0
    assert now.groups[0].times == 600 + 20 * 30
    assert now.groups[0].first == NOW
    assert now.totals == {Reason.ROLE: 600}
    assert first.groups[0].times == 600


def test_who_is_refused_no_more_is_remembered_for_a_while_with_no_rate() -> None:
    writer = Refused()
    writer.take(refusals(3), NOW)
    writer.take(refusals(0), NOW + timedelta(seconds=WINDOW))
    later = writer.lately()
    assert later is not None
    assert [one.per_second for one in later.groups] == [0.0]
    assert later.leading is None
    writer.take(refusals(0), NOW + timedelta(seconds=KEPT + 1))
    assert (last := writer.lately()) is not None
    assert not last.groups


def test_a_log_that_is_not_read_tells_nothing_and_logins_are_counted_apart() -> None:
    writer = Refused()
    writer.take(None, NOW)
    assert writer.lately() is None
    writer.take(refusals(8, reason=Reason.LOGIN), NOW)
    seen = writer.lately()
    assert seen is not None
    assert (seen.per_second, seen.unwanted_per_second, seen.leading) == (0.0, 8.0, None)
