"""How a server stands against its thresholds, for who asks now and then: a monitoring system."""

from dataclasses import dataclass

from pgheadroom.model.finding import Finding
from pgheadroom.model.health import Health, Status
from pgheadroom.model.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Measure:
    """A number with the levels from which on it is a warning and critical, in its own unit.

    Attributes:
        label: A name that stays: graphs are drawn by it.
        value: Never a guess: what is not known is no measure.
        warning, critical: None where it has no level of its own.
        unit: Empty for a number of something, `s` for seconds.
        ceiling: The most it can be; None where there is no most.
        less_is_worse: It is reached from above: at the level and below it.
    """

    label: str
    value: float
    warning: float | None = None
    critical: float | None = None
    unit: str = ""
    ceiling: float | None = None
    less_is_worse: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of one server.

    Attributes:
        target: How the user calls it; empty where nothing was named.
        summary: A few words, first what decides. Not made safe.
        details: One line each. Not made safe.
        refusals: What doors said that had no room.
    """

    status: Status
    summary: str
    target: str = ""
    details: tuple[str, ...] = ()
    measures: tuple[Measure, ...] = ()
    health: tuple[Health, ...] = ()
    findings: tuple[Finding, ...] = ()
    refusals: tuple[Refusal, ...] = ()
