"""`pgheadroom terminate` and `pgheadroom cancel`: sessions by filter, shown first, written down, and followed."""

import argparse
import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pgheadroom.audit import Audit, SessionResult, audit_path
from pgheadroom.cli import terminal
from pgheadroom.cli.connection import settings_of
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
from pgheadroom.cli.selection import selection
from pgheadroom.cli.source import open_source
from pgheadroom.config import Settings
from pgheadroom.errors import EXIT_NOT_ALL, EXIT_OK, PgHeadroomError, UsageError
from pgheadroom.live.source import LiveSource
from pgheadroom.model.action import Verb
from pgheadroom.model.plan import Plan
from pgheadroom.model.session import Session, State
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.postgres.sampling import Probe
from pgheadroom.rules.acting.choice import by_filter
from pgheadroom.rules.acting.outcome import Deed, Fate, complete, fates
from pgheadroom.rules.acting.plan import NOT_KNOWN, plan
from pgheadroom.rules.facts.poolers import pooler_pids
from pgheadroom.rules.filters.language import Filter

FOLLOWED_SECONDS = 5.0
"""How long a session is given to end before it is said to be still there."""
_LOOK_EVERY = 0.1

_PENDING = frozenset({Fate.STILL_THERE, Fate.STILL_RUNNING})


def terminate(flags: argparse.Namespace) -> int:
    """End the sessions that the filter selects; without `--yes` only show them.

    Returns:
        0 when all that was asked happened, 1 when some did not.

    Raises:
        UsageError: No filter, a wrong one, or read-only.
        NoConnection: The server is not reached, or lost.
        AuditFailed: The action could not be written down, and nothing was signalled.
    """
    return _run(Verb.TERMINATE, flags)


def cancel(flags: argparse.Namespace) -> int:
    """Cancel the queries of the sessions that the filter selects; as `terminate`."""
    return _run(Verb.CANCEL, flags)


def _run(verb: Verb, flags: argparse.Namespace) -> int:
    chosen = selection(flags)
    if flags.include_superusers and flags.user is None:
        raise UsageError("--include-superusers needs --user with the superuser's name")
    settings = settings_of(flags, os.environ)
    audit = Audit(audit_path(os.environ), required=not flags.no_audit)
    errand = Errand(verb, chosen, flags, settings, audit)
    if errand.in_earnest and settings.read_only:
        audit.refuse(verb, (), None, str(chosen), "read-only")
        raise UsageError(f"read-only: nothing was signalled ({verb} needs a target that is not read_only)")
    return asyncio.run(_on_the_server(errand))


@dataclass(frozen=True, slots=True)
class Errand:
    """What one run is asked to do."""

    verb: Verb
    chosen: Filter
    flags: argparse.Namespace
    settings: Settings
    audit: Audit

    @property
    def in_earnest(self) -> bool:
        """Whether anything may be signalled. When both are given, the harmless flag wins."""
        return bool(self.flags.yes and not self.flags.dry_run)

    @property
    def as_json(self) -> bool:
        return bool(self.flags.format == "json")


async def _on_the_server(errand: Errand) -> int:
    source = await open_source(errand.settings, errand.flags)
    try:
        seen = await source.sample_once()
        preview = Preview(planned(errand, seen), str(errand.chosen), seen)
        _warn(seen)
        if errand.in_earnest and preview.plan.targets:
            return await _act(errand, preview, source)
        _print_preview(errand, preview)
        return _not_seen(errand, preview.plan, seen) if errand.in_earnest else EXIT_OK
    finally:
        await source.close()


def _warn(seen: Snapshot) -> None:
    if not seen.exact:
        say("; ".join(gap.reason for gap in seen.gaps if gap.part == "sessions"))


def _not_seen(errand: Errand, done: Plan, seen: Snapshot) -> int:
    """What lacks a right to be told apart did not happen as asked; what a rule protects is no fault."""
    unknown = any(reason in NOT_KNOWN for _, reason in done.left_out)
    hidden = (session for session in seen.sessions if session.state is State.HIDDEN)
    unknown = unknown or any(errand.chosen.may_match_hidden(session, seen.taken_at) for session in hidden)
    return EXIT_NOT_ALL if unknown else EXIT_OK


# --- who -------------------------------------------------------------------------------------------------------------


def planned(errand: Errand, seen: Snapshot) -> Plan:
    """Who would be signalled, within `--limit`."""
    chosen = errand.chosen.select(seen.sessions, seen.taken_at)
    if errand.flags.include_superusers:
        # A superuser has to be named as it is: also what --filter takes in.
        chosen = [session for session in chosen if session.user == errand.flags.user]
    whole = _plan(errand, seen, chosen)
    limit = errand.flags.limit
    if limit is None or len(whole.targets) <= limit:
        return whole
    return _limited(errand, seen, whole, limit)


def _plan(errand: Errand, seen: Snapshot, chosen: Sequence[Session]) -> Plan:
    return plan(
        seen,
        errand.verb,
        chosen,
        own_pid=seen.door.pid,
        protected_roles=errand.settings.protected_roles,
        include_superusers=errand.flags.include_superusers,
        include_poolers=errand.flags.include_poolers,
        pooler_pids=pooler_pids(seen),
    )


def _limited(errand: Errand, seen: Snapshot, whole: Plan, limit: int) -> Plan:
    def since(session: Session) -> float:
        return (session.in_state_since or seen.taken_at).timestamp()

    oldest = sorted(whole.targets, key=since)
    kept = _plan(errand, seen, oldest[:limit])
    beyond = tuple((session, BEYOND_LIMIT) for session in oldest[limit:])
    return replace(kept, left_out=(*whole.left_out, *beyond))


# --- doing it --------------------------------------------------------------------------------------------------------


async def _act(errand: Errand, preview: Preview, source: LiveSource) -> int:
    if not errand.as_json:
        put(preview_text(preview, terminal.text_width()) + "\n")
    action = errand.audit.intend(errand.verb, preview.plan.targets, preview.seen, preview.chosen_by)
    results = [SessionResult(session.id, "unknown") for session in preview.plan.targets]
    # Whatever ends this, a lost link or Ctrl-C, the file tells what was known then.
    try:
        deed = await _signal(errand, preview, source)
        results = [SessionResult(result.target.id, result.outcome, result.whole_message) for result in deed.results]
        now = await _followed(deed, source)
        ends = fates(deed, now)
        results = [replace(result, outcome=fate) for result, fate in zip(results, ends, strict=True)]
    finally:
        _complete(errand, action, results)
    _print_result(errand, preview, deed, now)
    return _not_seen(errand, preview.plan, preview.seen) if complete(ends) else EXIT_NOT_ALL


async def _signal(errand: Errand, preview: Preview, source: LiveSource) -> Deed:
    results = await source.signal(
        errand.verb,
        by_filter(preview.plan.targets, errand.chosen),
        include_superusers=bool(errand.flags.include_superusers),
        protected_roles=errand.settings.protected_roles,
    )
    return Deed(preview.plan, preview.seen, tuple(results))


async def _followed(deed: Deed, source: LiveSource) -> Snapshot:
    """The sample in which every signal had its effect, or the last one of the time that sessions are given to end."""
    clock = asyncio.get_running_loop().time
    ends = clock() + FOLLOWED_SECONDS
    now = deed.seen
    while clock() < ends:
        try:
            now = await source.ask(Probe.sample)
        except PgHeadroomError as error:
            say(f"what became of them is not known: {error}")
            return now
        if not _PENDING.intersection(fates(deed, now)):
            return now
        await asyncio.sleep(_LOOK_EVERY)
    return now


def _complete(errand: Errand, action: str, results: Sequence[SessionResult]) -> None:
    # It happened: what the file lacks is said, and changes nothing about that.
    try:
        errand.audit.complete(action, results)
    except PgHeadroomError as error:
        say(str(error))
    if errand.audit.trouble and not errand.audit.required:
        say(errand.audit.trouble)


# --- printing --------------------------------------------------------------------------------------------------------


def _print_preview(errand: Errand, preview: Preview) -> None:
    if errand.as_json:
        put(json.dumps(preview_document(preview), indent=2))
    else:
        put(preview_text(preview, terminal.text_width()))
    if preview.plan.targets and not errand.in_earnest:
        say(nothing_was_done(errand.verb))


def _print_result(errand: Errand, preview: Preview, deed: Deed, now: Snapshot) -> None:
    if errand.as_json:
        put(json.dumps(preview_document(preview) | result_document(deed, now), indent=2))
    else:
        put(result_text(deed, now))
