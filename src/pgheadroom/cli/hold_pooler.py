"""`pgheadroom hold --pause DB` and its like: a database of a PgBouncer held back, and let go again.

It needs the admin console alone: a server without a free slot is no hindrance.
"""

import argparse
import asyncio
import json
import os
import time
from collections.abc import Sequence
from typing import Any

from pgheadroom.acting.bouncers import Given, give
from pgheadroom.audit import Audit, audit_of
from pgheadroom.cli.diagnostics import put, say
from pgheadroom.cli.hold_verbs import flag
from pgheadroom.cli.request import Request
from pgheadroom.config import Settings
from pgheadroom.errors import EXIT_NOT_ALL, EXIT_OK, PgHeadroomError, UsageError
from pgheadroom.live.consoles import Consoles
from pgheadroom.model.bouncer_command import BouncerCommand, CommandOutcome
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.pooler_hold import UNDONE_BY, PoolerHold
from pgheadroom.rules.pools.commands import command_words, consequence, forbidden
from pgheadroom.wire.codec import told_moment
from pgheadroom.words.text import safe
from pgheadroom.words.wording import clipped

SCHEMA = 1
_LOOK_WITHIN = 5.0


class NotGiven(PgHeadroomError):  # noqa: N818 - it is what happened
    """The command cannot be given; one line says why."""

    exit_code = EXIT_NOT_ALL


def hold_pooler(flags: argparse.Namespace, settings: Settings, command: BouncerCommand) -> int:
    """As `command_pooler`, from the beginning.

    Raises:
        AuditFailed: What is done cannot be written down.
    """
    audit = audit_of(os.environ, required=not flags.no_audit)
    return asyncio.run(command_pooler(flags, settings, audit, command))


async def command_pooler(flags: argparse.Namespace, settings: Settings, audit: Audit, command: BouncerCommand) -> int:
    """Show what the command would do, and with `--yes` give it; what came of it is read back.

    Raises:
        UsageError: No PgBouncer was given, or several have a database of this name.
        NotGiven: None has it, or the command cannot be given to it.
        AuditFailed: It cannot be written down, and was not given.
    """
    if not settings.pgbouncers:
        raise UsageError(f"{flag(command.verb)} is about a database of a PgBouncer: --pgbouncer CONNINFO")
    consoles = Consoles(settings.pgbouncers)
    try:
        bouncer = _with_database(await _seen(consoles, command.database), command.database)
        return await _command(Request(flags, settings, audit), consoles, bouncer, command)
    finally:
        await consoles.close()


async def _seen(consoles: Consoles, database: str) -> tuple[PgBouncer, ...]:
    """Each of them, once it has said what it has, or what keeps it from that."""
    deadline = time.monotonic() + _LOOK_WITHIN
    while (left := deadline - time.monotonic()) > 0:
        if asked := consoles.begin():
            await asyncio.wait(asked, timeout=left)
        if all(one.trouble or (one.databases and one.admin is not None) for one in consoles.latest()):
            break
    return consoles.latest()


def _with_database(bouncers: Sequence[PgBouncer], name: str) -> PgBouncer:
    found = [one for one in bouncers if one.database(name) is not None]
    if len(found) > 1:
        names = ", ".join(safe(one.name) for one in found)
        raise UsageError(f"several have a database {clipped(name)}: {names}; give one --pgbouncer")
    if found:
        return found[0]
    troubles = [f"; {safe(one.name)}: {safe(one.trouble)}" for one in bouncers if one.trouble]
    raise NotGiven(f"no PgBouncer here has a database {clipped(name)}{''.join(troubles)}")


async def _command(request: Request, consoles: Consoles, bouncer: PgBouncer, command: BouncerCommand) -> int:
    words, does = command_words(command), consequence(command, bouncer)
    if why := forbidden(command, bouncer):
        if request.in_earnest:
            request.audit.refuse_change(command.verb.value, "database", command.database, why)
        raise NotGiven(f"{words}: {why}")
    if not request.as_json:
        put("\n".join(_lines(bouncer, command, does)))
    given = None
    if request.in_earnest:
        given = await give(command, bouncer.name, does, consoles, request.audit)
        if given.trouble:
            say(given.trouble)
    else:
        say(f"nothing was changed: add --yes to {words}")
    if request.as_json:
        put(json.dumps(_document(bouncer, command, does, given), indent=2))
    elif given is not None:
        put(f"\n{given.sentence}")
    return EXIT_OK if given is None or given.result.outcome is CommandOutcome.DONE else EXIT_NOT_ALL


def _lines(bouncer: PgBouncer, command: BouncerCommand, does: str) -> list[str]:
    lines = [f"{command_words(command)}  in PgBouncer {safe(bouncer.name)} {safe(bouncer.version)}", "", f"  {does}"]
    if undoing := UNDONE_BY.get(command.verb):
        lines += ["", f"to let go: pgheadroom hold {flag(undoing)} {clipped(command.database)}"]
    return lines


def _document(bouncer: PgBouncer, command: BouncerCommand, does: str, given: Given | None) -> dict[str, Any]:
    result = None
    if given is not None:
        result = {"outcome": given.result.outcome.value, "message": given.result.message}
    return {
        "schema": SCHEMA,
        "verb": command.verb.value,
        "pgbouncer": bouncer.name,
        "database": command.database,
        "does": does,
        "result": result,
    }


# --- what is held ----------------------------------------------------------------------------------------------------


def pooler_line(hold: PoolerHold) -> str:
    """`PAUSE shop in PgBouncer db1:6432; since 02:57 by ana: pgheadroom hold --resume shop lets it go`."""
    since = hold.since.astimezone().strftime("%Y-%m-%d %H:%M")
    return (
        f"{command_words(hold.command)} in PgBouncer {clipped(hold.bouncer, 60)}; given {since} by "
        f"{clipped(hold.os_user, 40)}: {flag(hold.undoing.verb)} {clipped(hold.command.database)} lets it go"
    )


def pooler_document(holds: Sequence[PoolerHold]) -> list[dict[str, Any]]:
    return [
        {
            "pgbouncer": one.bouncer,
            "verb": one.command.verb.value,
            "database": one.command.database,
            "since": told_moment(one.since),
            "os_user": one.os_user,
        }
        for one in holds
    ]
