"""SQL for monitors that ask in SQL: a view and a health function, by the configuration's thresholds.

Where other texts of the kind are wrong: they count background processes as connections, forget `reserved_connections`,
show a full server as 63 % used, and are views, of which a reader without pg_monitor sees nothing but itself.
"""

from importlib import resources

from pgheadroom.model.thresholds import Levels, Threshold, Thresholds, Unit

_TEXTS = resources.files(__package__).joinpath("sql")
_LEVELS = {
    "idle_in_transaction": "idle_in_transaction",
    "oldest_idle_in_transaction_seconds": "oldest_idle_in_transaction",
    "long_queries": "long_queries",
    "waiting_for_locks": "waiting_for_locks",
    "active": "active",
}
"""Columns of `connections()`, and the thresholds that they have."""


def monitoring_sql(thresholds: Thresholds) -> str:
    """To be run as a superuser, in the database where it is to be."""
    rows = [_row("connection_usage_percent", "used_percent", _in_percent(thresholds.usage))]
    rows += [_row(column, column, _as_number(getattr(thresholds, name))) for column, name in _LEVELS.items()]
    text = _TEXTS.joinpath("monitoring.sql").read_text("ascii")
    text = text.replace("{long_query}", f"{thresholds.long_query_seconds:g} seconds")
    return text.replace("{metrics}", ",\n".join(rows)).rstrip("\n")


def monitoring_uninstall_sql() -> str:
    """Takes it away again."""
    return _TEXTS.joinpath("monitoring_uninstall.sql").read_text("ascii").rstrip("\n")


def _row(metric: str, column: str, levels: tuple[str, str]) -> str:
    warning, critical = levels
    return f"             ('{metric}', c.{column}::numeric, {warning}, {critical})"


def _in_percent(levels: Levels) -> tuple[str, str]:
    return _percent(levels.warning), _percent(levels.critical)


def _percent(one: Threshold) -> str:
    if one.unit is Unit.PERCENT:
        return f"{one.amount:g}::numeric"
    count = f"c.usable - {one.amount:g}" if one.unit is Unit.LEFT else f"{one.amount:g}"
    return f"100.0 * ({count}) / nullif(c.usable, 0)"


def _as_number(levels: Levels) -> tuple[str, str]:
    return _number(levels.warning), _number(levels.critical)


def _number(one: Threshold) -> str:
    if one.unit is Unit.PERCENT:
        return f"c.usable * {one.amount:g} / 100.0"
    return f"{one.amount:g}::numeric"
