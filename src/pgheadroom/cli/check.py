"""`pgheadroom check`: servers against thresholds, for a monitoring system."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pgheadroom.cli.diagnostics import put, scrubbed
from pgheadroom.conninfo import without_passwords
from pgheadroom.errors import UsageError
from pgheadroom.tls_later import put_off_tls

if TYPE_CHECKING:
    from pgheadroom.model.verdict import Verdict


def check(flags: argparse.Namespace) -> int:
    """Have it sampled and compared, and print it; the result is the status.

    Raises:
        UsageError: A flag, a file or a variable is wrong.
    """
    if flags.agent is not None:
        from pgheadroom.cli.check_agent import check_agent  # here and below: each does without what the other needs

        return check_agent(flags, _metrics(flags))
    put_off_tls()
    from pgheadroom.cli.check_targets import targets
    from pgheadroom.cli.source import begun_unattended

    every = targets(flags)
    with begun_unattended(every, beside="pgheadroom.cli.check_server") as ahead:
        from pgheadroom.cli.check_server import verdicts

        found = verdicts(flags, every, _metrics(flags), ahead)
    from pgheadroom.output.nagios import EXIT, worst

    put(_printed(found, flags))
    return EXIT[worst(found)]


def put_unknown(reason: str) -> int:
    """Say why nothing can be said, on the line that a monitoring system reads."""
    from pgheadroom.model.health import Status
    from pgheadroom.output.check import not_seen
    from pgheadroom.output.nagios import EXIT, plugin_output

    put(plugin_output(not_seen(scrubbed(without_passwords(reason)))))
    return EXIT[Status.UNKNOWN]


def _metrics(flags: argparse.Namespace) -> frozenset[str]:
    """The metrics that were chosen; each is also known by the name of its threshold."""
    from pgheadroom.rules.verdict.measures import THRESHOLD_OF

    named = {THRESHOLD_OF[metric]: metric for metric in THRESHOLD_OF}
    for name in flags.metric or ():
        if name not in named and name not in THRESHOLD_OF:
            raise UsageError(f"--metric: there is no '{name}'; there are {', '.join(named)}")
    return frozenset(named.get(name, name) for name in flags.metric or ())


def _printed(verdicts: "Sequence[Verdict]", flags: argparse.Namespace) -> str:
    if flags.format == "json":
        import json  # here: few ask for it

        from pgheadroom.output.check_json import verdict_document, verdicts_document

        document = verdicts_document(verdicts) if flags.all else verdict_document(verdicts[0])
        return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False)
    from pgheadroom.output.nagios import plugin_output, plugin_output_of_all

    return plugin_output_of_all(verdicts) if flags.all else plugin_output(verdicts[0])
