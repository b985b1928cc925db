"""How a PgBouncer is installed, how an application moves behind it, and how it moves back."""

import shlex
from collections.abc import Iterator

from pgheadroom.advice.bouncer_plan import BouncerPlan
from pgheadroom.model import versions
from pgheadroom.words.text import safe

_TRANSACTION_MODE = (
    ("LISTEN", "a connection of its own, directly to PostgreSQL"),
    ("a session's advisory lock", "pg_advisory_xact_lock"),
    ("SET for the session", "SET LOCAL, or ALTER ROLE ... SET"),
    ("SQL PREPARE", "the protocol's prepared statements from PgBouncer 1.21 on, or none"),
    ("a cursor WITH HOLD", "a cursor within its transaction"),
    ("a temporary table", "ON COMMIT DROP within a transaction"),
    ("LOAD", "session_preload_libraries"),
)


def steps(plan: BouncerPlan) -> str:
    """The text, in Markdown."""
    return "\n".join(_lines(plan)) + "\n"


def _lines(plan: BouncerPlan) -> Iterator[str]:
    yield from ("# PgBouncer before this server", "")
    yield f"All pools together take at most {plan.servers} of the {plan.usable} usable slots; {plan.direct} were in "
    yield f"use directly. {plan.clients} clients may be connected."
    yield from _install()
    yield from _postgresql(plan)
    yield from _transaction_mode(plan)
    yield from _move()


def _install() -> Iterator[str]:
    yield from ("", "## 1. Install", "", "Debian, Ubuntu:", "")
    yield from _code(
        "apt-get install pgbouncer",
        "install -o postgres -g postgres -m 0640 pgbouncer.ini /etc/pgbouncer/pgbouncer.ini",
        "install -o postgres -g postgres -m 0600 userlist.txt /etc/pgbouncer/userlist.txt",
    )
    yield from ("", "RHEL and its kin (PGDG's repository): user and group are `pgbouncer`, and `unix_socket_dir` is")
    yield from ("`/run/pgbouncer` there.", "")
    yield from _code(
        "dnf install pgbouncer",
        "install -o pgbouncer -g pgbouncer -m 0640 pgbouncer.ini /etc/pgbouncer/pgbouncer.ini",
        "install -o pgbouncer -g pgbouncer -m 0600 userlist.txt /etc/pgbouncer/userlist.txt",
    )
    yield from ("", "Both, after step 2:", "")
    yield from _code(
        "install -D -m 0644 limits.conf /etc/systemd/system/pgbouncer.service.d/limits.conf",
        "systemctl daemon-reload",
        "systemctl enable pgbouncer",
        "systemctl restart pgbouncer",
        "journalctl -u pgbouncer -n 20",
    )


def _postgresql(plan: BouncerPlan) -> Iterator[str]:
    everywhere = plan.version < versions.BOUNCER_AUTH_DBNAME_SINCE
    databases = plan.databases if everywhere else plan.databases[:1]
    yield from ("", "## 2. What PostgreSQL needs", "", "As a superuser:", "")
    yield from _code(
        "psql -X -v ON_ERROR_STOP=1 -d postgres -f roles.sql",
        *(f"psql -X -v ON_ERROR_STOP=1 -d {shlex.quote(_conninfo(one.name))} -f auth.sql" for one in databases),
        "psql -X -d postgres -f check.sql      # who needs a new password first",
    )
    yield from (
        "",
        "pg_hba.conf must let `pgbouncer_auth` and the applications in from PgBouncer with `scram-sha-256`.",
    )
    yield from ("", "Without a password in a file, where PgBouncer is on the server itself: use `userlist-peer.txt` in")
    yield "place of `userlist.txt`, leave ALTER ROLE out of `roles.sql`, take the socket's folder as `host`, and add"
    yield "these lines (the first one before others for `local`; the system's user is `pgbouncer` on RHEL), then reload"
    yield from ("PostgreSQL:", "")
    yield from _code(
        "# pg_hba.conf", "local  all  pgbouncer_auth  peer map=pgbouncer", "# pg_ident.conf",
        "pgbouncer  postgres  pgbouncer_auth",
    )  # fmt: skip


def _transaction_mode(plan: BouncerPlan) -> Iterator[str]:
    yield from ("", "## 3. What transaction mode breaks", "")
    yield from ("| what | in its place |", "|---|---|")
    yield from (f"| {what} | {instead} |" for what, instead in _TRANSACTION_MODE)
    yield ""
    if not plan.breaking:
        yield "None of it was seen in the newest statement of any session. That is no proof: only the newest is seen."
        return
    yield "Seen, in the newest statement of a session:"
    yield ""
    for one in plan.breaking:
        yield f"- {safe(one.user)}/{safe(one.application)} in {safe(one.database)}: {one.what}"
    yield from ("", "Leave these direct, or give them a line of their own with `pool_mode=session`.")


def _move() -> Iterator[str]:
    yield from ("", "## 4. Try it, and move one application after the other", "")
    yield from _code(
        "psql 'host=127.0.0.1 port=6432 dbname=DATABASE user=ROLE' -c 'SELECT 1'      # asks for the role's password",
        "PGPASSFILE=pgpass psql 'host=127.0.0.1 port=6432 dbname=pgbouncer user=pgbouncer_admin' -c 'SHOW POOLS'",
    )
    yield from (
        "",
        "1. Begin with the application that has most idle sessions: change its port to 6432, and start it again.",
    )
    yield "2. Watch it: `pgheadroom --pgbouncer 'host=127.0.0.1 port=6432 user=pgbouncer_stats dbname=pgbouncer'`."
    yield "3. Make its own pool small: it is PgBouncer that shares now."
    yield "4. When all have moved, limit each role to its pools: `pgheadroom advise` tells the number."
    yield from (
        "",
        "## 5. The way back",
        "",
        "Change the port back, and start the application again: PostgreSQL takes it ",
    )
    yield "as before. When nobody is left (`SHOW CLIENTS`):"
    yield ""
    yield from _code(
        "systemctl disable --now pgbouncer",
        "psql -X -d DATABASE -f uninstall.sql      # in each database",
        "psql -X -d postgres -c 'DROP ROLE pgbouncer_auth'",
    )


def _code(*lines: str) -> Iterator[str]:
    yield from ("```", *lines, "```")


def _conninfo(name: str) -> str:
    """A database's name as libpq reads it, whatever is in it."""
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"dbname='{escaped}'"
