"""SHOW STATS of several versions, and rates between two of them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consoles import STATS, VERSIONS, of, table
from pgheadroom.model.bouncer import Totals
from pgheadroom.pgbouncer.statistics import rates, read_stats, with_recent
from sure import sure

ROW = {
    "database": b"shop",
    "total_server_assignment_count": Decimal(50),
    "total_xact_count": Decimal(100),
    "total_query_count": Decimal(300),
    "total_received": Decimal(4000),
    "total_sent": Decimal(50_000),
    "total_xact_time": Decimal(6_000_000),
    "total_query_time": Decimal(3_000_000),
    "total_wait_time": Decimal(500_000),
    "avg_server_assignment_count": Decimal(5),
    "avg_xact_count": Decimal(10),
    "avg_query_count": Decimal(30),
    "avg_recv": Decimal(400),
    "avg_sent": Decimal(5000),
    "avg_xact_time": Decimal(60_000),
    "avg_query_time": Decimal(10_000),
    "avg_wait_time": Decimal(200_000),
    "total_client_login_count": Decimal(70),
    "avg_client_login_count": Decimal(7),
}


@pytest.mark.parametrize("version", VERSIONS)
def test_stats(version: str) -> None:
    console = {**ROW, "database": b"pgbouncer"}
    (found,) = read_stats(table(STATS[version], ROW, console, neutral=Decimal(0)))
    assert found.database == "shop"
    told = version == "1.26"
    assert found.totals == (100, 300, 4000, 50_000, 6.0, 3.0, 0.5, 70 if told else None)
    assert found.average.logins == (7 if told else None)
    assert found.average[:6] == (10, 30, 400, 5000, 0.06, 0.01)
    # A second's waiting before 1.23, that of one of five assignments since.
    assert found.average.wait_seconds == pytest.approx(0.2 if version in ("1.12", "1.16", "1.18") else 1.0)
    assert found.recent is None


def test_nothing_done_has_no_average_duration() -> None:
    (found,) = read_stats(of({"database": b"shop", "avg_xact_time": Decimal(0)}))
    assert (found.average.transaction_seconds, found.average.query_seconds) == (None, None)


def test_rates_between_two_readings() -> None:
    (before,) = read_stats(of(ROW))
    later = {
        **ROW,
        "total_xact_count": Decimal(120),
        "total_query_count": Decimal(300),
        "total_xact_time": Decimal(6_400_000),
        "total_wait_time": Decimal(1_500_000),
        "total_sent": Decimal(70_000),
        "total_client_login_count": Decimal(74),
    }
    (after,) = with_recent(read_stats(of(later)), {"shop": before.totals}, 2.0)
    assert after.recent is not None
    assert (after.recent.transactions, after.recent.queries, after.recent.sent) == (10.0, 0.0, 10_000.0)
    assert after.recent.transaction_seconds == pytest.approx(0.02)
    assert after.recent.query_seconds is None
    assert after.recent.wait_seconds == pytest.approx(0.5)
    assert after.recent.logins == 2.0


@pytest.mark.parametrize("fallen", ["total_query_count", "total_client_login_count"])
def test_a_total_that_falls_is_a_beginning_and_no_negative_rate(fallen: str) -> None:
    """PgBouncer was restarted, or (1.26) has removed an idle pool and its totals with it."""
    (before,) = read_stats(of(ROW))
    (after,) = read_stats(of({**ROW, fallen: Decimal(1)}))
    assert rates(before.totals, after.totals, 1.0) is None
    assert rates(before.totals, before.totals, 0.0) is None


def test_a_database_that_is_new_has_no_rates_yet() -> None:
    (found,) = with_recent(read_stats(of(ROW)), {}, 1.0)
    assert found.recent is None


amounts = st.builds(Totals, *[st.integers(0, 10**12).map(float)] * 8)


@given(amounts, amounts, st.floats(0.1, 60))
def test_rates_are_never_negative(before: Totals, done: Totals, elapsed: float) -> None:
    after = Totals(*(sure(early) + sure(more) for early, more in zip(before, done, strict=True)))
    found = rates(before, after, elapsed)
    assert found is not None
    assert min(value for value in found if value is not None) >= 0
    assert found.transactions == pytest.approx(done.transactions / elapsed)
