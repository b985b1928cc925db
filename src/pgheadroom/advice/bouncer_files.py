"""The files of a PgBouncer for this server: what it starts with, what PostgreSQL needs, and how to move over and back.

Tried on PgBouncer 1.18, 1.24 and 1.26 before PostgreSQL 14 and 18. What other guides get wrong: a query on pg_shadow as
an ordinary `auth_user` is refused, and as a superuser it lets in whose VALID UNTIL has passed; `auth_query` without
`auth_user` does nothing; `admin_users` that are not in `auth_file` cannot log in; without `max_db_connections` each
further role is a further pool.
"""

from collections.abc import Iterator, Mapping
from importlib import resources
from typing import NamedTuple

from pgheadroom.advice.bouncer_plan import (
    BouncerPlan,
    PlannedDatabase,
)
from pgheadroom.advice.bouncer_steps import steps
from pgheadroom.advice.statements import literal
from pgheadroom.model import versions
from pgheadroom.words.text import safe

AUTH_USER, ADMIN, STATS = "pgbouncer_auth", "pgbouncer_admin", "pgbouncer_stats"
ETC = "/etc/pgbouncer"
PORT = 6432
_TEXTS = resources.files(__package__).joinpath("sql")


class Secret(NamedTuple):
    """A password, and the SCRAM verifier that a server keeps in its place."""

    password: str
    verifier: str


def bouncer_files(plan: BouncerPlan, secrets: Mapping[str, Secret]) -> dict[str, str]:
    """By their names. `userlist.txt` and `pgpass` hold passwords.

    Args:
        secrets: Of AUTH_USER, ADMIN and STATS.
    """
    return {
        "pgbouncer.ini": "\n".join(_ini(plan)) + "\n",
        "userlist.txt": _userlist(secrets),
        "pgpass": "".join(f"*:{PORT}:pgbouncer:{user}:{secrets[user].password}\n" for user in (ADMIN, STATS)),
        "roles.sql": _roles_sql(secrets[AUTH_USER], plan),
        **{name: _TEXTS.joinpath(name).read_text("utf-8") for name in ("auth.sql", "check.sql", "uninstall.sql")},
        "limits.conf": f"# systemd: {plan.clients} clients and {plan.servers} servers, and what else is open.\n"
        f"[Service]\nLimitNOFILE={plan.files}\n",
        "userlist-peer.txt": f'"{AUTH_USER}" ""\n{_admins(secrets)}',
        "STEPS.md": steps(plan),
    }


# --- pgbouncer.ini ---------------------------------------------------------------------------------------------------


def _ini(plan: BouncerPlan) -> Iterator[str]:
    version = ".".join(map(str, plan.version))
    yield f"; PgBouncer {version}: how it was sized stands at each number. STEPS.md says what to do with it."
    yield f"; All pools together ask for {plan.servers} of {plan.usable} slots at most; {plan.direct} of them were used"
    yield "; by who connects directly."
    if not plan.fits:
        yield "; THAT IS MORE THAN THERE ARE: each database needs three to work at all. Put fewer of them behind it."
    yield from ("", "[databases]")
    yield from _databases(plan)
    yield from (
        "",
        "[pgbouncer]",
        "; Only from this machine. Before other addresses are let in, set the TLS lines below.",
    )
    yield from ("listen_addr = 127.0.0.1", f"listen_port = {PORT}", "unix_socket_dir = /var/run/postgresql", "")
    yield from _authentication(plan)
    yield from _pools(plan)
    yield from _tls(plan)


def _databases(plan: BouncerPlan) -> Iterator[str]:
    for one in plan.databases:
        who = ", ".join(map(safe, one.roles[:5])) or "nobody yet"
        yield f"; Seen in it: {who}. One pool for each role, and no more than max_db_connections for all of them."
        if one.alias != one.name:
            yield f"; A key has no room for {safe(one.name)}: clients have to ask for {one.alias}."
        yield f"{one.alias} = {_target(plan, one)}"
    for reason in plan.left_out:
        yield f"; left out: {reason}"


def _target(plan: BouncerPlan, one: PlannedDatabase) -> str:
    host = f"host={_value(plan.upstream.host)} " if plan.upstream.host else ""
    place = f"{host}port={plan.upstream.port} dbname={_value(one.name)}"
    return f"{place} pool_size={one.pool} max_db_connections={one.most}"


def _value(text: str) -> str:
    doubled = text.replace("'", "''")
    return f"'{doubled}'"


def _authentication(plan: BouncerPlan) -> Iterator[str]:
    yield "; Passwords stay in PostgreSQL: it is asked for a role's verifier as auth_user, who is in auth_file, as are"
    yield "; those of the console. A role with an old md5 secret cannot come in (check.sql lists them)."
    yield "auth_type = scram-sha-256"
    yield f"auth_file = {ETC}/userlist.txt"
    yield f"auth_user = {AUTH_USER}"
    yield "auth_query = SELECT username, password FROM pgbouncer.get_auth($1)"
    if plan.version >= versions.BOUNCER_AUTH_DBNAME_SINCE and plan.databases:
        yield "; The function is in this database only (auth.sql)."
        yield f"auth_dbname = {plan.databases[0].alias}"
    else:
        yield "; The function has to be in each of the databases above (auth.sql)."
    yield f"admin_users = {ADMIN}"
    yield f"stats_users = {STATS}"
    yield ""


def _pools(plan: BouncerPlan) -> Iterator[str]:
    yield "; A server connection belongs to a client for one transaction. What lasts longer breaks: see STEPS.md."
    yield "pool_mode = transaction"
    if plan.version >= versions.BOUNCER_PREPARED_STATEMENTS_SINCE:
        yield "; Prepared statements of the protocol follow their client; those of SQL (PREPARE) do not."
        yield "max_prepared_statements = 200"
    yield "; Clients wait in a queue, which costs PostgreSQL nothing. File descriptors: limits.conf."
    yield f"max_client_conn = {plan.clients}"
    yield f"default_pool_size = {max((one.pool for one in plan.databases), default=1)}"
    yield "reserve_pool_size = 0"
    yield "; Who waits longer gets an error rather than a user who has gone already."
    yield "query_wait_timeout = 30"
    yield "; A server connection that nobody needs gives its slot back after a minute."
    yield "server_idle_timeout = 60"
    yield "; pgjdbc sends it, and is refused without this."
    yield "ignore_startup_parameters = extra_float_digits"
    yield "; Each client is told in PostgreSQL's application_name."
    yield "application_name_add_host = 1"
    yield ""


def _tls(plan: BouncerPlan) -> Iterator[str]:
    yield "; TLS for clients: needed before listen_addr is anything but this machine."
    yield ";client_tls_sslmode = require"
    yield f";client_tls_key_file = {ETC}/server.key"
    yield f";client_tls_cert_file = {ETC}/server.crt"
    if plan.upstream.is_local:
        yield "; PostgreSQL is on this machine: no TLS to it."
        return
    yield "; TLS to PostgreSQL. With its authority's certificate verify-full also makes sure that it is the right one."
    yield f"{'' if plan.upstream.tls else ';'}server_tls_sslmode = require"
    yield f";server_tls_ca_file = {ETC}/root.crt"


# --- users and SQL ---------------------------------------------------------------------------------------------------


def _userlist(secrets: Mapping[str, Secret]) -> str:
    """The auth user's password is in clear: with its verifier PgBouncer could not log in as it."""
    return f'"{AUTH_USER}" "{secrets[AUTH_USER].password}"\n{_admins(secrets)}'


def _admins(secrets: Mapping[str, Secret]) -> str:
    return "".join(f'"{user}" "{secrets[user].verifier}"\n' for user in (ADMIN, STATS))


def _roles_sql(secret: Secret, plan: BouncerPlan) -> str:
    return f"""-- Once, as a superuser, in any database. The verifier stands for the password of userlist.txt: the
-- server's log never has the password itself. For the peer variant of STEPS.md leave ALTER ROLE out.
CREATE ROLE {AUTH_USER} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION
    CONNECTION LIMIT {plan.servers};
ALTER ROLE {AUTH_USER} PASSWORD {literal(secret.verifier)};
"""
