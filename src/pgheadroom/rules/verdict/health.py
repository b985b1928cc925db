"""Each metric against its thresholds. A value that cannot be known is UNKNOWN, never a guess."""

from collections.abc import Callable, Iterable
from itertools import islice

from pgheadroom.model.capacity import Limit, percent
from pgheadroom.model.finding import Severity
from pgheadroom.model.health import Health, Status
from pgheadroom.model.pool import Pool
from pgheadroom.model.thresholds import Levels
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.findings.filling_soon import severity_of

WORST_FIRST = (Status.CRITICAL, Status.WARNING, Status.UNKNOWN, Status.OK)


def health(case: Case) -> tuple[Health, ...]:
    """The metrics, always in the same order; those of pools only where a PgBouncer is watched, the time that is left
    only where there is a past.

    The first and the long queries bear the names that the article's `check_connection_health` gave them.
    """
    thresholds, usable = case.thresholds, case.capacity.usable
    long_queries = _if_visible(case, len(case.long_queries))
    metrics = [
        _usage(case),
        _limit(case),
        _plain("idle_in_transaction_count", thresholds.idle_in_transaction, _idle_count(case), usable),
        _plain("oldest_idle_in_transaction_seconds", thresholds.oldest_idle_in_transaction, _idle_oldest(case)),
        _plain("long_running_queries", thresholds.long_queries, long_queries, usable),
        _plain("waiting_for_locks", thresholds.waiting_for_locks, _waiting(case), usable),
    ]
    if case.snapshot.pgbouncers:
        metrics.append(_pool(case, "pool_clients_waiting", thresholds.pool_clients_waiting, lambda p: p.cl_waiting))
        metrics.append(_pool(case, "pool_maxwait_seconds", thresholds.pool_maxwait, lambda p: p.maxwait))
    if case.past is not None:
        metrics.append(_until_full(case))
    return tuple(metrics)


def overall(metrics: Iterable[Health]) -> Status:
    """The worst. A critical or a warning is certain, so it outweighs what is not known; nothing at all is UNKNOWN."""
    found = {metric.status for metric in metrics}
    return next((status for status in WORST_FIRST if status in found), Status.UNKNOWN)


def status(levels: Levels, value: float | None, ceiling: float | None = None) -> Status:
    """How bad a value is; None is UNKNOWN."""
    if value is None:
        return Status.UNKNOWN
    if levels.critical.reached(value, ceiling):
        return Status.CRITICAL
    return Status.WARNING if levels.warning.reached(value, ceiling) else Status.OK


def _plain(metric: str, levels: Levels, value: float | None, ceiling: float | None = None, subject: str = "") -> Health:
    warning, critical = levels.warning.level(ceiling), levels.critical.level(ceiling)
    return Health(metric, value, round(warning, 1), round(critical, 1), status(levels, value, ceiling), subject)


def _usage(case: Case) -> Health:
    slots = case.capacity
    levels = case.thresholds.usage
    return Health(
        "connection_usage_percent",
        round(slots.used_percent, 1) if slots.exact else None,
        round(levels.warning.percent_of(slots.usable), 1),
        round(levels.critical.percent_of(slots.usable), 1),
        status(levels, slots.used if slots.exact else None, slots.usable),
    )


def _limit(case: Case) -> Health:
    """The fullest limit of a role or database; OK at 0 where there is none. A limit that was set while we looked is
    there to be reached, and so is that of a role of our own."""
    levels = case.thresholds.limit
    known = case.capacity.exact and bool(case.snapshot.roles)
    found = fullest_limit(case)
    fullest = found or Limit("role", "", 0, 1)
    return Health(
        "limit_usage_percent",
        round(percent(fullest.used, fullest.ceiling), 1) if known else None,
        round(levels.warning.percent_of(fullest.ceiling), 1) if found else levels.warning.amount,
        round(levels.critical.percent_of(fullest.ceiling), 1) if found else levels.critical.amount,
        (status(levels, fullest.used, fullest.ceiling) if found else Status.OK) if known else Status.UNKNOWN,
        f"{fullest.kind} {fullest.name}" if found and known else "",
    )


def fullest_limit(case: Case) -> Limit | None:
    """The limit of a role or database that is the worst against its threshold; None where there is none."""
    levels = case.thresholds.limit
    limits = [limit for limit in case.limits_in_use if not _is_meant(case, limit)]
    if not limits:
        unused = (limit for limit in case.capacity.limits if not limit.closed and not limit.used)
        limits = [*islice((limit for limit in unused if not _is_meant(case, limit)), 1)]
    return max(limits, key=lambda limit: _urgency(levels, limit), default=None)


def _is_meant(case: Case, limit: Limit) -> bool:
    reached = case.thresholds.limit.warning.reached(limit.used, limit.ceiling)
    return reached and limit.kind == "role" and (case.only_us(limit) or case.held_back(limit.name))


def _urgency(levels: Levels, limit: Limit) -> tuple[int, float]:
    return -WORST_FIRST.index(status(levels, limit.used, limit.ceiling)), limit.percent


def _if_visible(case: Case, value: float) -> float | None:
    return value if case.snapshot.exact else None


def _idle_count(case: Case) -> float | None:
    return _if_visible(case, len(case.idle_in_transaction))


def _idle_oldest(case: Case) -> float | None:
    oldest = case.seconds_in_state(case.idle_in_transaction[0]) if case.idle_in_transaction else 0.0
    return _if_visible(case, round(oldest or 0.0, 1))


def _waiting(case: Case) -> float | None:
    """`pg_locks` is visible to every role, so waits are known where there are any; their absence is not."""
    count = len(case.waiting_for_locks)
    return count or _if_visible(case, count)


_STATUS_OF: dict[Severity | None, Status] = {
    None: Status.OK,
    Severity.WARNING: Status.WARNING,
    Severity.CRITICAL: Status.CRITICAL,
}


def _until_full(case: Case) -> Health:
    """OK without a value where nothing rises."""
    levels, ahead = case.thresholds.until_full, case.forecast
    known = case.capacity.exact
    limit = ahead.limit if ahead is not None and ahead.limit.kind != "server" else None
    return Health(
        "seconds_until_full",
        round(ahead.seconds) if ahead is not None else None,
        levels.warning.level(),
        levels.critical.level(),
        _STATUS_OF[severity_of(levels, ahead)] if known else Status.UNKNOWN,
        f"{limit.kind} {limit.name}" if limit is not None else "",
        less_is_worse=True,
    )


def _pool(case: Case, metric: str, levels: Levels, value_of: Callable[[Pool], float]) -> Health:
    """The worst pool. While a PgBouncer does not answer, only bad news from the others is certain. Who waits for a
    pause that is a hold is meant to."""
    pools = [pair for pair in case.fresh_pools if not case.waits_for_a_hold(*pair)]
    worst = max(pools, key=lambda pair: value_of(pair[1]), default=None)
    value = round(value_of(worst[1]), 3) if worst else 0.0
    silent = any(bouncer.trouble for bouncer in case.snapshot.pgbouncers)
    if silent and status(levels, value) is Status.OK:
        return _plain(metric, levels, None)
    name = f"pool {worst[1].database}/{worst[1].user} of {worst[0].name}" if worst and value else ""
    return _plain(metric, levels, value, subject=name)
