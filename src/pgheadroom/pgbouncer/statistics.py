"""SHOW STATS as values, and rates between two of them. Pure. PgBouncer's times are microseconds."""

from collections.abc import Mapping
from dataclasses import replace

from pgheadroom.model.bouncer import CONSOLE, DatabaseStats, Rates, Totals
from pgheadroom.pgbouncer.table import Record, Table, real, text

_MICRO = 1_000_000.0


def read_stats(table: Table) -> tuple[DatabaseStats, ...]:
    """SHOW STATS without the console's own row, in its order."""
    return tuple(
        DatabaseStats(text(row.get("database")), _totals(row), _average(row))
        for row in table.records()
        if text(row.get("database")) != CONSOLE
    )


def with_recent(
    stats: tuple[DatabaseStats, ...], before: Mapping[str, Totals], elapsed: float
) -> tuple[DatabaseStats, ...]:
    """The same with rates since `before`, which is `elapsed` seconds ago."""
    return tuple(
        replace(one, recent=rates(before[one.database], one.totals, elapsed)) if one.database in before else one
        for one in stats
    )


def rates(before: Totals, after: Totals, elapsed: float) -> Rates | None:
    """What was done in a second between two readings; None when a total has fallen: it began anew."""
    both = zip(before, after, strict=True)
    done = Totals(*(0.0 if late is None or early is None else late - early for early, late in both))
    if elapsed <= 0 or min(value for value in done if value is not None) < 0:
        return None
    counted = done.logins if after.logins is not None and before.logins is not None else None
    return Rates(
        transactions=done.transactions / elapsed,
        queries=done.queries / elapsed,
        received=done.received / elapsed,
        sent=done.sent / elapsed,
        transaction_seconds=done.transaction_seconds / done.transactions if done.transactions else None,
        query_seconds=done.query_seconds / done.queries if done.queries else None,
        wait_seconds=done.wait_seconds / elapsed,
        logins=None if counted is None else counted / elapsed,
    )


def _totals(row: Record) -> Totals:
    return Totals(
        transactions=real(row.get("total_xact_count")),
        queries=real(row.get("total_query_count")),
        received=real(row.get("total_received")),
        sent=real(row.get("total_sent")),
        transaction_seconds=real(row.get("total_xact_time")) / _MICRO,
        query_seconds=real(row.get("total_query_time")) / _MICRO,
        wait_seconds=real(row.get("total_wait_time")) / _MICRO,
        logins=_told(row, "total_client_login_count"),
    )


def _average(row: Record) -> Rates:
    transactions, queries = real(row.get("avg_xact_count")), real(row.get("avg_query_count"))
    wait = real(row.get("avg_wait_time")) / _MICRO
    # With the count of assignments (1.23+) the average wait is that of one of them; before, of a second
    # (calc_average in src/stats.c).
    if "avg_server_assignment_count" in row:
        wait *= real(row.get("avg_server_assignment_count"))
    return Rates(
        transactions=transactions,
        queries=queries,
        received=real(row.get("avg_recv")),
        sent=real(row.get("avg_sent")),
        transaction_seconds=real(row.get("avg_xact_time")) / _MICRO or None,
        query_seconds=real(row.get("avg_query_time")) / _MICRO or None,
        wait_seconds=wait,
        logins=_told(row, "avg_client_login_count"),
    )


def _told(row: Record, column: str) -> float | None:
    return real(row.get(column)) if column in row else None
