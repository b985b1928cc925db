"""Which cap holds a pool's waiting clients back."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from bouncers import bouncer, client, database, settings
from pgheadroom.model.bouncer import BouncerUser, PoolerState
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.pool_limits import Cap, PoolLimits
from pgheadroom.model.snapshot import Role, Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.pools.pool_limits import pool_limits
from samples import ago, many, pool, roles, session, snapshot
from sure import sure

WAITING: dict[str, Any] = {"cl_waiting": 3, "maxwait": 4.0}


def limits(sample: Snapshot | None = None, one: PgBouncer | None = None, **of_pool: Any) -> PoolLimits:
    theirs = pool(**{"size": 5, "mode": "transaction", **of_pool})
    watched = one or bouncer()
    watched = bouncer(
        pools=(theirs, *watched.pools),
        databases=watched.databases,
        config=watched.config,
        users=watched.users,
        clients=watched.clients,
        state=watched.state,
        version=watched.version,
    )
    return pool_limits(Case(sample or snapshot(), Thresholds()), watched, theirs)


def test_sizes() -> None:
    found = limits(reserve=2, sv_active=4, sv_idle=1)
    assert (found.size, found.reserve, found.most, found.servers) == (5, 2, 7, 5)
    assert limits(size=None).most is None
    assert limits(size=0).most is None
    assert limits(size=0, one=bouncer(version="1.18.0")).most == 0


def test_nobody_waits_nothing_binds() -> None:
    found = limits(sv_active=5)
    assert (found.binding, found.explanation, found.oldest_wait) == (None, "", 0.0)


def test_the_pools_own_size() -> None:
    found = limits(sv_active=5, **WAITING)
    assert (found.binding, found.explanation) == (Cap.POOL_SIZE, "all 5 servers of pool_size 5 are taken")
    found = limits(sv_active=5, reserve=2, one=bouncer(config=settings(reserve_pool_timeout="5")), **WAITING)
    assert (found.binding, found.explanation) == (
        Cap.POOL_SIZE,
        "all servers of pool_size 5 are taken; the reserve of 2 opens after 5 s",
    )
    found = limits(sv_active=7, reserve=2, **WAITING)
    assert found.explanation == "all 7 servers of pool_size 5 and reserve_pool_size 2 are taken"


def test_the_databases_cap_over_all_its_pools() -> None:
    others = bouncer(databases=(database(max_connections=6),), pools=(pool(user="batch", sv_active=4),))
    found = limits(sv_active=2, one=others, **WAITING)
    assert (found.binding, found.database_servers, found.database_cap) == (Cap.MAX_DB_CONNECTIONS, 6, 6)
    assert found.explanation == "max_db_connections 6 of shop is reached over all its pools"


@pytest.mark.parametrize("users", [(), (BouncerUser("web", max_connections=6),)])
def test_the_users_cap_over_all_its_pools(users: Sequence[BouncerUser]) -> None:
    config = settings(max_user_connections="6" if not users else "100")
    others = bouncer(config=config, users=users, pools=(pool(database="logs", sv_active=4),))
    found = limits(sv_active=2, one=others, **WAITING)
    assert (found.binding, found.user_servers, found.user_cap) == (Cap.MAX_USER_CONNECTIONS, 6, 6)


def test_postgresql_itself() -> None:
    assert limits(snapshot(many(97)), sv_active=2, **WAITING).binding is Cap.POSTGRESQL
    full_role = snapshot(many(4, user="web"), roles=roles(Role("web", superuser=False, limit=4)))
    found = limits(full_role, sv_active=2, **WAITING)
    assert found.binding is Cap.POSTGRESQL
    assert found.explanation == "PostgreSQL lets no more connections of web in: free slots there first"


def test_a_pause_comes_first() -> None:
    paused = bouncer(databases=(database(paused=True),))
    found = limits(snapshot(many(97)), sv_active=5, one=paused, **WAITING)
    assert (found.binding, found.explanation) == (Cap.PAUSED, "shop is paused until RESUME")
    assert limits(one=bouncer(state=PoolerState.SUSPENDED), **WAITING).binding is Cap.PAUSED


def test_logging_in() -> None:
    assert limits(sv_login=1, **WAITING).binding is Cap.LOGIN
    found = limits(one=bouncer(config=settings(server_login_retry="15")), **WAITING)
    assert (found.binding, "every 15 s" in found.explanation) == (Cap.LOGIN, True)
    # A server is there, and room for more: it is only a moment.
    assert limits(sv_idle=1, **WAITING).binding is None


def test_a_server_that_is_just_up_is_logged_in_to_after_a_pause() -> None:
    one, server = bouncer(config=settings(server_login_retry="15")), snapshot().server
    just_up = snapshot(server=replace(server, started_at=ago(3)))
    found = limits(just_up, one, **WAITING)
    assert found.explanation.startswith("PostgreSQL is up for 3s; after a failed login PgBouncer waits 15 s")
    assert "RECONNECT hastens nothing" in sure(found.login).remedy
    crashed = snapshot(processes=(session(7, backend_type="walwriter", backend_start=ago(14)),))
    assert "is up for 14s" in limits(crashed, one, **WAITING).explanation
    assert "is up" not in limits(just_up, **WAITING).explanation  # after what pause is not known
    assert "is up" not in limits(snapshot(server=replace(server, started_at=ago(15))), one, **WAITING).explanation
    assert "is up" not in limits(just_up, one, sv_login=1, **WAITING).explanation


def test_the_oldest_wait() -> None:
    waiting = [client(1, state="waiting", waited=9.5), client(2, user="batch", state="waiting", waited=60)]
    assert limits(one=bouncer(clients=tuple(waiting)), **WAITING).oldest_wait == 9.5
    assert limits(one=bouncer(clients=tuple(waiting), databases=(database(force_user="web"),))).oldest_wait == 60
    assert limits(**WAITING).oldest_wait == 4.0
