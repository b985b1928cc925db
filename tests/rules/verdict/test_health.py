import pytest
from hypothesis import given

from pgheadroom.analysis import analyse
from pgheadroom.model.health import Health, Status
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.session import State
from pgheadroom.model.snapshot import Role, Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules.verdict.health import overall
from samples import hidden, many, pool, roles, session, snapshot, waiter
from strategies import snapshots

PLAIN = Thresholds()


def told(sample: Snapshot, thresholds: Thresholds = PLAIN) -> dict[str, Health]:
    return {metric.metric: metric for metric in analyse(sample, thresholds).health}


@pytest.mark.parametrize(
    ("used", "status"),
    [(77, Status.OK), (78, Status.WARNING), (87, Status.WARNING), (88, Status.CRITICAL), (99, Status.CRITICAL)],
)
def test_usage_is_of_what_ordinary_roles_may_take(used: int, status: Status) -> None:
    metric = told(snapshot(many(used)))["connection_usage_percent"]
    assert metric.status is status
    assert metric.value == pytest.approx(100 * used / 97, abs=0.05)
    assert (metric.warning, metric.critical) == (80, 90)


def test_slots_left_are_told_in_per_cent_like_the_value() -> None:
    metric = told(snapshot(many(92)), Thresholds.from_mapping({"usage": [-10, -5]}))["connection_usage_percent"]
    assert (metric.status, metric.warning, metric.critical) == (Status.CRITICAL, 89.7, 94.8)


def test_the_fullest_limit_that_lets_anybody_in() -> None:
    sample = snapshot(many(8), roles=roles(Role("web", False, 9), Role("off", False, 0), Role("batch", False, 50)))
    metric = told(sample)["limit_usage_percent"]
    assert (metric.value, metric.status, metric.subject) == (88.9, Status.WARNING, "role web")
    without = told(snapshot(many(8), roles=roles(Role("web", False, None))))["limit_usage_percent"]
    assert (without.value, without.status) == (0, Status.OK)


def test_idle_in_transaction_by_count_and_by_age() -> None:
    sample = snapshot(
        [session(n, State.IDLE_IN_TRANSACTION, since=301) for n in range(6)] + many(4, 50, state=State.ABORTED)
    )
    metrics = told(sample)
    assert (metrics["idle_in_transaction_count"].value, metrics["idle_in_transaction_count"].status) == (10, "WARNING")
    assert (
        metrics["oldest_idle_in_transaction_seconds"].value,
        metrics["oldest_idle_in_transaction_seconds"].status,
    ) == (
        301,
        "WARNING",
    )


def test_long_queries_and_lock_waits() -> None:
    metrics = told(snapshot([*many(10, state=State.ACTIVE, since=400), *(waiter(n, 1000) for n in range(2, 22))]))
    assert (metrics["long_running_queries"].value, metrics["long_running_queries"].status) == (10, "CRITICAL")
    assert (metrics["waiting_for_locks"].value, metrics["waiting_for_locks"].status) == (20, "CRITICAL")


def test_without_the_right_to_see_nothing_is_made_up() -> None:
    metrics = told(snapshot([*(hidden(n) for n in range(95)), session(200)], exact=False))
    assert {metric.status for metric in metrics.values()} == {Status.UNKNOWN}
    assert {metric.value for metric in metrics.values()} == {None}
    assert overall(metrics.values()) is Status.UNKNOWN


def test_pools_are_judged_by_the_worst_and_only_where_a_pgbouncer_is_watched() -> None:
    assert "pool_maxwait_seconds" not in told(snapshot())
    busy = PgBouncer("b1", pools=(pool(), pool(database="logs", cl_waiting=3, maxwait=6.5)))
    metrics = told(snapshot(pgbouncers=(busy,)))
    assert (metrics["pool_clients_waiting"].value, metrics["pool_clients_waiting"].status) == (3, Status.WARNING)
    assert (metrics["pool_maxwait_seconds"].value, metrics["pool_maxwait_seconds"].status) == (6.5, Status.CRITICAL)
    assert metrics["pool_maxwait_seconds"].subject == "pool logs/web of b1"


def test_a_pgbouncer_that_does_not_answer_makes_good_news_unknown_and_keeps_bad_news() -> None:
    silent = PgBouncer("b2", trouble="connection refused", pools=(pool(cl_waiting=99),), age=9)
    calm, busy = PgBouncer("b1", pools=(pool(),)), PgBouncer("b1", pools=(pool(cl_waiting=20),))
    assert told(snapshot(pgbouncers=(calm, silent)))["pool_clients_waiting"].value is None
    assert told(snapshot(pgbouncers=(busy, silent)))["pool_clients_waiting"].value == 20


def test_the_worst_is_what_is_certain() -> None:
    def of(*statuses: Status) -> Status:
        return overall(Health("m", 0, 1, 2, status) for status in statuses)

    ok, unknown, warning, critical = Status.OK, Status.UNKNOWN, Status.WARNING, Status.CRITICAL
    assert of(ok, unknown, warning, critical) is critical
    assert of(ok, unknown, warning) is warning
    assert of(ok, unknown) is unknown
    assert of(ok) is ok
    assert of() is unknown


@given(snapshots())
def test_any_snapshot_is_judged_and_a_value_is_missing_exactly_where_it_is_unknown(sample: Snapshot) -> None:
    metrics = analyse(sample, PLAIN).health
    assert len(metrics) == (8 if sample.pgbouncers else 6)
    assert all((metric.value is None) == (metric.status is Status.UNKNOWN) for metric in metrics)
    assert all(metric.warning <= metric.critical for metric in metrics)
    if not sample.exact:
        assert told(sample)["connection_usage_percent"].status is Status.UNKNOWN
