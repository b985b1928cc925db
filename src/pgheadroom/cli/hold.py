"""`pgheadroom hold`: what was asked is checked, and the connection begun."""

import argparse
import os

from pgheadroom.cli.connection import settings_of
from pgheadroom.cli.hold_verbs import VERBS, asked_command, flag
from pgheadroom.cli.request import in_earnest
from pgheadroom.cli.source import begun
from pgheadroom.errors import UsageError


def hold(flags: argparse.Namespace) -> int:
    """Hold back a role or a database so that a cure holds, list or let go; without `--yes` only show it.

    Returns:
        0 when all that was asked happened, 1 when some did not.

    Raises:
        UsageError: Flags that do not go together, or read-only.
        NotHeld: It may not be held, or is not there.
        NoConnection: The server is not reached, or lost.
        AuditFailed: What was before could not be written down, and nothing was changed.
    """
    _check(flags)
    settings = settings_of(flags, os.environ)
    if settings.read_only and in_earnest(flags) and not flags.list:
        from pgheadroom.cli.hold_server import refuse_read_only  # here and below: the connection is begun before

        refuse_read_only(flags)
    if (command := asked_command(flags)) is not None:
        from pgheadroom.cli.hold_pooler import hold_pooler

        return hold_pooler(flags, settings, command)
    with begun(settings, flags, beside="pgheadroom.cli.hold_server") as ahead:
        from pgheadroom.cli import hold_server

        return hold_server.hold(flags, settings, ahead)


def _check(flags: argparse.Namespace) -> None:
    asked = {
        "--user": flags.user is not None,
        "--database": flags.database is not None,
        "--list": flags.list,
        "--release": flags.release is not None,
        "--all": flags.all,
        **{flag(verb): getattr(flags, verb.lower()) is not None for verb in VERBS},
    }
    given = [name for name, there in asked.items() if there]
    if len(given) != 1:
        poolers = ", ".join(f"{flag(verb)} NAME" for verb in VERBS)
        raise UsageError(f"give one of --user ROLE, --database NAME, --list, --release NAME, --all, {poolers}")
    if flags.nologin and not asked["--user"]:
        raise UsageError("--nologin is for a role: --user ROLE --nologin")
    if flags.idle_in_transaction_timeout is not None and not (asked["--user"] or asked["--release"]):
        raise UsageError("--idle-in-transaction-timeout is for a role: --user ROLE")
    if flags.idle_in_transaction_timeout == "" and not asked["--release"]:
        raise UsageError("--idle-in-transaction-timeout none holds nobody: let it go with --release")
    if flags.login and not asked["--release"]:
        raise UsageError("--login goes with --release NAME")
    if (flags.end or flags.include_transactions) and not (asked["--user"] or asked["--database"]):
        raise UsageError("--end goes with --user or --database")
    if flags.end and flags.idle_in_transaction_timeout is not None and flags.limit is None and not flags.nologin:
        raise UsageError("--end goes with a limit: nobody is kept out by a timeout")
    if flags.include_transactions and not flags.end:
        raise UsageError("--include-transactions goes with --end")
    if flags.limit is not None and not (asked["--user"] or asked["--database"] or asked["--release"]):
        raise UsageError("--limit is for one role or database")
    if flags.limit == -1 and not asked["--release"]:
        raise UsageError("--limit -1 holds nobody: let it go with --release")
