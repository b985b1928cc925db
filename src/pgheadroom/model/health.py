"""Metrics against thresholds: what `check`, the metrics and the report say."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    OK = "OK"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Health:
    """One metric.

    Attributes:
        metric: A name that stays: dashboards and alerts refer to it.
        value: None when it cannot be known (then it is UNKNOWN; never a guess), or when there is none (then it is OK):
            no time until full where nothing rises.
        warning: In the unit of `value`.
        critical: In the unit of `value`.
        subject: What the value is of, where there are several: `role web`, `pool shop/web of pgb1`.
        less_is_worse: Of the thresholds, the critical one is the lower.
    """

    metric: str
    value: float | None
    warning: float
    critical: float
    status: Status
    subject: str = ""
    less_is_worse: bool = False
