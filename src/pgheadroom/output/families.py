"""What an analysis says, as families of metrics. Pure but for the names that stay from sample to sample.

Base units; a sum over the labels of one family means something, or the family has none; what is not known has no
series. Each help ends with its source.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from pgheadroom.analysis import Analysis
from pgheadroom.history.sticky import Sticky
from pgheadroom.model.finding import Severity
from pgheadroom.model.health import Status
from pgheadroom.model.metrics import Kind, Labels, MetricFamily, MetricSample
from pgheadroom.model.pool import PgBouncer, Pool
from pgheadroom.model.session import seconds_between
from pgheadroom.model.turned_away import Reason
from pgheadroom.rules.findings.registry import FAMILIES
from pgheadroom.words.text import safe

DEFAULT_TOP = 20
OTHER = "other"
_Group = tuple[str, str, str]
_REST: _Group = (OTHER, OTHER, OTHER)
_Limited = tuple[str, str]
STATUS_NUMBERS = {Status.OK: 0, Status.WARNING: 1, Status.CRITICAL: 2, Status.UNKNOWN: 3}
_STATUS_HELP = "0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN"
_SEVERITIES = {Severity.NOTICE: 1, Severity.WARNING: 2, Severity.CRITICAL: 3}

_ACTIVITY = "pg_stat_activity"


class Families:
    """Makes the families of sample after sample of one server."""

    def __init__(self, target: str = "", top: int = DEFAULT_TOP) -> None:
        """Args:
        target: What the label `target` says.
        top: How many groups of user, application and database have series of their own, and how many limits.
        """
        self._target = target
        self._groups: Sticky[_Group] = Sticky(top)
        self._limits: Sticky[_Limited] = Sticky(top)

    def of(self, case: Analysis) -> list[MetricFamily]:
        """Every family of this sample, each series with the target."""
        found = [
            *_slots(case),
            *_sessions(case),
            *self._hogs(case),
            *self._limited(case),
            *_waits(case),
            *_refused(case),
            *_pools(case),
            *_judged(case),
            *_sample(case),
        ]
        return [with_labels(one, (("target", self._target),)) for one in found]

    def _hogs(self, case: Analysis) -> Iterator[MetricFamily]:
        sizes: dict[_Group, int] = {}
        for hog in case.hogs:
            group = safe(hog.user or ""), safe(hog.application or ""), safe(hog.database or "")
            sizes[group] = sizes.get(group, 0) + hog.total
        rest = sizes.pop(_REST, 0)
        kept = self._groups.choose(sizes, case.snapshot.taken_at)
        series = [(_group_labels(group), sizes.get(group, 0)) for group in kept]
        rest += sum(size for group, size in sizes.items() if group not in kept)
        series.append((_group_labels(_REST), rest))
        yield gauge(
            "hog_sessions",
            f"Sessions of the groups that have most, the rest is {OTHER} "
            f"({_ACTIVITY}: usename, application_name, datname)",
            *series,
        )

    def _limited(self, case: Analysis) -> Iterator[MetricFamily]:
        limits = {(one.kind, one.name): one for one in case.capacity.limits}
        kept = self._limits.choose({name: round(one.percent) for name, one in limits.items()}, case.snapshot.taken_at)
        shown = [limits[name] for name in kept if name in limits]
        labels = [(("kind", str(one.kind)), ("name", one.name)) for one in shown]
        yield gauge(
            "limit_used_sessions",
            f"Sessions that count against a CONNECTION LIMIT ({_ACTIVITY})",
            *((label, one.used) for label, one in zip(labels, shown, strict=True) if case.capacity.exact),
        )
        yield gauge(
            "limit_max_sessions",
            "CONNECTION LIMIT of a role or database (pg_roles.rolconnlimit, pg_database.datconnlimit)",
            *((label, one.ceiling) for label, one in zip(labels, shown, strict=True)),
        )


def gauge(name: str, text: str, *series: tuple[Labels, float]) -> MetricFamily:
    """A family of gauges, with our prefix."""
    return MetricFamily(f"pgheadroom_{name}", Kind.GAUGE, text, [MetricSample(*one) for one in series])


def counter(name: str, text: str, *series: tuple[Labels, float]) -> MetricFamily:
    """A family of counters, likewise; its name has no `_total`."""
    return MetricFamily(f"pgheadroom_{name}", Kind.COUNTER, text, [MetricSample(*one) for one in series])


def with_labels(family: MetricFamily, labels: Labels) -> MetricFamily:
    """The same, each series with these labels before its own."""
    samples = [MetricSample((*labels, *one.labels), one.value) for one in family.samples]
    return MetricFamily(family.name, family.kind, family.help, samples)


def merged(every: Iterable[Sequence[MetricFamily]]) -> list[MetricFamily]:
    """The families of several servers: each once, with the series of all."""
    found: dict[str, MetricFamily] = {}
    for family in (family for families in every for family in families):
        before = found.get(family.name)
        samples = (*before.samples, *family.samples) if before is not None else family.samples
        found[family.name] = MetricFamily(family.name, family.kind, family.help, samples)
    return list(found.values())


def _plain(name: str, text: str, value: float | None) -> MetricFamily:
    return gauge(name, text, *([((), value)] if value is not None else []))


def _group_labels(group: _Group) -> Labels:
    return ("user", group[0]), ("application", group[1]), ("database", group[2])


# --- slots and sessions ----------------------------------------------------------------------------------------------


def _slots(case: Analysis) -> Iterator[MetricFamily]:
    slots = case.capacity
    seen = slots.exact
    beyond_superusers = max(0, slots.max_connections - slots.superuser_reserved)
    settings, counted = "pg_settings", f"{_ACTIVITY} and pg_settings"
    for name, text, value, source in (
        ("slots_max", "All slots: max_connections", slots.max_connections, settings),
        ("slots_superuser_reserved", "superuser_reserved_connections", slots.superuser_reserved, settings),
        ("slots_reserved", "reserved_connections; 0 before PostgreSQL 16", slots.reserved, settings),
        ("slots_usable", "Slots that an ordinary role may take", slots.usable, settings),
        ("slots_usable_reserved", "Slots that a member of pg_use_reserved_connections may take", beyond_superusers,
         settings),
        ("slots_usable_superuser", "Slots that a superuser may take", slots.max_connections, settings),
        ("slots_used", "Slots that are taken, by whomever", slots.used if seen else None, _ACTIVITY),
        ("slots_free", "Slots left for an ordinary role", slots.free if seen else None, counted),
        ("slots_free_reserved", "Slots left for a member of pg_use_reserved_connections",
         slots.free_reserved if seen else None, counted),
        ("slots_free_superuser", "Slots left for a superuser", slots.free_superuser if seen else None, counted),
        ("reserve_used", "Slots of both reserves that are taken", slots.in_reserve if seen else None, counted),
        ("authenticating", "Part of the used slots that still logs in", slots.authenticating, _ACTIVITY),
        ("walsenders", "Replication connections", slots.walsenders if seen else None, _ACTIVITY),
        ("walsenders_max", "max_wal_senders", slots.max_wal_senders, settings),
    ):  # fmt: skip
        yield _plain(name, f"{text} ({source})", value)
    yield _plain("counts_exact", f"1 where our role sees every session, else 0 ({_ACTIVITY})", int(seen))


def _sessions(case: Analysis) -> Iterator[MetricFamily]:
    yield gauge(
        "sessions",
        f"Client sessions by state; those that wait for a lock, their client or a standby apart ({_ACTIVITY}.state)",
        *(((("state", one.state.value), ("waiting", str(one.waits).lower())), one.count) for one in case.states),
    )
    begun = [one.xact_start for one in case.snapshot.sessions if one.xact_start is not None]
    oldest = seconds_between(min(begun), case.snapshot.taken_at) if begun else 0.0
    seen = case.snapshot.exact
    idle = case.idle_in_transaction
    yield _plain(
        "oldest_transaction_seconds",
        f"Age of the oldest transaction of a client ({_ACTIVITY}.xact_start)",
        oldest if seen else None,
    )
    yield _plain(
        "idle_in_transaction_oldest_seconds",
        f"How long the oldest session idle in transaction has idled ({_ACTIVITY}.state_change)",
        (case.seconds_in_state(idle[0]) if idle else 0.0) if seen else None,
    )
    yield _plain(
        "long_queries",
        f"Queries that run for longer than the threshold ({_ACTIVITY}.query_start)",
        len(case.long_queries) if seen else None,
    )


def _waits(case: Analysis) -> Iterator[MetricFamily]:
    waiters = case.waiting_for_locks
    waited = [one.waited_seconds for one in waiters if one.waited_seconds is not None]
    yield _plain("lock_waiters", "Sessions that wait for a lock (pg_locks)", len(waiters))
    yield _plain(
        "lock_roots",
        "Holders that wait for nobody, and others wait for (pg_locks)",
        sum(one.depth == 0 and one.waiting_behind > 0 for one in case.locks),
    )
    yield _plain(
        "lock_longest_wait_seconds", "The longest wait for a lock (pg_locks.waitstart)", max(waited, default=0.0)
    )


# --- pools -----------------------------------------------------------------------------------------------------------

_OF_POOLS: tuple[tuple[str, str, Callable[[Pool], float | None]], ...] = (
    ("clients_active", "Clients that have a server (SHOW POOLS: cl_active)", lambda one: one.cl_active),
    ("clients_waiting", "Clients that wait for a server (SHOW POOLS: cl_waiting)", lambda one: one.cl_waiting),
    ("servers", "Server connections open or being opened (SHOW POOLS: sv_*)", lambda one: one.servers),
    ("servers_active", "Servers in use by a client (SHOW POOLS: sv_active)", lambda one: one.sv_active),
    ("servers_idle", "Servers ready for a client (SHOW POOLS: sv_idle)", lambda one: one.sv_idle),
    (
        "servers_max",
        "pool_size that applies; none where it is unlimited (SHOW DATABASES)",
        lambda one: one.size or None,
    ),
)
_MAXWAIT = "The longest that a waiting client has waited (SHOW POOLS: maxwait, maxwait_us)"


def _pools(case: Analysis) -> Iterator[MetricFamily]:
    bouncers = case.snapshot.pgbouncers
    named: list[tuple[PgBouncer, Labels]] = [(one, (("pgbouncer", one.name),)) for one in bouncers]
    yield gauge(
        "pgbouncer_up",
        "1 where the console answered with this sample, else 0 (SHOW POOLS)",
        *((labels, int(not one.trouble)) for one, labels in named),
    )
    pools = [(_pool_labels(bouncer, pool), pool) for bouncer, pool in case.fresh_pools]
    for name, text, value_of in _OF_POOLS:
        values = [(labels, value) for labels, pool in pools if (value := value_of(pool)) is not None]
        yield gauge(f"pool_{name}", text, *values)
        yield gauge(f"pools_{name}", f"{text}; all PgBouncers together", *_summed(values))
    yield gauge("pool_maxwait_seconds", _MAXWAIT, *((labels, pool.maxwait) for labels, pool in pools))
    logins = [
        ((*labels, ("database", one.database)), count)
        for bouncer, labels in named
        if not bouncer.trouble
        for one in bouncer.stats
        if (count := one.totals.logins) is not None
    ]
    yield counter("pgbouncer_client_logins", "Logins of clients, 1.26+ (SHOW STATS: total_client_login_count)", *logins)


def _pool_labels(bouncer: PgBouncer, pool: Pool) -> Labels:
    return ("pgbouncer", bouncer.name), ("database", pool.database), ("user", pool.user)


def _summed(values: Iterable[tuple[Labels, float]]) -> list[tuple[Labels, float]]:
    sums: dict[Labels, float] = {}
    for labels, value in values:
        sums[labels[1:]] = sums.get(labels[1:], 0) + value
    return list(sums.items())


def _refused(case: Analysis) -> Iterator[MetricFamily]:
    """Every reason has its series where the log is read, from 0 on; none where it is not."""
    seen = case.refused
    series = [((("reason", one.value.replace(" ", "_")),), seen.totals.get(one, 0)) for one in Reason] if seen else []
    yield counter(
        "refused_clients",
        "Clients that were turned away while we watched, by reason; none where the log is not read (the server's log)",
        *series,
    )


# --- what is found ---------------------------------------------------------------------------------------------------


def _judged(case: Analysis) -> Iterator[MetricFamily]:
    yield _plain("status", f"How the server does: {_STATUS_HELP} (metrics and findings)", STATUS_NUMBERS[case.status])
    named = [((("metric", one.metric),), one) for one in case.health]
    yield gauge(
        "health_value",
        "A metric that is held against thresholds, in its own unit (see health in snapshot's JSON)",
        *((labels, one.value) for labels, one in named if one.value is not None),
    )
    yield gauge(
        "health_status",
        f"Of each metric: {_STATUS_HELP} (thresholds of the configuration)",
        *((labels, STATUS_NUMBERS[one.status]) for labels, one in named),
    )
    worst: dict[str, int] = {}
    for finding in case.findings:
        worst[finding.family] = max(worst.get(finding.family, 0), _SEVERITIES[finding.severity])
    every = [((("family", row.name),), worst.get(row.name, 0)) for row in FAMILIES]
    yield gauge("finding", "1 where there is a finding of this family, else 0 (findings)",
                *((labels, int(rank > 0)) for labels, rank in every))  # fmt: skip
    yield gauge("finding_severity", "0 none, 1 notice, 2 warning, 3 critical (findings)", *every)
    ahead = case.ahead
    forecast = [((("kind", str(ahead.limit.kind)), ("name", ahead.limit.name)), ahead.seconds)] if ahead else []
    yield gauge("until_full_seconds", "Until it is full, if it goes on so; none without a trend (forecast)", *forecast)


def _sample(case: Analysis) -> Iterator[MetricFamily]:
    seen = case.snapshot
    yield _plain("round_trip_seconds", "What the question took, to the server and back (our clock)", seen.round_trip)
    yield _plain(
        "sample_timestamp_seconds", "When the sample was taken (the server's clock)", seen.taken_at.timestamp()
    )
    parts = [(("part", part),) for part in dict.fromkeys(gap.part for gap in seen.lacking)]
    yield gauge("gap", "1 for each part of the sample that could not be had (gaps)", *((labels, 1) for labels in parts))
    version = (("version", seen.server.version), ("in_recovery", str(seen.server.in_recovery).lower()))
    yield gauge("server_info", "1, with the server's version (server_version, pg_is_in_recovery())", (version, 1))
