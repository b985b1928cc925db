"""The metrics as numbers that a monitoring system compares and draws: counts, where people read per cent. Pure.

The levels are those that the status was judged by, so that whoever compares again comes to the same status.
"""

from collections.abc import Callable, Iterable
from math import ceil

from pgheadroom.model.health import Health
from pgheadroom.model.thresholds import Levels, Thresholds
from pgheadroom.model.verdict import Measure
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.verdict.health import fullest_limit

THRESHOLD_OF = {
    "connection_usage_percent": "usage",
    "limit_usage_percent": "limit",
    "idle_in_transaction_count": "idle_in_transaction",
    "oldest_idle_in_transaction_seconds": "oldest_idle_in_transaction",
    "long_running_queries": "long_queries",
    "waiting_for_locks": "waiting_for_locks",
    "pool_clients_waiting": "pool_clients_waiting",
    "pool_maxwait_seconds": "pool_maxwait",
    "seconds_until_full": "until_full",
}
"""By the name of a metric, the threshold that it is held against."""


def measures(case: Case, metrics: Iterable[Health]) -> tuple[Measure, ...]:
    """Those whose value is known, in their order."""
    return tuple(_OF.get(one.metric, _plain)(case, one.metric, one.value) for one in metrics if one.value is not None)


def _levels(thresholds: Thresholds, metric: str) -> Levels:
    levels: Levels = getattr(thresholds, THRESHOLD_OF[metric])
    return levels


def _plain(case: Case, metric: str, value: float) -> Measure:
    levels = _levels(case.thresholds, metric)
    usable = case.capacity.usable
    label = metric.removesuffix("_seconds")
    return Measure(
        label, value, levels.warning.level(usable), levels.critical.level(usable), "s" if label != metric else ""
    )


def _usage(case: Case, _: str, __: float) -> Measure:
    return _of_ceiling("used_slots", case.thresholds.usage, case.capacity.used, case.capacity.usable)


def _limit(case: Case, _: str, __: float) -> Measure:
    fullest = fullest_limit(case)
    if fullest is None:
        return Measure("fullest_limit", 0)
    return _of_ceiling("fullest_limit", case.thresholds.limit, fullest.used, fullest.ceiling)


def _of_ceiling(label: str, levels: Levels, used: int, ceiling: int) -> Measure:
    return Measure(label, used, levels.warning.level(ceiling), levels.critical.level(ceiling), ceiling=ceiling)


def _until_full(case: Case, _: str, value: float) -> Measure:
    levels, ahead = case.thresholds.until_full, case.forecast
    # Upwards: what is a moment more than the level is not reached.
    exact = ceil(ahead.seconds * 1000) / 1000 if ahead is not None else value
    return Measure("until_full", exact, levels.warning.level(), levels.critical.level(), "s", less_is_worse=True)


_OF: dict[str, Callable[[Case, str, float], Measure]] = {
    "connection_usage_percent": _usage,
    "limit_usage_percent": _limit,
    "seconds_until_full": _until_full,
}
