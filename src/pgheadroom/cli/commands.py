"""The commands: a row for each, beside the flags that only it has.

A new command is a file with the function that runs it, and a row here. What it needs is loaded when it runs: this
module is standard library only, so that `--help` is there at once.
"""

import argparse
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from pgheadroom.cli import values
from pgheadroom.tls_later import put_off_tls

MONITOR = "monitor"


@dataclass(frozen=True, slots=True)
class Command:
    """A row.

    Attributes:
        summary: What the help says of it, in half a line.
        runs: `module:function`; it takes the flags and returns the exit code.
        add_flags: Adds the flags that only it has.
        connects: It takes the flags for connecting, and a word that says where to.
        samples_on: It goes on sampling, so that an interval means something.
        never_asks: Nobody is there to be asked for a password: it has neither `-w` nor `-W`.
        for_monitoring: A monitoring system runs it, and wants to be told in its own way what goes wrong.
        loops: It always needs asyncio.
    """

    summary: str
    runs: str
    add_flags: Callable[[argparse.ArgumentParser], None]
    connects: bool = True
    samples_on: bool = False
    never_asks: bool = False
    for_monitoring: bool = False
    loops: bool = True

    def load(self) -> Callable[[argparse.Namespace], int]:
        """The function that runs it, with all that it needs."""
        if self.loops:
            put_off_tls()
        module, _, function = self.runs.partition(":")
        return cast("Callable[[argparse.Namespace], int]", getattr(importlib.import_module(module), function))


def _no_audit(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--no-audit", action="store_true", help="act even when the audit file cannot be written")


def _format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how to print it (default: text)")


def _demo_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--scenario", metavar="NAME", help="which outage; 'help' lists them")
    parser.add_argument("--guide", action="store_true", help="with a panel that leads through it, step by step")
    parser.add_argument(
        "--no-monitor",
        action="store_true",
        help="print where to connect, and run until Ctrl-C",
    )
    _no_audit(parser)
    # Its own servers want no password, and without a terminal it prints text.
    parser.set_defaults(password=False, no_password=True, format="text")


def _signal_flags(parser: argparse.ArgumentParser) -> None:
    _format(parser)
    filters = parser.add_argument_group("which sessions (all that are given must hold; at least one is needed)")
    filters.add_argument("--state", metavar="STATE", help="active, idle, 'idle in transaction', aborted")
    filters.add_argument(
        "--idle-longer", metavar="TIME", type=values.duration, help="idle for longer than 10m, 2h, ..."
    )
    filters.add_argument(
        "--idle-in-transaction-longer",
        metavar="TIME",
        type=values.duration,
        help="idle in transaction, aborted or not, for longer than this",
    )
    filters.add_argument(
        "--transaction-longer", metavar="TIME", type=values.duration, help="with a transaction older than this"
    )
    filters.add_argument(
        "--query-longer",
        metavar="TIME",
        type=values.duration,
        help="active with a query that runs for longer than this",
    )
    filters.add_argument("--user", metavar="ROLE", help="of this login role (-U is who connects)")
    filters.add_argument("--application", metavar="NAME", help="with this application_name; * stands for any text")
    filters.add_argument("--client", metavar="ADDRESS", help="from this address or network, or 'local'")
    filters.add_argument("--database", metavar="NAME", help="in this database (-d is where to connect)")
    filters.add_argument("--filter", metavar="EXPRESSION", help="what / takes in the monitor: 'user:web age>10m'")
    how = parser.add_argument_group("how")
    how.add_argument("--dry-run", action="store_true", help="only show who it would be (this is the default)")
    how.add_argument("--yes", action="store_true", help="do it")
    how.add_argument(
        "--limit", metavar="N", type=values.count, help="at most N sessions, the oldest in their state first"
    )
    how.add_argument(
        "--include-superusers", action="store_true", help="also a superuser's sessions; needs --user with its name"
    )
    how.add_argument(
        "--include-poolers", action="store_true", help="also a pooler's server connections, whoever uses them now"
    )
    _no_audit(how)


def _check_flags(parser: argparse.ArgumentParser) -> None:
    from dataclasses import fields  # here and below: no other command needs them

    from pgheadroom.model.thresholds import Thresholds

    _format(parser)
    what = parser.add_argument_group("what is checked (by default every metric and every finding)")
    what.add_argument("--metric", metavar="NAME", action="append", help="only this one; repeat it for more")
    what.add_argument(
        "-w", "--warning", metavar="LEVEL", help="of the one --metric (usage, if none is given): 80%%, 90, or -5 left"
    )
    what.add_argument("-c", "--critical", metavar="LEVEL", help="likewise; -w is not psql's here: it never asks anyway")
    what.add_argument("--all", action="store_true", help="every target of the configuration, side by side")
    how = parser.add_argument_group("how")
    how.add_argument(
        "--agent",
        metavar="PLACE",
        type=values.agents_place,
        help="ask the agent that listens there (127.0.0.1:9899, a URL): no slot is taken, and it has the time before",
    )
    how.add_argument(
        "--watch", metavar="TIME", type=values.duration_or_seconds, help="sample for so long before judging"
    )
    how.add_argument(
        "--timeout", metavar="TIME", type=values.duration_or_seconds, default=10.0, help="for an answer (default: 10s)"
    )
    how.add_argument(
        "--on-timeout", choices=("unknown", "critical"), default="unknown", help="what no answer is (default: unknown)"
    )
    levels = parser.add_argument_group("thresholds (as in the configuration: WARNING,CRITICAL; --usage=-10,-5)")
    for field in fields(Thresholds):
        shape = "TIME" if field.name == "long_query_seconds" else "W,C"
        levels.add_argument(f"--{field.name.replace('_', '-')}", dest=f"level_{field.name}", metavar=shape)
    parser.set_defaults(password=False, no_password=True)


def _snapshot_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format",
        choices=("text", "json", "openmetrics", "csv"),
        default="text",
        help="how to print it (default: text)",
    )
    parser.add_argument(
        "--table", choices=("sessions", "hogs", "locks", "pools", "findings"), help="which one, for --format csv"
    )
    parser.add_argument(
        "--textfile",
        metavar="PATH",
        help="write metrics there, whole or not at all, for node_exporter's textfile collector; print nothing",
    )


def _agent_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        type=values.listening_place,
        default=("127.0.0.1", 9899),
        help="where metrics are served (default: 127.0.0.1:9899)",
    )
    parser.add_argument(
        "--web.config.file",
        dest="web_config",
        metavar="FILE",
        help="TLS and basic auth, in the form that Prometheus' exporters use",
    )
    parser.add_argument(
        "--top",
        metavar="N",
        type=values.count,
        default=20,
        help="groups of user, application and database that have series of their own (default: 20)",
    )
    parser.add_argument(
        "--compat",
        metavar="NAMES",
        type=values.exporters,
        default=(),
        help="serve the names of postgres_exporter,pgbouncer_exporter as well",
    )
    parser.add_argument(
        "--notify",
        metavar="NAME",
        type=values.channel_name,
        action="append",
        default=[],
        help="tell of troubles on this channel, not on those that the target names; repeat it for more",
    )
    parser.set_defaults(password=False, no_password=True)


def _notify_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", type=values.channel_name, help="channels; all without one")
    parser.add_argument("--test", action="store_true", help="send one message to each, and say what became of it")


def _hold_flags(parser: argparse.ArgumentParser) -> None:
    _format(parser)
    what = parser.add_argument_group("what is held back, and how far")
    what.add_argument("--user", metavar="ROLE", help="this login role (-U is who connects)")
    what.add_argument("--database", metavar="NAME", help="this database, with all its roles (-d is where to connect)")
    what.add_argument(
        "--limit",
        metavar="N",
        type=values.limit,
        help="its CONNECTION LIMIT (default: what leaves the others their share); of --release: what it gets",
    )
    what.add_argument("--nologin", action="store_true", help="NOLOGIN: nobody new gets in as this role")
    what.add_argument(
        "--idle-in-transaction-timeout",
        metavar="TIME",
        type=values.timeout,
        help="its idle_in_transaction_session_timeout, for new logins; of --release: what it gets (none)",
    )
    what.add_argument(
        "--end", action="store_true", help="then end its idle sessions above the limit, the longest idle first"
    )
    what.add_argument(
        "--include-transactions", action="store_true", help="of --end: also who idles in a transaction, after the idle"
    )
    poolers = parser.add_argument_group("a database of a PgBouncer (--pgbouncer), for every role of it")
    poolers.add_argument("--pause", metavar="NAME", help="its clients wait, and its server connections are closed")
    poolers.add_argument("--disable", metavar="NAME", help="refuses its new clients; who is connected stays")
    poolers.add_argument("--resume", metavar="NAME", help="lets go of what was paused")
    poolers.add_argument("--enable", metavar="NAME", help="lets go of what was disabled")
    back = parser.add_argument_group("what is held already")
    back.add_argument("--list", action="store_true", help="what is held, since when and by whom")
    back.add_argument("--release", metavar="NAME", help="let this role or database go: it gets what it had before")
    back.add_argument("--all", action="store_true", help="let all go that is held on this server")
    back.add_argument("--login", action="store_true", help="of --release, where no record is: LOGIN again")
    how = parser.add_argument_group("how")
    how.add_argument("--dry-run", action="store_true", help="only show what it would do (this is the default)")
    how.add_argument("--yes", action="store_true", help="do it")
    _no_audit(how)


def _advise_flags(parser: argparse.ArgumentParser) -> None:
    _format(parser)
    parser.add_argument(
        "--watch",
        metavar="TIME",
        type=values.duration_or_seconds,
        help="look for so long before advising: how long sessions rest and are used again is known only then",
    )
    files = parser.add_argument_group("files for what is not there yet")
    files.add_argument(
        "--write-pgbouncer", metavar="DIR", help="write a sized PgBouncer for this server, and how to move to it, there"
    )
    files.add_argument("--pgbouncer-version", metavar="VERSION", help="the one it is for (default: any from 1.18)")
    files.add_argument(
        "--snippet",
        choices=("psycopg_pool", "psycopg2", "sqlalchemy", "node-postgres", "hikaricp"),
        help="with --watch: print a pool of this library, sized for the application that has most sessions",
    )
    files.add_argument(
        "--sql", action="store_true", help="print a view and a health function for monitors that ask in SQL"
    )
    files.add_argument("--sql-uninstall", action="store_true", help="print what takes them away")
    apply = parser.add_argument_group("apply one, and undo it")
    apply.add_argument("--apply", metavar="KEY", help="apply the piece of advice that has this key")
    apply.add_argument("--undo", metavar="KEY", help="undo what was applied of this key; last: the last that was")
    apply.add_argument("--list-applied", action="store_true", help="what is applied, since when and by whom")
    apply.add_argument("--dry-run", action="store_true", help="only show what it would do (this is the default)")
    apply.add_argument("--yes", action="store_true", help="do it")
    _no_audit(apply)


def _rules_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=("prometheus", "grafana"), help="alert rules, or a dashboard")


COMMANDS: dict[str, Command] = {
    MONITOR: Command(
        "the live monitor, when no command is given", "pgheadroom.cli.monitor:monitor", _no_audit, samples_on=True
    ),
    "snapshot": Command(
        "one sample as text, JSON, metrics or CSV", "pgheadroom.cli.snapshot:snapshot", _snapshot_flags
    ),
    "check": Command(
        "thresholds for Nagios and its kin: exit 0, 1, 2, 3",
        "pgheadroom.cli.check:check",
        _check_flags,
        samples_on=True,
        never_asks=True,
        for_monitoring=True,
        loops=False,
    ),
    "agent": Command(
        "no screen: holds a slot for each target, serves metrics",
        "pgheadroom.cli.agent:agent",
        _agent_flags,
        samples_on=True,
        never_asks=True,
    ),
    "notify": Command(
        "a test message to each channel that the agent tells troubles on",
        "pgheadroom.cli.notify:notify",
        _notify_flags,
        connects=False,
    ),
    "rules": Command(
        "alert rules for Prometheus, a dashboard for Grafana",
        "pgheadroom.cli.rules:rules",
        _rules_flags,
        connects=False,
    ),
    "demo": Command(
        "an outage to rehearse on, nothing to install",
        "pgheadroom.cli.demo:demo",
        _demo_flags,
        connects=False,
        samples_on=True,
    ),
    "terminate": Command(
        "end sessions that a filter selects; shows them first", "pgheadroom.cli.signals:terminate", _signal_flags
    ),
    "cancel": Command(
        "cancel the queries of sessions that a filter selects", "pgheadroom.cli.signals:cancel", _signal_flags
    ),
    "hold": Command(
        "limit a role or a database so that a cure holds; let go again", "pgheadroom.cli.hold:hold", _hold_flags
    ),
    "advise": Command(
        "what keeps it from happening again, computed from this server",
        "pgheadroom.cli.advise:advise",
        _advise_flags,
        samples_on=True,
    ),
}
