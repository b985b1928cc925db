"""Which sizes and caps apply to a pool, and which of them holds its waiting clients back.

Precedence of sizes: the user's, else the database's, else default_pool_size. Order of PgBouncer's own checks: size and
reserve of the pool, then max_db_connections, then max_user_connections (launch_new_connection in src/objects.c).
"""

from typing import NamedTuple

from pgheadroom.model.bouncer import PoolerState
from pgheadroom.model.pool import PgBouncer, Pool
from pgheadroom.model.pool_limits import Cap, PoolLimits
from pgheadroom.rules.facts.capacity import free_for
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.pools.login_trouble import known_trouble, login_trouble
from pgheadroom.words.text import safe

_Verdict = tuple[Cap | None, str]


def pool_limits(case: Case, bouncer: PgBouncer, pool: Pool) -> PoolLimits:
    """The sizes and caps of a pool now."""
    counts = _counts(bouncer, pool)
    binding, explanation = _binding(case, bouncer, pool, counts) if pool.cl_waiting else (None, "")
    trouble = login_trouble(case, bouncer, pool) if binding is Cap.LOGIN else None
    return PoolLimits(
        size=pool.size,
        reserve=pool.reserve,
        most=counts.most,
        servers=pool.servers,
        database_servers=counts.database_servers,
        database_cap=counts.database_cap,
        user_servers=counts.user_servers,
        user_cap=counts.user_cap,
        oldest_wait=_oldest_wait(bouncer, pool),
        binding=binding,
        explanation=trouble.why if trouble is not None else explanation,
        login=trouble,
    )


class _Counts(NamedTuple):
    most: int | None
    database_servers: int
    database_cap: int
    user_servers: int
    user_cap: int


def _counts(bouncer: PgBouncer, pool: Pool) -> _Counts:
    unlimited = pool.size == 0 and bouncer.zero_is_unlimited
    database = bouncer.database(pool.database)
    return _Counts(
        None if pool.size is None or unlimited else pool.size + pool.reserve,
        sum(one.servers for one in bouncer.pools if one.database == pool.database),
        database.max_connections if database else 0,
        sum(one.servers for one in bouncer.pools if one.user == pool.user),
        _user_cap(bouncer, pool.user),
    )


def _user_cap(bouncer: PgBouncer, name: str) -> int:
    own = next((user.max_connections for user in bouncer.users if user.name == name), None)
    return (bouncer.limit("max_user_connections") or 0) if own is None else own


def _oldest_wait(bouncer: PgBouncer, pool: Pool) -> float:
    database = bouncer.database(pool.database)
    anybody = database is not None and bool(database.force_user)
    theirs = (one for one in bouncer.clients if one.database == pool.database and (anybody or one.user == pool.user))
    return max(pool.maxwait, max((client.waited for client in theirs), default=0.0))


def _binding(case: Case, bouncer: PgBouncer, pool: Pool, counts: _Counts) -> _Verdict:
    return (
        _stopped(bouncer, pool)
        or _pool_is_full(bouncer, pool, counts)
        or _cap_is_reached(pool, counts)
        or _postgresql(case, bouncer, pool)
    )


def _stopped(bouncer: PgBouncer, pool: Pool) -> _Verdict | None:
    if bouncer.state in (PoolerState.PAUSED, PoolerState.SUSPENDED):
        return Cap.PAUSED, f"all of PgBouncer is {bouncer.state} until RESUME"
    database = bouncer.database(pool.database)
    if database is not None and database.paused:
        return Cap.PAUSED, f"{safe(pool.database)} is paused until RESUME"
    return None


def _pool_is_full(bouncer: PgBouncer, pool: Pool, counts: _Counts) -> _Verdict | None:
    if pool.size is None or counts.most is None or pool.servers < pool.size:
        return None
    if pool.servers >= counts.most:
        reserve = f" and reserve_pool_size {pool.reserve}" if pool.reserve else ""
        return (
            Cap.POOL_SIZE,
            f"{_all_of(pool.servers)} of pool_size {pool.size}{reserve} {'is' if pool.servers == 1 else 'are'} taken",
        )
    after = bouncer.setting("reserve_pool_timeout")
    when = f" after {after} s" if after else ""
    return Cap.POOL_SIZE, f"all servers of pool_size {pool.size} are taken; the reserve of {pool.reserve} opens{when}"


def _all_of(servers: int) -> str:
    return "the one server" if servers == 1 else f"all {servers} servers"


def _cap_is_reached(pool: Pool, counts: _Counts) -> _Verdict | None:
    if counts.database_cap and counts.database_servers >= counts.database_cap:
        return (
            Cap.MAX_DB_CONNECTIONS,
            f"max_db_connections {counts.database_cap} of {safe(pool.database)} is reached over all its pools",
        )
    if counts.user_cap and counts.user_servers >= counts.user_cap:
        return (
            Cap.MAX_USER_CONNECTIONS,
            f"max_user_connections {counts.user_cap} of {safe(pool.user)} is reached over all its pools",
        )
    return None


def _postgresql(case: Case, bouncer: PgBouncer, pool: Pool) -> _Verdict:
    if not pool.servers and known_trouble(case, bouncer, pool) is not None:
        return Cap.LOGIN, ""
    database = bouncer.database(pool.database)
    if free_for(case.capacity, case.snapshot, pool.user, database.database if database else pool.database) == 0:
        return Cap.POSTGRESQL, f"PostgreSQL lets no more connections of {safe(pool.user)} in: free slots there first"
    return (Cap.LOGIN if pool.sv_login or not pool.servers else None), ""
