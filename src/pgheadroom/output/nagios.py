"""Verdicts as Nagios, Icinga and their kin read them. Pure.

Source: the Monitoring Plugins' guidelines and draft-kaestle-monitoring-plugins-interface-04: `STATUS - text |
'label'=value[unit];warning;critical;minimum;maximum`, further lines of text below.

A plain range `N` alarms above N, our levels are reached at N: a count that is critical from 88 on has the range 87, and
seconds that are critical from 5 on have 4.999. Plain ranges, because what draws the graphs understands no other.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from math import ceil, floor

from pgheadroom.model.health import Status
from pgheadroom.model.verdict import Measure, Verdict
from pgheadroom.rules.verdict.health import WORST_FIRST
from pgheadroom.words.counts import plural
from pgheadroom.words.text import safe

EXIT = {Status.OK: 0, Status.WARNING: 1, Status.CRITICAL: 2, Status.UNKNOWN: 3}

_LONGEST = 600
"""Characters of a line: Nagios itself cuts what is longer than a few thousand in all."""
_MOST_DETAILS = 30
_STEPS = {"": 1, "s": 1000}
"""Into how many parts a unit is divided: what is between two of them is no value that we give."""


def plugin_output(verdict: Verdict) -> str:
    """One server: the line with the performance data, then what there is to it."""
    first = f"{verdict.status} - {_named(verdict)}"
    return "\n".join([_with_data(first, _data(verdict.measures)), *map(line, verdict.details[:_MOST_DETAILS])])


def plugin_output_of_all(verdicts: Sequence[Verdict]) -> str:
    """Several servers: a line that sums them up, then one for each, the worst first."""
    ordered = worst_first(verdicts)
    counts = Counter(one.status for one in verdicts)
    told = ", ".join(f"{counts[status]} {status}" for status in WORST_FIRST if counts[status])
    first = f"{worst(verdicts)} - {plural(len(verdicts), 'target')}: {told}"
    data = [piece for one in verdicts for piece in _data(one.measures, f"{one.target}.")]
    return "\n".join([_with_data(first, data), *(line(f"{one.status} - {_named(one)}") for one in ordered)])


def worst(verdicts: Iterable[Verdict]) -> Status:
    """UNKNOWN where there is none."""
    found = {one.status for one in verdicts}
    return next((status for status in WORST_FIRST if status in found), Status.UNKNOWN)


def worst_first(verdicts: Iterable[Verdict]) -> list[Verdict]:
    return sorted(verdicts, key=lambda one: WORST_FIRST.index(one.status))


def line(text: str) -> str:
    """Text on one line, that neither begins performance data nor is obeyed by a terminal."""
    told = safe(text).replace("|", "/").rstrip()
    return told if len(told) <= _LONGEST else f"{told[:_LONGEST]}..."


def _named(verdict: Verdict) -> str:
    return f"{verdict.target}: {verdict.summary}" if verdict.target else verdict.summary


def _with_data(text: str, data: Sequence[str]) -> str:
    return f"{line(text)} | {' '.join(data)}" if data else line(text)


def _data(measures: Iterable[Measure], prefix: str = "") -> list[str]:
    return [_piece(one, prefix) for one in measures]


def _piece(one: Measure, prefix: str) -> str:
    levels = (alarm_range(one.warning, one), alarm_range(one.critical, one))
    value, ceiling = number(one.value), "" if one.ceiling is None else number(one.ceiling)
    return f"{_label(prefix + one.label)}={value}{one.unit};{levels[0]};{levels[1]};0;{ceiling}".rstrip(";")


def _label(text: str) -> str:
    told = line(text).replace("=", "_")
    plain = told.replace("_", "").replace(".", "")
    return told if plain.isascii() and plain.isalnum() else "'" + told.replace("'", "''") + "'"


def alarm_range(level: float | None, one: Measure) -> str:
    """The range that is left exactly where the level is reached."""
    if level is None:
        return ""
    steps = _STEPS[one.unit]
    if one.less_is_worse:
        return f"{number((floor(round(level * steps, 6)) + 1) / steps)}:"
    # Counts exactly as they are compared; of seconds, 1.1 in thousandths is not quite 1100.
    last = (ceil(level) - 1) if steps == 1 else (ceil(round(level * steps, 6)) - 1) / steps
    return number(last) if last >= 0 else f"~:{number(last)}"


def number(value: float) -> str:
    """Never with an exponent: `94`, `0.25`."""
    return f"{value:.3f}".rstrip("0").rstrip(".") or "0"
