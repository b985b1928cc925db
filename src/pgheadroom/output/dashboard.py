"""A dashboard for Grafana, as JSON: gauge, states, hogs, limits, pools, findings. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pgheadroom.model.thresholds import Levels, Thresholds

_SOURCE = {"type": "prometheus", "uid": "${source}"}
_ONE = 'target=~"$target"'
_WIDTH = 24


@dataclass(frozen=True, slots=True)
class Query:
    expression: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """Attributes:
    kind: Grafana's name of it.
    width, height: In its grid, of 24 columns.
    unit: Grafana's name of it.
    stacked: The series stand on each other.
    levels: The threshold whose levels colour it; empty for none.
    """

    title: str
    kind: str
    width: int
    height: int
    queries: Sequence[Query]
    unit: str = "short"
    stacked: bool = False
    levels: str = ""


def _panels() -> tuple[Panel, ...]:
    used, usable = f"pgheadroom_slots_used{{{_ONE}}}", f"pgheadroom_slots_usable{{{_ONE}}}"
    pool = "{{database}}/{{user}} {{pgbouncer}}"
    return (
        Panel("Usable slots used", "gauge", 6, 8, (Query(f"{used} / {usable}", "{{target}}"),), "percentunit",
              levels="usage"),
        Panel("Slots", "timeseries", 12, 8, (
            Query(used, "used {{target}}"),
            Query(usable, "usable {{target}}"),
            Query(f"pgheadroom_slots_max{{{_ONE}}}", "max_connections {{target}}"),
        )),
        Panel("Full in", "stat", 6, 4, (Query(f"pgheadroom_until_full_seconds{{{_ONE}}}", "{{kind}} {{name}}"),), "s"),
        Panel("Connected", "stat", 6, 4, (Query(f"pgheadroom_up{{{_ONE}}}", "{{target}}"),)),
        Panel("Sessions by state", "timeseries", 12, 9, (
            Query(f"sum by (state, waiting) (pgheadroom_sessions{{{_ONE}}})", "{{state}} waiting={{waiting}}"),
        ), stacked=True),
        Panel("Hogs", "timeseries", 12, 9, (
            Query(f"pgheadroom_hog_sessions{{{_ONE}}}", "{{user}}/{{application}} {{database}}"),
        ), stacked=True),
        Panel("Limits of roles and databases", "bargauge", 12, 8, (
            Query(f"pgheadroom_limit_used_sessions{{{_ONE}}} / (pgheadroom_limit_max_sessions{{{_ONE}}} > 0)",
                  "{{kind}} {{name}}"),
        ), "percentunit", levels="limit"),
        Panel("Locks and transactions", "timeseries", 12, 8, (
            Query(f"pgheadroom_lock_waiters{{{_ONE}}}", "waiting for locks {{target}}"),
            Query(f"pgheadroom_long_queries{{{_ONE}}}", "long queries {{target}}"),
        )),
        Panel("Clients waiting for a pool", "timeseries", 8, 8, (
            Query(f"pgheadroom_pool_clients_waiting{{{_ONE}}}", pool),
        )),
        Panel("Longest wait for a pool", "timeseries", 8, 8, (
            Query(f"pgheadroom_pool_maxwait_seconds{{{_ONE}}}", pool),
        ), "s"),
        Panel("Servers of pools", "timeseries", 8, 8, (Query(f"pgheadroom_pool_servers{{{_ONE}}}", pool),)),
        Panel("Findings (1 notice, 2 warning, 3 critical)", "state-timeline", 24, 8, (
            Query(f"pgheadroom_finding_severity{{{_ONE}}} > 0", "{{family}} {{target}}"),
        )),
    )  # fmt: skip


def dashboard(thresholds: Thresholds) -> Mapping[str, Any]:
    """What Grafana imports."""
    return {
        "title": "PostgreSQL connection headroom",
        "uid": "pgheadroom",
        "tags": ["postgresql", "pgbouncer"],
        "timezone": "browser",
        "schemaVersion": 38,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": list(_variables())},
        "panels": list(_placed(thresholds)),
    }


def _variables() -> Iterator[Mapping[str, Any]]:
    yield {"name": "source", "type": "datasource", "query": "prometheus", "label": "Source"}
    asked = "label_values(pgheadroom_up, target)"
    yield {"name": "target", "type": "query", "label": "Target", "datasource": _SOURCE, "definition": asked,
           "query": {"query": asked, "refId": "target"}, "refresh": 2, "multi": True, "includeAll": True,
           "allValue": ".*", "current": {"text": "All", "value": "$__all"}}  # fmt: skip


def _placed(thresholds: Thresholds) -> Iterator[Mapping[str, Any]]:
    """From left to right, in rows; what has half the height stands under its like."""
    x = y = height = 0
    above: Panel | None = None
    for number, panel in enumerate(_panels(), 1):
        if above is not None and above.width == panel.width and above.height + panel.height == height:
            yield _panel(number, panel, x - panel.width, y + above.height, thresholds)
            above = None
            continue
        if x + panel.width > _WIDTH:
            x, y, height = 0, y + height, 0
        yield _panel(number, panel, x, y, thresholds)
        x, height = x + panel.width, max(height, panel.height)
        above = panel if panel.height < height else None


def _panel(number: int, panel: Panel, x: int, y: int, thresholds: Thresholds) -> Mapping[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0}
    if panel.levels:
        defaults |= {"max": 1, "thresholds": _steps(getattr(thresholds, panel.levels))}
    if panel.stacked:
        defaults["custom"] = {"stacking": {"mode": "normal"}, "fillOpacity": 40}
    return {
        "id": number,
        "title": panel.title,
        "type": panel.kind,
        "datasource": _SOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height},
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + place), "datasource": _SOURCE, "expr": one.expression, "legendFormat": one.legend}
            for place, one in enumerate(panel.queries)
        ],
    }


def _steps(of: Levels) -> Mapping[str, Any]:
    """Colours from the levels on; what is told in slots has no place on a gauge of many servers' per cent."""
    levels = [(of.warning, "orange"), (of.critical, "red")]
    steps = [{"color": color, "value": level.amount / 100} for level, color in levels if str(level).endswith("%")]
    return {"mode": "absolute", "steps": [{"color": "green", "value": None}, *steps]}
