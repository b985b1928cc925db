"""From when on something is worth a warning, and from when on it is critical.

The defaults are the article's where it gives any (usage 80 and 90 %, idle in transaction 10 and 20, queries longer than
five minutes 5 and 10); the others are ours.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

from pgheadroom.model.capacity import percent
from pgheadroom.quantities import LONGEST, seconds


class Unit(StrEnum):
    NUMBER = "number"
    PERCENT = "percent"
    LEFT = "left"


_NUMBER = re.compile(r"(-?)(\d+(?:\.\d+)?)\s*(%?)")
ALLOWED_NUMBER = "a number, at least 0"
ALLOWED_SESSIONS = "a number, or per cent of the usable slots like '20%'"
ALLOWED_OF_CEILING = "a number, per cent like '80%', or a negative number for slots left like -5"
ALLOWED_SECONDS = "seconds, or a duration like '5m'"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A value from which on something is reached.

    Attributes:
        amount: Never below 0.
        unit: `number` compares the value itself, `percent` its share of a ceiling, `left` what the ceiling leaves.
    """

    amount: float
    unit: Unit = Unit.NUMBER

    def reached(self, value: float, ceiling: float | None = None) -> bool:
        """Whether `value` is at the threshold or past it.

        Raises:
            ValueError: Per cent, or slots left, of something that has no ceiling.
        """
        return value >= self.level(ceiling)

    def level(self, ceiling: float | None = None) -> float:
        """The value at which it is reached.

        Raises:
            ValueError: As `reached`.
        """
        if self.unit is Unit.NUMBER:
            return self.amount
        if ceiling is None:
            raise ValueError(f"'{self}' needs a ceiling")
        return ceiling * self.amount / 100 if self.unit is Unit.PERCENT else ceiling - self.amount

    def percent_of(self, ceiling: float) -> float:
        """The per cent of `ceiling` at which it is reached, for where a usage is told in per cent."""
        return self.amount if self.unit is Unit.PERCENT else percent(self.level(ceiling), ceiling)

    def __str__(self) -> str:
        sign, suffix = ("-" if self.unit is Unit.LEFT else ""), ("%" if self.unit is Unit.PERCENT else "")
        return f"{sign}{self.amount:g}{suffix}"


def parse_threshold(given: str | float) -> Threshold:
    """A threshold as it is written: `20`, `"80%"`, `-5` (five slots left).

    Raises:
        ValueError: It is none of these.
    """
    text = f"{given:f}" if isinstance(given, float) else str(given)
    match = None if isinstance(given, bool) else _NUMBER.fullmatch(text.strip())
    if match is None or (match[1] and match[3]) or float(match[2]) > LONGEST:
        raise ValueError(f"'{given}' is not {ALLOWED_OF_CEILING}")
    if match[3]:
        return Threshold(float(match[2]), Unit.PERCENT)
    return Threshold(float(match[2]), Unit.LEFT if match[1] else Unit.NUMBER)


@dataclass(frozen=True, slots=True)
class Levels:
    """The pair that belongs to one metric."""

    warning: Threshold
    critical: Threshold


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Every threshold of the program.

    Attributes:
        usage: Of the slots an ordinary role may take.
        limit: Of the limit of a role or a database.
        idle_in_transaction: Sessions, with the aborted ones. Per cent here and below is of the usable slots.
        oldest_idle_in_transaction: Seconds the oldest of them has idled.
        long_query_seconds: From when on a running query is long.
        long_queries: How many of them.
        waiting_for_locks: Sessions.
        active: Sessions that run something and wait for no lock.
        new_sessions_per_second: Of one user and application, when they are short-lived.
        until_full: Seconds until the slots are gone, if it goes on so. The only one where less is worse.
        pool_clients_waiting: Clients of one PgBouncer pool that wait for a server connection.
        pool_maxwait: Seconds the first of them has waited.
    """

    usage: Levels = Levels(Threshold(80, Unit.PERCENT), Threshold(90, Unit.PERCENT))
    limit: Levels = Levels(Threshold(80, Unit.PERCENT), Threshold(100, Unit.PERCENT))
    idle_in_transaction: Levels = Levels(Threshold(10), Threshold(20))
    oldest_idle_in_transaction: Levels = Levels(Threshold(300), Threshold(1800))
    long_query_seconds: float = 300.0
    long_queries: Levels = Levels(Threshold(5), Threshold(10))
    waiting_for_locks: Levels = Levels(Threshold(5), Threshold(20))
    active: Levels = Levels(Threshold(60, Unit.PERCENT), Threshold(90, Unit.PERCENT))
    new_sessions_per_second: Levels = Levels(Threshold(10), Threshold(50))
    until_full: Levels = Levels(Threshold(600), Threshold(120))
    pool_clients_waiting: Levels = Levels(Threshold(1), Threshold(10))
    pool_maxwait: Levels = Levels(Threshold(1), Threshold(5))

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> "Thresholds":
        """The thresholds of a configuration file over the defaults, see `changed`."""
        return cls().changed(mapping)

    def changed(self, mapping: Mapping[str, Any]) -> "Thresholds":
        """These, but for what the mapping says.

        A pair is `[warning, critical]` or a table with `warning` and `critical`, of which one may be missing.

        Raises:
            ValueError: Names the key and what is allowed.
        """
        names = [field.name for field in fields(self)]
        settled: dict[str, Any] = {}
        for key, value in mapping.items():
            if key not in names:
                raise ValueError(f"{key}: there is no such threshold; there are {', '.join(names)}")
            if key == "long_query_seconds":
                settled[key] = _in_seconds(key, value).amount
            else:
                settled[key] = _read_levels(key, value, getattr(self, key))
        return replace(self, **settled)


_IN_SECONDS = frozenset({"long_query_seconds", "oldest_idle_in_transaction", "pool_maxwait", "until_full"})
_OF_CEILING = frozenset({"usage", "limit"})
_SESSIONS = frozenset({"idle_in_transaction", "long_queries", "waiting_for_locks", "active"})
_LESS_IS_WORSE = frozenset({"until_full"})


def _read_levels(key: str, value: Any, default: Levels) -> Levels:
    if isinstance(value, Mapping) and value and set(value) <= {"warning", "critical"}:
        pair = [value.get("warning", default.warning), value.get("critical", default.critical)]
    elif isinstance(value, list | tuple) and len(value) == 2:
        pair = list(value)
    else:
        raise ValueError(f"{key}: must be [warning, critical]")
    levels = Levels(*(one if isinstance(one, Threshold) else _read(key, one) for one in pair))
    if _out_of_order(Levels(levels.critical, levels.warning) if key in _LESS_IS_WORSE else levels):
        wanted = "be longer than" if key in _LESS_IS_WORSE else "come before"
        raise ValueError(f"{key}: the warning {levels.warning} must {wanted} the critical {levels.critical}")
    return levels


def _read(key: str, value: Any) -> Threshold:
    if key in _IN_SECONDS:
        return _in_seconds(key, value)
    allowed = ALLOWED_OF_CEILING if key in _OF_CEILING else ALLOWED_SESSIONS if key in _SESSIONS else ALLOWED_NUMBER
    units = set(Unit) if key in _OF_CEILING else {Unit.NUMBER, Unit.PERCENT} if key in _SESSIONS else {Unit.NUMBER}
    try:
        threshold = parse_threshold(value)
    except ValueError:
        raise ValueError(f"{key}: '{value}' is not {allowed}") from None
    if threshold.unit not in units:
        raise ValueError(f"{key}: '{value}' is not {allowed}")
    return threshold


def _in_seconds(key: str, value: Any) -> Threshold:
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError
        return Threshold(seconds(str(value)))
    except ValueError:
        raise ValueError(f"{key}: '{value}' is not {ALLOWED_SECONDS}") from None


def _out_of_order(levels: Levels) -> bool:
    """Whether the critical comes first; not decided between different units, whose order depends on the ceiling."""
    if levels.warning.unit is not levels.critical.unit:
        return False
    if levels.warning.unit is Unit.LEFT:
        return levels.warning.amount < levels.critical.amount
    return levels.warning.amount > levels.critical.amount
