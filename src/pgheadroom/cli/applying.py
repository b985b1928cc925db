"""`pgheadroom advise --apply`, `--undo` and `--list-applied`: one piece of advice applied, what is applied, and undoing
it."""

import argparse
import asyncio
import json
import os
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from pgheadroom.acting.applying import (
    Advised,
    Altered,
    ApplyVerb,
    NotApplied,
    carry_out,
    look_again,
    propose,
    undo_of,
)
from pgheadroom.acting.powers import Powers
from pgheadroom.advice.registry import pieces
from pgheadroom.audit import audit_of
from pgheadroom.cli.applying_text import advised_document, advised_text, applied_document, applied_text
from pgheadroom.cli.diagnostics import put, say
from pgheadroom.cli.looking import ground_of
from pgheadroom.cli.request import Request
from pgheadroom.cli.source import open_source
from pgheadroom.config import Settings
from pgheadroom.errors import EXIT_NOT_ALL, EXIT_OK, UsageError
from pgheadroom.live.source import LiveSource
from pgheadroom.model.advice import Advice
from pgheadroom.model.applied import AppliedState, ApplySite
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.postgres.ahead import Ahead
from pgheadroom.rules.acting.applied import Standing
from pgheadroom.rules.acting.apply import statements_of, value_words

_LAST = "last"
"""As a key: no advice has it."""


@dataclass(frozen=True, slots=True)
class ApplyRequest(Request):
    """Where one run applies, or undoes."""

    source: LiveSource

    @property
    def powers(self) -> Powers:
        return Powers(self.source, self.audit, None, self.settings.protected_roles, alterations=self.source)


def refuse_read_only(flags: argparse.Namespace) -> NoReturn:
    """Write down what was asked for.

    Raises:
        UsageError: It is not done.
    """
    verb = ApplyVerb.APPLY if flags.apply is not None else ApplyVerb.UNDO
    audit = audit_of(os.environ, required=not flags.no_audit)
    audit.refuse_change(verb, "advice", flags.apply or flags.undo or "", "read-only")
    raise UsageError(f"read-only: nothing was changed ({verb} needs a target that is not read_only)")


def apply_advice(flags: argparse.Namespace, settings: Settings, ahead: Ahead | None) -> int:
    """Apply one piece, undo one, or list what is applied; without `--yes` only show it. Errors as of the command."""
    audit = audit_of(os.environ, required=not flags.no_audit)

    async def run() -> int:
        source = await open_source(settings, flags, ahead=ahead)
        try:
            return await _run(ApplyRequest(flags, settings, audit, source))
        finally:
            await source.close()

    return asyncio.run(run())


async def _run(request: ApplyRequest) -> int:
    if request.flags.list_applied:
        return await _list(request)
    return await (_apply(request) if request.flags.apply is not None else _undo(request))


async def _apply(request: ApplyRequest) -> int:
    ground = await ground_of(request.source, request.settings, request.flags.watch)
    found = pieces(ground)
    piece = next((one for one in found if one.key == request.flags.apply), None)
    if piece is None:
        there = ", ".join(one.key for one in found) or "none"
        raise NotApplied(f"there is no advice {request.flags.apply} now; there is: {there}")
    advised, site = await propose(piece, ground.snapshot.door.user, request.powers)
    return await _carry_out(request, advised, site, ground.snapshot, piece)


async def _undo(request: ApplyRequest) -> int:
    seen = await request.source.sample_once()
    site, standing = await look_again(request.audit.applied(), request.powers)
    key: str = request.flags.undo
    theirs = [one for one in standing if key in (_LAST, one.applied.key)]
    if not theirs:
        said = "nothing is applied" if key == _LAST else f"{key} is not applied"
        raise NotApplied(site.trouble or f"{said} by what is written down here")
    last = theirs[-1]
    if last.state is AppliedState.CHANGED:
        to_run = " ".join(statements_of(last.spot, last.applied.alteration.before))
        raise NotApplied(
            f"not undone: somebody else has set {value_words(last.spot, last.found.value)} since, which is left alone. "
            f"By hand: {to_run}"
        )
    advised = undo_of(last, site, seen.door.user, request.powers)
    return await _carry_out(request, advised, site, seen)


async def _carry_out(
    request: ApplyRequest, advised: Advised, site: ApplySite, seen: Snapshot, piece: Advice | None = None
) -> int:
    if not request.as_json:
        put(advised_text(advised, seen, piece))
    if not request.in_earnest:
        if request.as_json:
            put(json.dumps(advised_document(advised, seen), indent=2))
        say(f"nothing was changed: add --yes to {advised.verb}")
        return EXIT_OK
    if request.flags.no_audit:
        say(f"this undoes it: {' '.join(statements_of(advised.alteration.spot, advised.alteration.before))}")
    called = seen.server.name, seen.door.user
    done = await carry_out(advised, site, called, request.powers, request.source.open)
    if done.trouble:
        say(done.trouble)
    _tell(request, done, seen)
    return EXIT_OK if done.done else EXIT_NOT_ALL


def _tell(request: ApplyRequest, done: Altered, seen: Snapshot) -> None:
    if not request.as_json:
        put(f"\n{done.sentence}")
        return
    result = {"outcome": done.result.outcome.value, "message": done.result.message}
    put(json.dumps(advised_document(done.advised, seen) | {"result": result}, indent=2))


async def _list(request: ApplyRequest) -> int:
    recorded = request.audit.applied()
    await request.source.open()
    standing: list[Standing] = []
    if recorded:
        site, standing = await look_again(recorded, request.powers)
        if site.trouble:
            say(site.trouble)
    now = datetime.now().astimezone()
    put(json.dumps(applied_document(standing), indent=2) if request.as_json else applied_text(standing, now))
    return EXIT_OK
