"""PgBouncers that are watched: what to change in their configuration, and what is known to be wrong in their version.

Sources: PgBouncer's changelog for 1.21, 1.24, 1.24.1, 1.25.1 and 1.25.2; what applications do with each was tried with
psycopg, SQLAlchemy, asyncpg, node-postgres and pgjdbc on 1.18 and 1.26.
"""

import re
from collections.abc import Iterator

from pgheadroom.advice.ground import Ground
from pgheadroom.model import versions
from pgheadroom.model.advice import Advice, Effect
from pgheadroom.model.pool import PgBouncer
from pgheadroom.rules.facts.overcommit import sentence
from pgheadroom.words.text import place, safe

KIND = "pgbouncer"
_CHANGELOG = "https://www.pgbouncer.org/changelog.html"
_CONFIG = "https://www.pgbouncer.org/config.html"
_LEAST = 3
_CATALOGUES = re.compile(r"\bpg_(?:shadow|authid)\b", re.IGNORECASE)
_LOOKS_AT_VALIDITY = re.compile(r"\b(?:rol)?valuntil\b|\brolvaliduntil\b", re.IGNORECASE)
_LOOPBACK = frozenset({"", "127.0.0.1", "::1", "localhost"})
_PREPARED = "200"
_IN_INI = "whoever may write pgbouncer.ini, then RELOAD on the console"


def poolers(ground: Ground) -> Iterator[Advice]:
    """Of each PgBouncer that answered and told its configuration."""
    told = [one for one in ground.snapshot.pgbouncers if not one.product and one.version_num and one.config]
    yield from _room(ground, told)
    for one in told:
        for rule in (_faults, _auth_query, _open_door, _prepared_statements, _pgjdbc):
            yield from rule(one)


def _room(ground: Ground, told: list[PgBouncer]) -> Iterator[Advice]:
    """Pools that can ask for more than there is: each user is a further pool, and only one setting counts them all."""
    found = ground.case.overcommitment
    if found is None or found.fits or not told:
        return
    databases = {(pool.bouncer, pool.database) for pool in found.pools}
    most = found.room // max(1, len(databases))
    too_many = f"Fewer databases behind PgBouncer: {len(databases)} have {found.room} slots, and each needs a few."
    steps = (too_many,) if most < _LEAST else ()
    for one in told:
        if not any(bouncer == one.name for bouncer, _ in databases):
            continue
        change = () if steps else _change(one, "max_db_connections", str(most))
        yield _advice(
            one,
            "room",
            f"max_db_connections = {most} in {place(one.name)}" if not steps else "Fewer databases behind PgBouncer",
            (f"{sentence(found).capitalize()}.",),
            change,
            steps=steps,
            why="A pool is one for each role and database, so that each further role asks for a further pool_size; "
            "max_db_connections bounds them together. Beyond the slots PostgreSQL's own refusal reaches clients "
            "through the pooler.",
            source=f"{_CONFIG}#max_db_connections",
            risk="Clients wait in the queue instead. A server connection above it stays until it has idled.",
        )


def _faults(one: PgBouncer) -> Iterator[Advice]:
    if one.version_num >= versions.BOUNCER_MENDED_SINCE:
        return
    seen = [f"PgBouncer {safe(one.version)} is older than 1.25.2, which mends CVE-2026-6664 (whoever reaches its port "
            "can crash it), -6665, -6666 and -6667."]  # fmt: skip
    extra = (one.setting("track_extra_parameters") or "").lower()
    if (
        one.version_num < versions.BOUNCER_SEARCH_PATH_MENDED_SINCE
        and "search_path" in extra
        and one.setting("auth_user")
    ):
        seen.append("track_extra_parameters has search_path and auth_user is set: CVE-2025-12819 lets a client run SQL "
                    "as auth_user.")  # fmt: skip
    yield _advice(
        one,
        "faults",
        f"PgBouncer 1.25.2 or newer in place of {safe(one.version)} at {place(one.name)}",
        tuple(seen),
        (),
        steps=("Upgrade it. A distribution may have mended its own package: its changelog says so.",),
        why="All applications come through it: whoever ends it ends them all.",
        source=_CHANGELOG,
        effect=Effect.RESTART,
        risk="A restart drops the clients of this process.",
        needs="whoever administers its machine",
    )


def _auth_query(one: PgBouncer) -> Iterator[Advice]:
    text = one.setting("auth_query") or ""
    if not one.setting("auth_user") or not _CATALOGUES.search(text) or _LOOKS_AT_VALIDITY.search(text):
        return
    yield _advice(
        one,
        "auth-query",
        f"An auth_query that looks at VALID UNTIL, at {place(one.name)}",
        (f"auth_query is {safe(text)}.",),
        _change(one, "auth_query", "SELECT username, password FROM pgbouncer.get_auth($1)"),
        steps=("pgheadroom advise --write-pgbouncer DIR writes the function: auth.sql.",),
        why="This query lets a role in whose password is no longer valid (CVE-2025-2291), tells superusers' secrets, "
        "and needs an auth_user that may read them all. A SECURITY DEFINER function does none of it.",
        source=f"{_CHANGELOG}; tried on PgBouncer 1.18 and 1.26",
        risk="The function has to be in each database, or from 1.19 on in that of auth_dbname, before the reload.",
    )


def _open_door(one: PgBouncer) -> Iterator[Advice]:
    """Clients of other machines without TLS, or without a password."""
    hosts = {host.strip() for host in (one.setting("listen_addr") or "").split(",")}
    if hosts <= _LOOPBACK:
        return
    listens = f"It listens on {safe(one.setting('listen_addr') or '')}"
    if one.setting("auth_type") in ("any", "trust"):
        yield _advice(
            one,
            "trust",
            f"auth_type = scram-sha-256 at {place(one.name)}",
            (f"{listens} with auth_type {one.setting('auth_type')}: nobody is asked for a password.",),
            _change(one, "auth_type", "scram-sha-256"),
            why="Whoever reaches the port is whichever role it names.",
            source=f"{_CONFIG}#auth_type",
            risk="Roles need a SCRAM secret in auth_file, or an auth_query, before the reload.",
        )
    if one.setting("client_tls_sslmode") == "disable":
        yield _advice(
            one,
            "tls",
            f"client_tls_sslmode = require at {place(one.name)}",
            (f"{listens} without TLS.",),
            _change(one, "client_tls_sslmode", "require"),
            steps=("client_tls_key_file and client_tls_cert_file have to be set with it.",),
            why="Statements and results cross the network in clear.",
            source=f"{_CONFIG}#client_tls_sslmode",
            risk="Clients without TLS are refused: set it to allow first, and see in SHOW CLIENTS who uses none.",
        )


def _prepared_statements(one: PgBouncer) -> Iterator[Advice]:
    by_transaction = [pool for pool in one.pools if pool.mode == "transaction"]
    if one.version_num < versions.BOUNCER_PREPARED_STATEMENTS_SINCE or one.setting("max_prepared_statements") != "0":
        return
    if not by_transaction:
        return
    yield _advice(
        one,
        "prepared",
        f"max_prepared_statements = {_PREPARED} at {place(one.name)}",
        ("Pools in transaction mode, and max_prepared_statements is 0.",),
        _change(one, "max_prepared_statements", _PREPARED),
        why="Drivers prepare statements by themselves, and the next client finds another's on its connection: of 200 "
        "queries 15 to 24 failed with psycopg, 130 with asyncpg, 17 to 53 with pgjdbc, and with it none of psycopg's "
        "and asyncpg's. It is the default from 1.24 on.",
        source=f"{_CHANGELOG}; tried with 8 clients on a pool of 3",
        risk="Some memory for each server connection. SQL's own PREPARE is not followed.",
    )


def _pgjdbc(one: PgBouncer) -> Iterator[Advice]:
    ignored = one.setting("ignore_startup_parameters") or ""
    if "extra_float_digits" in ignored:
        return
    value = ", ".join(filter(None, (ignored, "extra_float_digits")))
    yield _advice(
        one,
        "startup",
        f"ignore_startup_parameters with extra_float_digits at {place(one.name)}",
        (f"ignore_startup_parameters is {safe(ignored) or 'empty'}.",),
        _change(one, "ignore_startup_parameters", value),
        why="pgjdbc sends it in each startup packet, and is refused.",
        source=f"{_CONFIG}#ignore_startup_parameters",
        risk="None for others.",
    )


def _change(one: PgBouncer, key: str, value: str) -> tuple[str, ...]:
    return ("[pgbouncer]", f"-{key} = {safe(one.setting(key) or '')}", f"+{key} = {value}")


def _advice(
    one: PgBouncer,
    key: str,
    title: str,
    seen: tuple[str, ...],
    change: tuple[str, ...],
    *,
    why: str,
    source: str,
    risk: str,
    steps: tuple[str, ...] = (),
    effect: Effect = Effect.RELOAD,
    needs: str = _IN_INI,
) -> Advice:
    undo = (change[0], f"-{change[2][1:]}", f"+{change[1][1:]}") if change else ()
    return Advice(
        key=f"pgbouncer-{key}:{one.name}", kind=KIND, title=title, seen=seen, why=why, source=source, steps=steps,
        effect=effect, risk=risk, needs=needs, change=change, change_back=undo,
    )  # fmt: skip
