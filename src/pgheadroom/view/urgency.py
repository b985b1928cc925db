"""The style of a number by the thresholds that are set for it."""

from pgheadroom.model.finding import Severity
from pgheadroom.model.forecast import Forecast
from pgheadroom.model.thresholds import Levels, Thresholds
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.findings.filling_soon import severity_of


def usage_style(case: Case) -> str:
    """For how full the server is."""
    return style_of(case.thresholds.usage, case.capacity.used, case.capacity.usable)


def fullest_style(case: Case) -> str:
    """For the fullest of all limits: the server's own has other thresholds than those of roles and databases."""
    fullest = case.capacity.tightest
    levels = case.thresholds.usage if fullest.kind == "server" else case.thresholds.limit
    return style_of(levels, fullest.used, fullest.ceiling)


def style_of(levels: Levels, value: float, ceiling: float | None = None, otherwise: str = "ok") -> str:
    """For a value against its pair of thresholds."""
    if levels.critical.reached(value, ceiling):
        return "bad"
    return "warn" if levels.warning.reached(value, ceiling) else otherwise


def ahead_style(thresholds: Thresholds, ahead: Forecast | None) -> str:
    """For how soon the slots are gone."""
    urgency = severity_of(thresholds.until_full, ahead)
    return {Severity.CRITICAL: "bad", Severity.WARNING: "warn"}.get(urgency, "") if urgency else ""
