"""`pgheadroom terminate` and `pgheadroom cancel`: what was asked is checked, and the connection begun."""

import argparse
import os

from pgheadroom.cli.connection import settings_of
from pgheadroom.cli.request import in_earnest
from pgheadroom.cli.selection import selection
from pgheadroom.cli.source import begun
from pgheadroom.errors import UsageError


def terminate(flags: argparse.Namespace) -> int:
    """End the sessions that the filter selects; without `--yes` only show them.

    Returns:
        0 when all that was asked happened, 1 when some did not.

    Raises:
        UsageError: No filter, a wrong one, or read-only.
        NoConnection: The server is not reached, or lost.
        AuditFailed: The action could not be written down, and nothing was signalled.
    """
    return _run("terminate", flags)


def cancel(flags: argparse.Namespace) -> int:
    """Cancel the queries of the sessions that the filter selects; as `terminate`."""
    return _run("cancel", flags)


def _run(verb: str, flags: argparse.Namespace) -> int:
    chosen = selection(flags)
    if flags.include_superusers and flags.user is None:
        raise UsageError("--include-superusers needs --user with the superuser's name")
    settings = settings_of(flags, os.environ)
    if settings.read_only and in_earnest(flags):
        from pgheadroom.cli.signals_server import refuse_read_only  # here and below: the connection is begun before

        refuse_read_only(verb, flags, chosen)
    with begun(settings, flags, beside="pgheadroom.cli.signals_server") as ahead:
        from pgheadroom.cli.signals_server import signal

        return signal(verb, flags, settings, chosen, ahead)
