"""`pgheadroom check --agent`: what the agent found, without a connection of its own."""

import argparse
import json
from collections.abc import Collection, Sequence
from dataclasses import fields, replace

from pgheadroom.agent.client import Place, ask
from pgheadroom.cli.diagnostics import put
from pgheadroom.deadline import NoAnswer
from pgheadroom.errors import PgHeadroomError, UsageError, WrongDocument
from pgheadroom.model.health import Status
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.model.verdict import Verdict
from pgheadroom.output.check import not_seen
from pgheadroom.output.check_json import read_verdict, reported_document
from pgheadroom.output.nagios import EXIT, plugin_output, plugin_output_of_all, worst
from pgheadroom.wire.sample import Json

_CONNECTING = ("host", "port", "username", "dbname", "door", "pgbouncer")
_JUDGING = ("warning", "critical", *(f"level_{field.name}" for field in fields(Thresholds)))
_SILENT = "silence"
"""The agent's reason for a server that does not answer."""


def check_agent(flags: argparse.Namespace, only: Collection[str]) -> int:
    """Ask it, and print; the result is the status.

    Raises:
        UsageError: A flag goes with a connection, or with thresholds: those are the agent's own.
        PgHeadroomError: The agent is not reached, or does not watch what is asked for.
    """
    _refuse_what_is_the_agents(flags)
    place: Place = flags.agent
    try:
        told = [_as_wanted(one, flags) for one in _targets(ask(place, sorted(only), flags.timeout), place, flags)]
        found = [_with_its_age(read_verdict(one), one, place) for one in told]
    except NoAnswer as silent:
        told, found = [], [not_seen(str(silent), status=_when_silent(flags))]
    except WrongDocument:
        raise PgHeadroomError(f"what the agent at {place} answers cannot be read") from None
    put(_printed(told, found, flags))
    return EXIT[worst(found)]


def _refuse_what_is_the_agents(flags: argparse.Namespace) -> None:
    if flags.watch is not None:
        raise UsageError("--watch: the agent watches all the time, leave it out")
    for name in (*_CONNECTING, *_JUDGING):
        if getattr(flags, name, None) is not None:
            flag = name.removeprefix("level_").replace("_", "-")
            whose = "connection" if name in _CONNECTING else "thresholds"
            raise UsageError(f"--{flag}: with --agent the {whose} are those of the agent's configuration")


def _targets(document: Json, place: Place, flags: argparse.Namespace) -> Sequence[Json]:
    """Of the agent's targets, those that are asked for."""
    known = {one["target"]: one for one in _list_of(document)}
    names = ", ".join(known)
    if flags.all:
        return list(known.values())
    if not flags.words and len(known) == 1:
        return list(known.values())
    if len(flags.words) != 1:
        raise UsageError(f"the agent at {place} watches {names}: name one of them, or --all")
    if flags.words[0] not in known:
        raise UsageError(f"the agent at {place} does not watch '{flags.words[0]}', but {names}")
    return [known[flags.words[0]]]


def _list_of(document: Json) -> list[Json]:
    found = document.get("targets")
    if not isinstance(found, list) or not found:
        raise WrongDocument("has no targets")
    if not all(isinstance(one, dict) and isinstance(one.get("target"), str) for one in found):
        raise WrongDocument("has a target without a name")
    return found


def _as_wanted(one: Json, flags: argparse.Namespace) -> Json:
    """A server that is silent is what the user wants it to be."""
    if one.get("reason") != _SILENT or one.get("status") != Status.UNKNOWN:
        return one
    status = _when_silent(flags)
    return {**one, "status": status.value, "exit": EXIT[status]}


def _when_silent(flags: argparse.Namespace) -> Status:
    return Status.CRITICAL if flags.on_timeout == "critical" else Status.UNKNOWN


def _with_its_age(verdict: Verdict, one: Json, place: Place) -> Verdict:
    age = one.get("age_seconds")
    how = f"a sample of {age:.1f} s ago" if isinstance(age, (int, float)) else "no sample so far"
    return replace(verdict, details=(*verdict.details, f"through the agent at {place}: {how}"))


def _printed(told: Sequence[Json], found: Sequence[Verdict], flags: argparse.Namespace) -> str:
    if flags.format == "json":
        document = reported_document(told, found, several=flags.all)
        return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False)
    return plugin_output_of_all(found) if flags.all else plugin_output(found[0])
