"""The metrics against their thresholds, as lines of a person's words."""

from collections.abc import Sequence

from pgheadroom.model.health import Health, Status
from pgheadroom.view.cells import Cell, Line, fit_line
from pgheadroom.words.durations import UNKNOWN, duration
from pgheadroom.words.text import safe

_WORDS = {
    "connection_usage_percent": "slots used",
    "limit_usage_percent": "fullest limit",
    "idle_in_transaction_count": "idle in transaction",
    "oldest_idle_in_transaction_seconds": "oldest idle in tx",
    "long_running_queries": "long queries",
    "waiting_for_locks": "waiting for locks",
    "pool_clients_waiting": "waiting for a pool",
    "pool_maxwait_seconds": "longest wait for it",
    "seconds_until_full": "time until full",
}
_STYLES = {Status.OK: "ok", Status.WARNING: "warn", Status.CRITICAL: "bad", Status.UNKNOWN: "dim"}


def health_lines(metrics: Sequence[Health], width: int) -> list[Line]:
    """A line a metric: status, what it is, its value, and from where on it is a warning and critical."""
    return [fit_line(_cells(one), width) for one in metrics]


def in_words(one: Health) -> str:
    """`fullest limit 100% (role web), warning from 80%, critical from 100%`."""
    warning, critical = (_amount(one, level) for level in (one.warning, one.critical))
    subject = f" ({safe(one.subject)})" if one.subject else ""
    name = _WORDS.get(one.metric, one.metric)
    return f"{name} {_amount(one, one.value)}{subject}, warning from {warning}, critical from {critical}"


def _cells(one: Health) -> list[Cell]:
    style = _STYLES[one.status]
    warning, critical = (_amount(one, level) for level in (one.warning, one.critical))
    cells = [
        Cell(f"{one.status:<8} ", style),
        Cell(f"{_WORDS.get(one.metric, one.metric):<20}"),
        Cell(f"{_amount(one, one.value):>6}", style if one.status is not Status.OK else ""),
        Cell(f"  {warning} / {critical}", "dim"),
    ]
    return [*cells, Cell(f"  {safe(one.subject)}", "dim")] if one.subject else cells


def _amount(one: Health, value: float | None) -> str:
    if value is None:
        return UNKNOWN
    if "seconds" in one.metric:
        return duration(value)
    # More than all is told where the slots are, as `35/35 +1`.
    return f"{min(100.0, value):.0f}%" if one.metric.endswith("percent") else f"{value:g}"
