"""The names that dashboards and rules made for other exporters read, computed from what we count. Pure.

Only names of connections and pools, with the labels that are summed over: `datname` and `state`, `database` and `user`.
Unlike theirs, `pg_stat_activity_count` counts client sessions only, ours too, and those that still log in: its sum is
the number of used slots.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping

from pgheadroom.analysis import Analysis
from pgheadroom.model.metrics import Kind, Labels, MetricFamily, MetricSample
from pgheadroom.model.pool import Pool
from pgheadroom.model.session import State, seconds_between
from pgheadroom.output.families import with_labels

_ALWAYS = (State.ACTIVE, State.IDLE, State.IDLE_IN_TRANSACTION, State.ABORTED, State.FASTPATH, State.DISABLED)
"""The states that have a series for each database, also at 0."""


def compat_families(case: Analysis, names: Collection[str], target: str) -> list[MetricFamily]:
    """Those of the exporters of these names, each series with the target."""
    return [with_labels(one, (("target", target),)) for name in names for one in EXPORTERS[name](case)]


def _gauge(name: str, text: str, series: Mapping[Labels, float]) -> MetricFamily:
    return MetricFamily(name, Kind.GAUGE, text, [MetricSample(*one) for one in series.items()])


def _postgres(case: Analysis) -> Iterator[MetricFamily]:
    seen, now = case.snapshot, case.snapshot.taken_at
    counts: Counter[tuple[str, State]] = Counter((one.database or "", one.state) for one in seen.sessions)
    counts["", State.STARTING] += seen.authenticating
    oldest: dict[tuple[str, State], float] = {}
    for one in seen.sessions:
        age = seconds_between(one.xact_start, now) or 0.0
        key = one.database or "", one.state
        oldest[key] = max(oldest.get(key, 0.0), age)
    keys = dict.fromkeys([(name, state) for name in sorted(seen.databases) for state in _ALWAYS])
    keys |= dict.fromkeys(key for key, count in counts.items() if count)
    if seen.exact:
        yield _gauge(
            "pg_stat_activity_count",
            "Client sessions in this state (pg_stat_activity)",
            {_state_labels(key): counts[key] for key in keys},
        )
        yield _gauge(
            "pg_stat_activity_max_tx_duration",
            "Age of the oldest transaction in this state, seconds (pg_stat_activity.xact_start)",
            {_state_labels(key): oldest.get(key, 0.0) for key in keys},
        )
    settings = seen.settings
    for name, value in (
        ("max_connections", settings.max_connections),
        ("superuser_reserved_connections", settings.superuser_reserved),
        ("reserved_connections", settings.reserved),
    ):
        yield _gauge(f"pg_settings_{name}", f"{name} (pg_settings)", {(): value})


def _state_labels(key: tuple[str, State]) -> Labels:
    return ("datname", key[0]), ("state", key[1].value)


_OF_POOLS: tuple[tuple[str, str, Callable[[Pool], float]], ...] = (
    ("client_active_connections", "cl_active", lambda one: one.cl_active),
    ("client_waiting_connections", "cl_waiting", lambda one: one.cl_waiting),
    ("server_active_connections", "sv_active", lambda one: one.sv_active),
    ("server_idle_connections", "sv_idle", lambda one: one.sv_idle),
    ("server_used_connections", "sv_used", lambda one: one.sv_used),
    ("server_testing_connections", "sv_tested", lambda one: one.sv_tested),
    ("server_login_connections", "sv_login", lambda one: one.sv_login),
    ("client_maxwait_seconds", "maxwait and maxwait_us", lambda one: one.maxwait),
)
_OF_CONFIG = {
    "pgbouncer_config_max_client_connections": "max_client_conn",
    "pgbouncer_config_max_client_conn": "max_client_conn",
    "pgbouncer_config_max_user_connections": "max_user_connections",
}


def _pgbouncer(case: Analysis) -> Iterator[MetricFamily]:
    bouncers = case.snapshot.pgbouncers
    up: dict[Labels, float] = {(("pgbouncer", one.name),): int(not one.trouble) for one in bouncers}
    yield _gauge("pgbouncer_up", "1 where the console answered with this sample, else 0 (SHOW POOLS)", up)
    for name, column, value_of in _OF_POOLS:
        series: dict[Labels, float] = {
            (("pgbouncer", bouncer.name), ("database", pool.database), ("user", pool.user)): value_of(pool)
            for bouncer, pool in case.fresh_pools
        }
        yield _gauge(f"pgbouncer_pools_{name}", f"Of each pool (SHOW POOLS: {column})", series)
    for name, key in _OF_CONFIG.items():
        values = {(("pgbouncer", one.name),): value for one in bouncers if (value := one.limit(key)) is not None}
        yield _gauge(name, f"{key} (SHOW CONFIG)", {labels: float(value) for labels, value in values.items()})


EXPORTERS: Mapping[str, Callable[[Analysis], Iterator[MetricFamily]]] = {
    "postgres_exporter": _postgres,
    "pgbouncer_exporter": _pgbouncer,
}
