"""Which login of a pool fails, and why, as far as PostgreSQL's own catalogues tell.

PgBouncer's console does not show the refusal: its log has it, and the first client that waits for it. While a pool has
no server connection, PgBouncer tries again every `server_login_retry` seconds. Verified on PgBouncer 1.18 and 1.26.
"""

from pgheadroom.conninfo import at_port
from pgheadroom.model.bouncer import BouncerDatabase
from pgheadroom.model.pool import PgBouncer, Pool
from pgheadroom.model.pool_limits import LoginTrouble
from pgheadroom.model.session import seconds_between
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.facts.overcommit import leads_elsewhere_of
from pgheadroom.words.durations import duration
from pgheadroom.words.sql_names import quoted
from pgheadroom.words.text import safe

_BEGIN_LAST = frozenset({"checkpointer", "walwriter"})
"""Processes that the postmaster starts anew after the crash of a session, the second one when it has recovered."""
_SLOW_SECONDS = 2.0
"""A login that takes this long waits for something: DNS, LDAP, RADIUS, or a lock."""


def login_trouble(case: Case, bouncer: PgBouncer, pool: Pool) -> LoginTrouble:
    """Why the pool gets no server connection."""
    database = bouncer.database(pool.database)
    name = database.database if database is not None and database.database else pool.database
    where = f" at {_place(database)}" if database is not None else ""
    which = f"role {safe(pool.user)} into database {safe(name)}{where}"
    if (known := known_trouble(case, bouncer, pool)) is not None:
        return known._replace(why=f"PgBouncer cannot log in: {which}: {known.why}")
    if pool.sv_login:
        return _slow(bouncer, pool, which)
    if (yet_to_come := _yet_to_come(case, bouncer, which)) is not None:
        return yet_to_come
    retry = bouncer.setting("server_login_retry")
    every = f" every {retry} s" if retry else " now and then"
    return LoginTrouble(
        f"PgBouncer cannot log in: {which}; it tries again{every} (server_login_retry)",
        f"PgBouncer's log says why. Nobody answers{where}, or pg_hba.conf or the password refuses it: try it with psql "
        "from PgBouncer's host",
    )


def _yet_to_come(case: Case, bouncer: PgBouncer, which: str) -> LoginTrouble | None:
    """The server is up for less than PgBouncer's pause after a login that failed; seen with 1.18 and 1.26."""
    retry, up = bouncer.limit("server_login_retry"), _up_for(case)
    if retry is None or up is None or up >= retry:
        return None
    return LoginTrouble(
        f"PostgreSQL is up for {duration(up)}; after a failed login PgBouncer waits {retry} s (server_login_retry): "
        f"{which}",
        f"Wait so long, or SET server_login_retry = 1 on its console, and {retry} again afterwards: RECONNECT hastens "
        "nothing. If it lasts longer, PgBouncer's log says why",
    )


def _up_for(case: Case) -> float | None:
    """Seconds since the server lets sessions in: since it was started, and had recovered from a crash; None where
    that is not known."""
    started = [one.backend_start for one in case.snapshot.processes if one.backend_type in _BEGIN_LAST]
    known = [one for one in (case.snapshot.server.started_at, *started) if one is not None]
    return seconds_between(max(known), case.snapshot.taken_at) if known else None


def known_trouble(case: Case, bouncer: PgBouncer, pool: Pool) -> LoginTrouble | None:
    """What the server's catalogues say against the pool's login, in a few words; None where nothing does."""
    if leads_elsewhere_of(bouncer, case.snapshot, case.chains)(pool.database):
        return None
    database = bouncer.database(pool.database)
    name = database.database if database is not None and database.database else pool.database
    return _role(case, pool.user) or _database(case, name)


def _place(database: BouncerDatabase) -> str:
    if not database.host or database.host.startswith("/"):
        return f"{safe(database.host) or 'the Unix socket'}, port {database.port}"
    return safe(at_port(database.host, database.port))


def _role(case: Case, name: str) -> LoginTrouble | None:
    roles = case.snapshot.roles
    role = roles.get(name)
    if not roles or (role is not None and role.login and not role.expired):
        return None
    written = quoted(name)
    if role is None:
        return LoginTrouble(
            "there is no such role on this server",
            "Make the role again, or take it out of PgBouncer's users and its application's settings",
        )
    if not role.login:
        return LoginTrouble(
            "the role may not log in (NOLOGIN)",
            "Let it log in, if it should",
            f"ALTER ROLE {written} LOGIN;" if written else "",
        )
    return LoginTrouble(
        "its password is no longer valid (VALID UNTIL has passed)",
        "Give it a new password, in PgBouncer's auth_file too, or a later VALID UNTIL",
        f"ALTER ROLE {written} VALID UNTIL 'infinity';" if written else "",
    )


def _database(case: Case, name: str) -> LoginTrouble | None:
    databases = case.snapshot.databases
    database = databases.get(name)
    if not databases or (database is not None and database.valid and database.allows_connections):
        return None
    if database is None:
        return LoginTrouble(
            "there is no such database on this server",
            "Make the database again, or name another one in PgBouncer's [databases]",
        )
    if not database.valid:
        return LoginTrouble("a DROP DATABASE of it was interrupted", "Drop it, and make it anew")
    written = quoted(name)
    return LoginTrouble(
        "the database accepts no connections",
        "Let connections in again, if there should be any",
        f"ALTER DATABASE {written} ALLOW_CONNECTIONS true;" if written else "",
    )


def _slow(bouncer: PgBouncer, pool: Pool, which: str) -> LoginTrouble:
    """One is under way; PgBouncer opens one at a time for each pool."""
    ages = [
        one.age or 0.0
        for one in bouncer.servers
        if (one.database, one.user, one.state) == (pool.database, pool.user, "new")
    ]
    longest = max(ages, default=0.0)
    since = f" for {duration(longest)}" if longest >= _SLOW_SECONDS else ""
    return LoginTrouble(
        f"a login of {which} is under way{since}; PgBouncer opens one at a time for each pool",
        "See how long authentication takes: DNS, LDAP, RADIUS, a lock on a catalogue, or a host that does not answer",
    )
