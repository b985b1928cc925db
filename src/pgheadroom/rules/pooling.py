"""Findings about PgBouncer."""

from collections.abc import Iterator

from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.pool import PgBouncer, Pool
from pgheadroom.rules.case import Case
from pgheadroom.rules.wording import clipped, first_for, severity, worst
from pgheadroom.view.durations import duration
from pgheadroom.view.words import plural


def clients_waiting(case: Case) -> Iterator[Finding]:
    """Clients of a pool wait for a server connection."""
    for bouncer, pool in case.fresh_pools:
        by_count = severity(case.thresholds.pool_clients_waiting, pool.cl_waiting)
        by_wait = severity(case.thresholds.pool_maxwait, pool.maxwait)
        urgency = worst(by_count, by_wait)
        if urgency is not None and pool.cl_waiting:
            yield _waiting(case, bouncer, pool, urgency)


def _waiting(case: Case, bouncer: PgBouncer, pool: Pool, urgency: Severity) -> Finding:
    name = f"{clipped(pool.database)}/{clipped(pool.user)}"
    size = f" of {pool.size}" if pool.size else ""
    return Finding(
        f"pool-waiting:{bouncer.name}:{pool.database}/{pool.user}",
        urgency,
        f"{plural(pool.cl_waiting, 'client')} wait for pool {name}{first_for(pool.maxwait)}; "
        f"{pool.servers}{size} servers",
        (
            f"PgBouncer {clipped(bouncer.name, 40)}, {pool.mode} mode",
            f"servers: {pool.sv_active} active, {pool.sv_idle} idle, {pool.sv_used} used, {pool.sv_login} logging in",
        ),
        _remedy(case, pool),
    )


def _remedy(case: Case, pool: Pool) -> str:
    """Who lacks what: the pool servers, or the servers slots."""
    if pool.size and pool.servers < pool.size and case.capacity.free == 0:
        return "PostgreSQL has no slot for more server connections: free some there first."
    if pool.mode == "session":
        return "In session mode a client keeps its server until it leaves: use transaction mode, or raise pool_size."
    return "Find long queries and open transactions of this pool; raise pool_size only if the server has slots."


def unreachable(case: Case) -> Iterator[Finding]:
    """A PgBouncer that was to be watched does not answer."""
    for bouncer in case.snapshot.pgbouncers:
        if bouncer.trouble:
            yield Finding(
                f"pgbouncer-unreachable:{bouncer.name}",
                Severity.WARNING,
                f"PgBouncer {clipped(bouncer.name, 30)} gives no data: {clipped(bouncer.trouble, 60)}",
                (f"last data {duration(bouncer.age)} ago" if bouncer.age else "never any data",),
                "Check that it runs, and that the user is in its admin_users or stats_users.",
            )
