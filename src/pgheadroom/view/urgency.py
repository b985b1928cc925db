"""The style of a number by the thresholds that are set for it."""

from pgheadroom.model.finding import Severity
from pgheadroom.model.forecast import Forecast
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.findings.filling_soon import severity_of


def usage_style(case: Case) -> str:
    """For how full the server is."""
    usage, used, usable = case.thresholds.usage, case.capacity.used, case.capacity.usable
    if usage.critical.reached(used, usable):
        return "bad"
    return "warn" if usage.warning.reached(used, usable) else "ok"


def ahead_style(thresholds: Thresholds, ahead: Forecast | None) -> str:
    """For how soon the slots are gone."""
    urgency = severity_of(thresholds.until_full, ahead)
    return {Severity.CRITICAL: "bad", Severity.WARNING: "warn"}.get(urgency, "") if urgency else ""
