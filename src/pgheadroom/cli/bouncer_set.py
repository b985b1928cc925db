"""`pgheadroom advise --write-pgbouncer`: the files of a PgBouncer for this server, written into a new folder."""

import argparse
import os
import secrets
from pathlib import Path

from pgheadroom.advice.bouncer_files import ADMIN, AUTH_USER, STATS, Secret, bouncer_files
from pgheadroom.advice.bouncer_plan import BouncerPlan, PlannedDatabase, Upstream, bouncer_plan
from pgheadroom.advice.ground import Ground
from pgheadroom.advice.scram import verifier
from pgheadroom.errors import PgHeadroomError, UsageError
from pgheadroom.model import versions
from pgheadroom.model.pool import version_tuple
from pgheadroom.postgres.sampling import Probe
from pgheadroom.words.text import safe

_SECRET = frozenset({"userlist.txt", "userlist-peer.txt", "pgpass"})
_NEWEST = (1, 99)


def check_flags(flags: argparse.Namespace) -> None:
    """Refuse what cannot be written, before anybody is connected to.

    Raises:
        UsageError: The version is none, or too old, or the folder is not empty.
    """
    if flags.pgbouncer_version is not None:
        if flags.write_pgbouncer is None:
            raise UsageError("--pgbouncer-version goes with --write-pgbouncer DIR")
        if not versions.BOUNCER_OLDEST <= version_tuple(flags.pgbouncer_version) <= _NEWEST:
            raise UsageError(f"--pgbouncer-version: {_dotted(versions.BOUNCER_OLDEST)} or newer, for instance 1.24")
    folder = Path(flags.write_pgbouncer) if flags.write_pgbouncer is not None else None
    if folder is not None and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"--write-pgbouncer: {folder} is there already and not empty")


async def upstream_of(probe: Probe) -> Upstream:
    """Where our own connection goes: the same place for a PgBouncer beside us."""
    info = probe.connection.info
    return Upstream(info.host, info.port, info.pgconn.ssl_in_use)


def write_set(ground: Ground, upstream: Upstream, flags: argparse.Namespace) -> str:
    """Write it.

    Returns:
        What was written, and what to read first.

    Raises:
        PgHeadroomError: The folder cannot be written to.
    """
    plan = bouncer_plan(ground, upstream, _version(ground, flags))
    folder = Path(flags.write_pgbouncer)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text in bouncer_files(plan, {user: _secret() for user in (AUTH_USER, ADMIN, STATS)}).items():
            _write(folder / name, text, 0o600 if name in _SECRET else 0o644)
    except OSError as error:
        raise PgHeadroomError(f"{error.filename or folder}: {error.strerror}") from None
    return _told(plan, folder)


def _version(ground: Ground, flags: argparse.Namespace) -> tuple[int, ...]:
    """What was said, else that of a PgBouncer that we watch, else the oldest: what is for it starts on every newer."""
    if flags.pgbouncer_version is not None:
        return version_tuple(flags.pgbouncer_version)
    watched = [one.version_num for one in ground.snapshot.pgbouncers if one.version_num >= versions.BOUNCER_OLDEST]
    return min(watched, default=versions.BOUNCER_OLDEST)


def _secret() -> Secret:
    password = secrets.token_urlsafe(24)
    return Secret(password, verifier(password, secrets.token_bytes(16)))


def _write(path: Path, text: str, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(text)


def _told(plan: BouncerPlan, folder: Path) -> str:
    lines = [
        f"Written to {folder}, for PgBouncer {_dotted(plan.version)}: begin with STEPS.md.",
        f"{plan.servers} server connections at most, of {plan.usable} usable slots; {plan.clients} clients.",
        *map(_line, plan.databases),
        *(f"left out: {reason}" for reason in plan.left_out),
        *(
            f"transaction mode breaks {safe(one.user)}/{safe(one.application)} in {safe(one.database)}: {one.what}"
            for one in plan.breaking
        ),
    ]
    if not plan.fits:
        lines.append("This does not fit beside who connects directly: put fewer databases behind it.")
    return "\n".join(lines)


def _line(one: PlannedDatabase) -> str:
    called = f", called {one.alias} there" if one.alias != one.name else ""
    return f"database {safe(one.name)}: {one.most} connections, {one.pool} for each role{called}"


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
