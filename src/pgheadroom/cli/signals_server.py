"""`pgheadroom terminate` and `cancel` on the server: sessions by filter, shown first, written down, and followed."""

import argparse
import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from pgheadroom.acting.powers import Powers
from pgheadroom.acting.sessions import Confirmed, SessionAction, watch
from pgheadroom.audit import audit_of
from pgheadroom.cli import terminal
from pgheadroom.cli.diagnostics import put, say
from pgheadroom.cli.preview import (
    BEYOND_LIMIT,
    Preview,
    nothing_was_done,
    preview_document,
    preview_text,
    result_document,
    result_text,
)
from pgheadroom.cli.request import Request
from pgheadroom.cli.source import open_source
from pgheadroom.config import Settings
from pgheadroom.errors import EXIT_NOT_ALL, EXIT_OK, PgHeadroomError, UsageError
from pgheadroom.live.source import LiveSource
from pgheadroom.model.action import Verb
from pgheadroom.model.plan import Plan, Scope
from pgheadroom.model.session import Session, State
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.postgres.ahead import Ahead
from pgheadroom.rules.acting.choice import by_filter
from pgheadroom.rules.acting.outcome import as_asked
from pgheadroom.rules.acting.plan import NOT_KNOWN, plan
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.filters.language import Filter

_LOOK_WITHIN = 5.0
"""Seconds for one look at what came of it. A server that does not answer for so long tells nothing more."""


def refuse_read_only(verb: str, flags: argparse.Namespace, chosen: Filter) -> NoReturn:
    """Write down what was asked for.

    Raises:
        UsageError: It is not done.
    """
    audit = audit_of(os.environ, required=not flags.no_audit)
    audit.refuse(Verb(verb), (), None, str(chosen), "read-only")
    raise UsageError(f"read-only: nothing was signalled ({verb} needs a target that is not read_only)")


def signal(verb: str, flags: argparse.Namespace, settings: Settings, chosen: Filter, ahead: Ahead | None) -> int:
    """Send it to the sessions that the filter selects; without `--yes` only show them. Errors as of the commands."""
    audit = audit_of(os.environ, required=not flags.no_audit)
    return asyncio.run(_on_the_server(SignalRequest(flags, settings, audit, Verb(verb), chosen), ahead))


@dataclass(frozen=True, slots=True)
class SignalRequest(Request):
    """Which signal one run is asked to send, and to whom."""

    verb: Verb
    chosen: Filter


async def _on_the_server(request: SignalRequest, ahead: Ahead | None) -> int:
    source = await open_source(request.settings, request.flags, ahead=ahead)
    try:
        seen = await source.sample_once()
        preview = Preview(planned(request, seen), str(request.chosen), seen)
        _warn(seen)
        if request.in_earnest and preview.plan.targets:
            return await _act(request, preview, source)
        _print_preview(request, preview)
        return _not_seen(request, preview.plan, seen) if request.in_earnest else EXIT_OK
    finally:
        await source.close()


def _warn(seen: Snapshot) -> None:
    if not seen.exact:
        say("; ".join(gap.reason for gap in seen.gaps if gap.part == "sessions"))


def _not_seen(request: SignalRequest, done: Plan, seen: Snapshot) -> int:
    """What lacks a right to be told apart did not happen as asked; what a rule protects is no fault."""
    unknown = any(reason in NOT_KNOWN for _, reason in done.left_out)
    hidden = (session for session in seen.sessions if session.state is State.HIDDEN)
    unknown = unknown or any(request.chosen.may_match_hidden(session, seen.taken_at) for session in hidden)
    return EXIT_NOT_ALL if unknown else EXIT_OK


# --- who -------------------------------------------------------------------------------------------------------------


def planned(request: SignalRequest, seen: Snapshot) -> Plan:
    """Who would be signalled, within `--limit`."""
    chosen = request.chosen.select(seen.sessions, seen.taken_at)
    if request.flags.include_superusers:
        # A superuser has to be named as it is: also what --filter takes in.
        chosen = [session for session in chosen if session.user == request.flags.user]
    whole = _plan(request, seen, chosen)
    limit = request.flags.limit
    if limit is None or len(whole.targets) <= limit:
        return whole
    return _limited(request, seen, whole, limit)


def _plan(request: SignalRequest, seen: Snapshot, chosen: Sequence[Session]) -> Plan:
    protected = frozenset(request.settings.protected_roles)
    scope = Scope(protected, request.flags.include_superusers, request.flags.include_poolers)
    return plan(Case(seen, request.settings.thresholds), request.verb, chosen, scope)


def _limited(request: SignalRequest, seen: Snapshot, whole: Plan, limit: int) -> Plan:
    def since(session: Session) -> float:
        return (session.in_state_since or seen.taken_at).timestamp()

    oldest = sorted(whole.targets, key=since)
    kept = _plan(request, seen, oldest[:limit])
    beyond = tuple((session, BEYOND_LIMIT) for session in oldest[limit:])
    return replace(kept, left_out=(*whole.left_out, *beyond))


# --- doing it --------------------------------------------------------------------------------------------------------


async def _act(request: SignalRequest, preview: Preview, source: LiveSource) -> int:
    if not request.as_json:
        put(preview_text(preview, terminal.text_width()) + "\n")
    plan, seen = preview.plan, preview.seen
    confirmed = Confirmed(plan, by_filter(plan.targets, request.chosen), seen, preview.chosen_by)
    action = SessionAction(confirmed, Powers(source, request.audit))
    # Whatever ends this, a lost link or Ctrl-C, the file tells what was known then.
    try:
        await action.signal()
        await _watch(action, source)
    finally:
        action.finish()
        if action.trouble:
            say(action.trouble)
    _print_result(request, preview, action)
    return _not_seen(request, plan, seen) if as_asked(action.results) else EXIT_NOT_ALL


async def _watch(action: SessionAction, source: LiveSource) -> None:
    try:
        await watch(action, lambda: source.sample_once(_LOOK_WITHIN))
    except PgHeadroomError as error:
        say(f"what became of them since is not known: {error}")


# --- printing --------------------------------------------------------------------------------------------------------


def _print_preview(request: SignalRequest, preview: Preview) -> None:
    if request.as_json:
        put(json.dumps(preview_document(preview), indent=2))
    else:
        put(preview_text(preview, terminal.text_width()))
    if preview.plan.targets and not request.in_earnest:
        say(nothing_was_done(request.verb))


def _print_result(request: SignalRequest, preview: Preview, action: SessionAction) -> None:
    if request.as_json:
        put(json.dumps(preview_document(preview) | result_document(action), indent=2))
    else:
        put(result_text(action))
