"""Alert rules for Prometheus, from the thresholds of the configuration. Pure.

Written as YAML by hand: every text is a JSON string, which YAML takes.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from pgheadroom.model.thresholds import Levels, Threshold, Thresholds, Unit
from pgheadroom.quantities import written

WARNING, CRITICAL = "warning", "critical"
_HOG = (
    '{{ with printf "topk(1, pgheadroom_hog_sessions{target=%q,user!=\\"other\\"})" $labels.target | query }}'
    "{{ with first . }}; most by {{ .Labels.user }}/{{ .Labels.application }} ({{ .Value }}){{ end }}{{ end }}"
)
_REASON = (
    '{{ with printf "pgheadroom_down_reason{target=%q} == 1" $labels.target | query }}'
    "{{ with first . }}: {{ .Labels.reason }}{{ end }}{{ end }}"
)
_MONITOR = "pgheadroom '{{ $labels.target }}'"


@dataclass(frozen=True, slots=True)
class Alert:
    """A rule.

    Attributes:
        lasts: For how long it has to hold.
        command: What to run then; empty where nothing would tell more.
    """

    name: str
    severity: str
    expression: str
    lasts: str
    summary: str
    command: str = _MONITOR


def rules(every: Mapping[str, Thresholds]) -> str:
    """The file for `rule_files`.

    Args:
        every: The thresholds of each target by its name; `""` alone stands for whatever there is.
    """
    lines = ["# By `pgheadroom rules prometheus`: change the thresholds in its configuration, and print them anew."]
    lines.append("groups:")
    for targets, thresholds in _alike(every):
        selector = "" if targets == ("",) else f"target=~{json.dumps('|'.join(map(_literally, targets)))}"
        name = "pgheadroom" if not selector else f"pgheadroom {', '.join(targets)}"
        lines += [f"  - name: {json.dumps(name)}", "    rules:"]
        lines += [line for alert in alerts(thresholds, selector) for line in _written(alert)]
    lines += ["  - name: pgheadroom agent", "    rules:"]
    lines += [line for alert in _of_agents(list(every)) for line in _written(alert)]
    return "\n".join(lines)


def _alike(every: Mapping[str, Thresholds]) -> list[tuple[tuple[str, ...], Thresholds]]:
    """The targets that have the same thresholds; one group without names where all have."""
    found: dict[Thresholds, list[str]] = {}
    for name, thresholds in every.items():
        found.setdefault(thresholds, []).append(name)
    if len(found) == 1:
        return [(("",), next(iter(found)))]
    return [(tuple(names), thresholds) for thresholds, names in found.items()]


def _literally(name: str) -> str:
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", name)


def _written(alert: Alert) -> list[str]:
    annotations = {"summary": alert.summary} | ({"command": alert.command} if alert.command else {})
    return [
        f"      - alert: {alert.name}",
        f"        expr: {json.dumps(alert.expression)}",
        f"        for: {alert.lasts}",
        "        labels:",
        f"          severity: {alert.severity}",
        "        annotations:",
        *(f"          {key}: {json.dumps(text)}" for key, text in annotations.items()),
    ]


# --- the rules -------------------------------------------------------------------------------------------------------

_Reached = Callable[[Threshold], str]


def alerts(thresholds: Thresholds, selector: str = "") -> Iterator[Alert]:
    """Those of one set of thresholds; `selector` says whose."""

    def of(metric: str, *labels: str) -> str:
        inner = ",".join(filter(None, (selector, *labels)))
        return f"pgheadroom_{metric}" + (f"{{{inner}}}" if inner else "")

    used, usable = of("slots_used"), of("slots_usable")
    yield from _pair(
        "Slots", thresholds.usage, lambda one: _of_ceiling(one, used, usable),
        "{{ $labels.target }} has few slots left" + _HOG,
    )  # fmt: skip
    yield Alert("PgHeadroomReserveInUse", WARNING, f"{of('reserve_used')} > 0", "1m",
                "{{ $labels.target }}: {{ $value }} slots of the reserve are in use" + _HOG)  # fmt: skip
    yield Alert("PgHeadroomReserveFull", CRITICAL,
                f"{of('slots_free_reserved')} == 0 and {of('slots_reserved')} > 0", "0s",
                "{{ $labels.target }} lets only superusers in: its reserved_connections are taken" + _HOG)  # fmt: skip
    yield Alert("PgHeadroomSuperusersLockedOut", CRITICAL, f"{of('slots_free_superuser')} == 0", "0s",
                "{{ $labels.target }} has no slot left, not even for a superuser" + _HOG)  # fmt: skip
    yield Alert("PgHeadroomNoRoom", CRITICAL, f"{of('no_room')} == 1", "0s",
                "{{ $labels.target }} refuses the agent: the limit is {{ $labels.limit }}" + _HOG,
                "pgheadroom check '{{ $labels.target }}'")  # fmt: skip
    limit_used, limit_max = of("limit_used_sessions"), of("limit_max_sessions")
    yield from _pair(
        "Limit", thresholds.limit, lambda one: f"({_of_ceiling(one, limit_used, limit_max)}) and {limit_max} > 0",
        "{{ $labels.target }}: the limit of {{ $labels.kind }} {{ $labels.name }} is nearly reached, or is",
    )  # fmt: skip
    yield from _pair(
        "FullSoon", thresholds.until_full, lambda one: f"{of('until_full_seconds')} <= {_number(one.level())}",
        "{{ $labels.target }} will be full in {{ $value | humanizeDuration }}" + _HOG,
    )  # fmt: skip
    yield from _counted(thresholds, of, usable)
    yield from _of_pools(thresholds, of)
    for name, family, summary in (
        ("Leak", "leak", "sessions leak: they pile up idle"),
        ("Storm", "reconnect-storm", "clients connect, ask once and leave"),
        ("LockPileUp", "lock-pile-up", "sessions queue behind a lock"),
    ):
        found = of("finding_severity", f'family="{family}"')
        yield Alert(f"PgHeadroom{name}", WARNING, f"{found} >= 2", "1m", "{{ $labels.target }}: " + summary + _HOG)
    yield Alert("PgHeadroomDown", CRITICAL, f"{of('up')} == 0", "1m",
                "the agent has no connection to {{ $labels.target }}" + _REASON,
                "pgheadroom check '{{ $labels.target }}'")  # fmt: skip
    yield Alert("PgHeadroomPgBouncerDown", WARNING, f"{of('pgbouncer_up')} == 0", "1m",
                "{{ $labels.target }}: the console of {{ $labels.pgbouncer }} does not answer")  # fmt: skip
    yield Alert("PgHeadroomBlind", WARNING, f"{of('counts_exact')} == 0", "10m",
                "the agent's role on {{ $labels.target }} does not see every session: grant it pg_monitor")  # fmt: skip


def _counted(thresholds: Thresholds, of: Callable[..., str], usable: str) -> Iterator[Alert]:
    waiters, idle = of("lock_waiters"), of("sessions", 'state=~"idle in transaction.*"')
    yield from _pair(
        "LockWaiters", thresholds.waiting_for_locks, lambda one: _of_ceiling(one, waiters, usable),
        "{{ $labels.target }}: sessions wait for locks",
    )  # fmt: skip
    yield from _pair(
        "IdleInTransaction",
        thresholds.idle_in_transaction,
        lambda one: _of_ceiling(one, f"sum by (target) ({idle})", f"sum by (target) ({usable})"),
        "{{ $labels.target }}: sessions idle in transaction" + _HOG,
        "pgheadroom terminate '{{ $labels.target }}' --idle-in-transaction-longer 5m",
    )
    oldest = of("idle_in_transaction_oldest_seconds")
    yield from _pair(
        "OldIdleInTransaction",
        thresholds.oldest_idle_in_transaction,
        lambda one: f"{oldest} >= {_number(one.level())}",
        "{{ $labels.target }}: a session idles in its transaction for {{ $value | humanizeDuration }}",
        "pgheadroom terminate '{{ $labels.target }}' --idle-in-transaction-longer "
        + written(thresholds.oldest_idle_in_transaction.warning.level()),
    )
    queries = of("long_queries")
    yield from _pair(
        "LongQueries", thresholds.long_queries, lambda one: _of_ceiling(one, queries, usable),
        "{{ $labels.target }}: queries run for long",
    )  # fmt: skip


def _of_pools(thresholds: Thresholds, of: Callable[..., str]) -> Iterator[Alert]:
    pool = "{{ $labels.database }}/{{ $labels.user }} of {{ $labels.pgbouncer }}"
    summary = "{{ $labels.target }}: clients wait for pool " + pool
    for name, metric, levels in (
        ("PoolWaiting", "pool_clients_waiting", thresholds.pool_clients_waiting),
        ("PoolMaxwait", "pool_maxwait_seconds", thresholds.pool_maxwait),
    ):
        yield from _pair(name, levels, partial(_from_level, of(metric)), summary)


def _from_level(series: str, one: Threshold) -> str:
    return f"{series} >= {_number(one.level())}"


def _pair(name: str, levels: Levels, reached: _Reached, summary: str, command: str = _MONITOR) -> Iterator[Alert]:
    """A warning, and a critical one."""
    yield Alert(f"PgHeadroom{name}", WARNING, reached(levels.warning), "2m", summary, command)
    yield Alert(f"PgHeadroom{name}", CRITICAL, reached(levels.critical), "1m", summary, command)


def _of_ceiling(one: Threshold, value: str, ceiling: str) -> str:
    """From the level on, as everywhere in pgheadroom."""
    if one.unit is Unit.NUMBER:
        return f"{value} >= {_number(one.amount)}"
    if one.unit is Unit.LEFT:
        return f"{ceiling} - {value} <= {_number(one.amount)}"
    return f"{value} >= {ceiling} * {_number(one.amount)} / 100"


def _number(value: float) -> str:
    return f"{value:f}".rstrip("0").rstrip(".")


def _of_agents(names: Sequence[str]) -> Iterator[Alert]:
    """Silence: no target is heard of, or not this one."""
    for name in names:
        which = f"{{target={json.dumps(name)}}}" if name else ""
        whom = f" of {name}" if name else ""
        yield Alert("PgHeadroomAgentSilent", CRITICAL, f"absent(pgheadroom_up{which})", "5m",
                    f"there are no metrics{whom}: is pgheadroom agent running, and scraped?", "")  # fmt: skip
