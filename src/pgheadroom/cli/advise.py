"""`pgheadroom advise`: what was asked is checked, and the connection begun."""

import argparse
import os

from pgheadroom.cli.connection import settings_of
from pgheadroom.cli.diagnostics import put
from pgheadroom.cli.request import in_earnest
from pgheadroom.cli.source import begun
from pgheadroom.errors import EXIT_OK, UsageError


def advise(flags: argparse.Namespace) -> int:
    """Look, once or for `--watch`, and print the advice; or apply one, or undo it.

    Returns:
        0 when it happened, or was only shown; 1 when it did not.

    Raises:
        UsageError: A flag, a file or a variable is wrong, flags do not go together, or read-only.
        NoConnection: The server is not reached, or lost.
        NoAnswer: It does not answer in time.
        NotApplied: It may not be applied, or there is no such advice.
        AuditFailed: What was before could not be written down, and nothing was changed.
        PgHeadroomError: Files cannot be written.
    """
    if flags.sql or flags.sql_uninstall:
        put(_monitoring(flags))
        return EXIT_OK
    if flags.apply is not None or flags.undo is not None or flags.list_applied:
        return _apply(flags)
    if flags.write_pgbouncer is not None or flags.pgbouncer_version is not None:
        from pgheadroom.cli.bouncer_set import check_flags  # here and below: the connection is begun before

        check_flags(flags)
    if flags.snippet is not None and flags.watch is None:
        raise UsageError("--snippet needs to know how sessions are used: --watch 10m, for instance")
    settings = settings_of(flags, os.environ)
    with begun(settings, flags, beside="pgheadroom.cli.advise_server") as ahead:
        from pgheadroom.cli import advise_server

        return advise_server.advise(flags, settings, ahead)


def _monitoring(flags: argparse.Namespace) -> str:
    """SQL for monitors. No server is asked for it: it is the same for all versions."""
    from pgheadroom.advice.monitoring import monitoring_sql, monitoring_uninstall_sql

    if flags.sql_uninstall:
        return monitoring_uninstall_sql()
    return monitoring_sql(settings_of(flags, os.environ).thresholds)


def _apply(flags: argparse.Namespace) -> int:
    _check_together(flags)
    settings = settings_of(flags, os.environ)
    if settings.read_only and in_earnest(flags) and not flags.list_applied:
        from pgheadroom.cli.applying import refuse_read_only

        refuse_read_only(flags)
    with begun(settings, flags, beside="pgheadroom.cli.applying") as ahead:
        from pgheadroom.cli import applying

        return applying.apply_advice(flags, settings, ahead)


def _check_together(flags: argparse.Namespace) -> None:
    given = [flags.apply is not None, flags.undo is not None, flags.list_applied]
    if sum(given) != 1:
        raise UsageError("give one of --apply KEY, --undo KEY, --list-applied")
    if flags.write_pgbouncer is not None or flags.snippet is not None:
        raise UsageError("--apply, --undo and --list-applied go with no files")
    if flags.watch is not None and flags.apply is None:
        raise UsageError("--watch goes with --apply")
