"""Sessions that come and go by the server's own count."""

from datetime import timedelta

from pgheadroom.history.flow import Flow, Flows
from pgheadroom.model.session_totals import SessionTotals
from samples import NOW


def test_rates_are_taken_over_ten_seconds_and_a_reset_begins_anew() -> None:
    flows = Flows()
    rates = [
        flows.take(SessionTotals(50 * second, 2 * second, 0, second), NOW + timedelta(seconds=second))
        for second in range(20)
    ]
    assert rates == [None, *[Flow(50.0, 2.0, 0.0, 1.0, 1.0)] * 19]
    now = flows.lately()
    assert now is not None
    assert (now.begun, now.abandoned, now.fatal, now.killed) == (50.0, 2.0, 0.0, 1.0)
    assert 9 <= now.seconds <= 11
    assert flows.take(SessionTotals(3, 0, 0, 0), NOW + timedelta(seconds=20)) is None
    assert flows.lately() is None
    assert flows.take(SessionTotals(9, 0, 0, 0), NOW + timedelta(seconds=22)) == Flow(3.0, 0.0, 0.0, 0.0, 2.0)


def test_what_is_asked_less_often_is_spread_over_the_time_between() -> None:
    flows = Flows()
    flows.take(SessionTotals(0, 0, 0, 0), NOW)
    assert flows.take(None, NOW + timedelta(seconds=1)) is None
    assert flows.take(SessionTotals(40, 0, 0, 0), NOW + timedelta(seconds=4)) == Flow(10.0, 0.0, 0.0, 0.0, 4.0)
