"""Waits for locks a second by the server's own count."""

from datetime import timedelta

from pgheadroom.history.lock_flow import LockFlows
from pgheadroom.model.lock_totals import LockTotal
from samples import NOW


def test_rates_by_type_begin_anew_after_a_reset_and_leave_out_what_nobody_waits_for() -> None:
    flows = LockFlows()
    assert flows.lately() is None
    flows.take((LockTotal("relation", 5),), NOW)
    flows.take(None, NOW + timedelta(seconds=1))
    flows.take(
        (LockTotal("relation", 5), LockTotal("tuple", 8), LockTotal("transactionid", 6)), NOW + timedelta(seconds=2)
    )
    assert flows.lately() == (("tuple", 4.0), ("transactionid", 3.0))
    flows.take((LockTotal("relation", 1),), NOW + timedelta(seconds=3))
    assert flows.lately() is None
