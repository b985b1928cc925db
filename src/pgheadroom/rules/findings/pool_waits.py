"""Findings about PgBouncer."""

from collections import Counter
from collections.abc import Iterator, Sequence

from pgheadroom.model.finding import Finding, Proposal, Severity
from pgheadroom.model.pool import PgBouncer, Pool
from pgheadroom.model.pool_limits import Cap, PoolLimits
from pgheadroom.model.session import IN_TRANSACTION_BUT_IDLE, Session
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.findings.remedies import Remedy, all_of, cancel, look, old_enough, pids_of, terminate
from pgheadroom.rules.findings.statements import NO_STATEMENT, Statement, on_primary, role_setting
from pgheadroom.rules.pools.pool_limits import pool_limits
from pgheadroom.words.counts import they
from pgheadroom.words.durations import duration
from pgheadroom.words.states import state_word
from pgheadroom.words.text import place
from pgheadroom.words.wording import clipped, first_for, ids, most_severe, severity

_HELD = 0.75


def clients_waiting(case: Case) -> Iterator[Finding]:
    """Clients of a pool wait for a server connection."""
    for bouncer, pool in case.fresh_pools:
        by_count = severity(case.thresholds.pool_clients_waiting, pool.cl_waiting)
        by_wait = severity(case.thresholds.pool_maxwait, pool.maxwait)
        urgency = most_severe(by_count, by_wait)
        if urgency is not None and pool.cl_waiting:
            yield _waiting(case, bouncer, pool, urgency)


def _waiting(case: Case, bouncer: PgBouncer, pool: Pool, urgency: Severity) -> Finding:
    name = f"{clipped(pool.database)}/{clipped(pool.user)}"
    size = f" of {pool.size}" if pool.size else ""
    limits = pool_limits(case, bouncer, pool)
    holders, held = _backends(case, bouncer, pool), case.waits_for_a_hold(bouncer, pool)
    found = Finding(
        f"pool-waiting:{bouncer.name}:{pool.database}/{pool.user}",
        Severity.NOTICE if held else urgency,
        f"{they(pool.cl_waiting, 'client', 'wait')} for pool {name}{first_for(pool.maxwait)}; "
        f"{pool.servers}{size} servers",
        tuple(
            filter(
                None,
                (
                    limits.explanation,
                    _holder_words(case, holders),
                    f"{clipped(bouncer.product) or 'PgBouncer'} {clipped(place(bouncer.name), 40)}, {pool.mode} mode",
                    f"servers: {pool.sv_active} active, {pool.sv_idle} idle, {pool.sv_used} used, "
                    f"{pool.sv_login} logging in",
                ),
            )
        ),
        sessions=ids(holders),
    )
    return _remedy(case, pool, limits, holders, held=held).of(found)


def _backends(case: Case, bouncer: PgBouncer, pool: Pool) -> tuple[Session, ...]:
    """The sessions that are this pool's server connections, those in their state for longest first."""
    return case.longest_first(
        chain.session
        for chain in case.chains
        if chain.session is not None
        and (chain.bouncer, chain.server.database, chain.server.user) == (bouncer.name, pool.database, pool.user)
    )


def _holder_words(case: Case, holders: Sequence[Session]) -> str:
    if not holders:
        return "which sessions of this server are its own is not known: none is offered to be ended"
    counts = Counter(map(state_word, holders))
    told = ", ".join(f"{count} {state}" for state, count in counts.most_common())
    return f"its backends: {told}, longest {duration(case.seconds_in_state(holders[0]))}"


def _remedy(case: Case, pool: Pool, limits: PoolLimits, holders: Sequence[Session], *, held: bool) -> Remedy:
    """Who lacks what: the pool servers, or the servers slots; or somebody keeps them."""
    return Remedy(
        *(_words(pool, limits, holders) if not held else ("L lets it go, once its application is mended", "")),
        proposal=_proposal(case, pool, holders),
        statement=_statement(case, limits, holders),
        proof=f"nobody waits for {clipped(pool.database)}/{clipped(pool.user)}, and maxwait is 0",
    )


def _statement(case: Case, limits: PoolLimits, holders: Sequence[Session]) -> Statement:
    if limits.login is not None:
        return on_primary(case, limits.login.sql) if limits.login.sql else NO_STATEMENT
    open_transactions = [one for one in holders if one.state in IN_TRANSACTION_BUT_IDLE]
    if 2 * len(open_transactions) < len(holders) or not holders:
        return NO_STATEMENT
    return role_setting(case, open_transactions[0].user, "idle_in_transaction_session_timeout", "10s")


def _words(pool: Pool, limits: PoolLimits, holders: Sequence[Session]) -> tuple[str, str]:
    open_transactions = sum(one.state in IN_TRANSACTION_BUT_IDLE for one in holders)
    if limits.binding is Cap.PAUSED:
        return "RESUME it on the PgBouncer screen", ""
    if limits.binding is Cap.POSTGRESQL:
        return "PostgreSQL has no slot for more server connections: free some there first", ""
    if limits.login is not None and pool.servers == pool.sv_login:
        return limits.login.remedy, ""
    if 2 * sum(one.waits_for_lock for one in holders) >= len(holders) > 0:
        return "Its servers wait for a lock: end what holds it", "Run statements that lock for long with a lock_timeout"
    if open_transactions and 2 * open_transactions >= len(holders):
        return (
            "Servers are kept in open transactions that do nothing: end the oldest",
            "Let the application do slow work outside the transaction; set idle_in_transaction_session_timeout, and "
            "RECONNECT, for it holds for new server connections",
        )
    if pool.mode == "session":
        return (
            "In session mode a client keeps its server until it leaves: end clients that need none",
            "Use transaction mode, or raise pool_size",
        )
    return "Find long queries and open transactions of this pool", "Raise pool_size, if the server has slots"


def _proposal(case: Case, pool: Pool, holders: Sequence[Session]) -> Proposal | None:
    """The pool's own backends, by pid, in the state that most of them are kept in: who connects directly with the same
    role and database is none of them. Nobody where it is not known which they are."""
    if not holders:
        return None
    idle = [one for one in holders if one.state in IN_TRANSACTION_BUT_IDLE]
    busy = [one for one in holders if one.runs]
    if idle and 2 * len(idle) >= len(holders):
        # Half of them would be taken at once by those that wait to do the same.
        chosen = all_of(pids_of(idle), "state:idletx,aborted", old_enough(case, idle, share=_HELD))
        return terminate(chosen, "end the oldest transactions of the pool", poolers=True)
    if busy and 2 * len(busy) >= len(holders) and (old := old_enough(case, busy, "running")):
        return cancel(all_of(pids_of(busy), old), "cancel the longest queries of the pool", poolers=True)
    return look(pids_of(holders), "see the pool's sessions")


def unreachable(case: Case) -> Iterator[Finding]:
    """A PgBouncer that was to be watched does not answer."""
    for bouncer in case.snapshot.pgbouncers:
        if bouncer.trouble:
            found = Finding(
                f"pgbouncer-unreachable:{bouncer.name}",
                Severity.WARNING,
                f"PgBouncer {clipped(place(bouncer.name), 30)} gives no data: {clipped(bouncer.trouble, 60)}",
                (f"last data {duration(bouncer.age)} ago" if bouncer.age else "never any data",),
            )
            yield Remedy(
                "Check that it runs, and that the user is in its admin_users or stats_users",
                proof="its pools are shown again",
            ).of(found)
