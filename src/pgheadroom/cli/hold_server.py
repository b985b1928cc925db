"""`pgheadroom hold` on the server: a role or a database held back, what is held, and letting it go."""

import argparse
import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from pgheadroom.acting.holding import Changed, HoldVerb, carry_out
from pgheadroom.acting.powers import Powers
from pgheadroom.acting.sessions import Confirmed, SessionAction, watch
from pgheadroom.audit import Audit, audit_of
from pgheadroom.cli.diagnostics import put, say
from pgheadroom.cli.hold_pooler import pooler_document, pooler_line
from pgheadroom.cli.hold_text import (
    held_document,
    held_text,
    hold_document,
    hold_text,
    release_document,
    release_text,
)
from pgheadroom.cli.hold_verbs import asked_command
from pgheadroom.cli.preview import result_document, result_text
from pgheadroom.cli.request import Request
from pgheadroom.cli.source import open_source
from pgheadroom.config import Settings
from pgheadroom.errors import EXIT_NOT_ALL, EXIT_OK, PgHeadroomError, UsageError
from pgheadroom.live.source import LiveSource
from pgheadroom.model.action import Verb
from pgheadroom.model.hold import Change, Grip, HeldKind, Holdable, HoldSite
from pgheadroom.model.plan import Plan, Scope
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.postgres.ahead import Ahead
from pgheadroom.rules.acting.choice import by_hand
from pgheadroom.rules.acting.held import Held, back, still_held
from pgheadroom.rules.acting.hold import above, held_words, proposed_limit, refusal, statement_of
from pgheadroom.rules.acting.outcome import as_asked
from pgheadroom.rules.acting.plan import plan
from pgheadroom.rules.facts.case import Case

_LOOK_WITHIN = 5.0
_CHOSEN_BY = "above the limit of a hold"


class NotHeld(PgHeadroomError):  # noqa: N818 - it is what happened
    """It cannot be held, or let go; one line says why."""

    exit_code = EXIT_NOT_ALL


@dataclass(frozen=True, slots=True)
class HoldRequest(Request):
    """Where one run holds back, or lets go."""

    source: LiveSource

    @property
    def powers(self) -> Powers:
        return Powers(self.source, self.audit, holdings=self.source)


def refuse_read_only(flags: argparse.Namespace) -> NoReturn:
    """Write down what was asked for.

    Raises:
        UsageError: It is not done.
    """
    command = asked_command(flags)
    verb = HoldVerb.LET_GO if flags.release is not None or flags.all else HoldVerb.HOLD
    name = flags.user or flags.database or flags.release or (command.database if command is not None else "")
    audit = audit_of(os.environ, required=not flags.no_audit)
    audit.refuse_change(command.verb if command is not None else verb, "", name, "read-only")
    raise UsageError("read-only: nothing was changed (hold needs a target that is not read_only)")


def hold(flags: argparse.Namespace, settings: Settings, ahead: Ahead | None) -> int:
    """Hold back, list or let go, on the server. Errors as of the command."""
    return asyncio.run(_on_the_server(flags, settings, audit_of(os.environ, required=not flags.no_audit), ahead))


async def _on_the_server(flags: argparse.Namespace, settings: Settings, audit: Audit, ahead: Ahead | None) -> int:
    source = await open_source(settings, flags, ahead=ahead)
    try:
        request = HoldRequest(flags, settings, audit, source)
        if flags.list:
            return await _list(request)
        return await (_release(request) if flags.release is not None or flags.all else _hold(request))
    finally:
        await source.close()


# --- hold back -------------------------------------------------------------------------------------------------------


async def _hold(request: HoldRequest) -> int:
    flags, source = request.flags, request.source
    kind = HeldKind.ROLE if flags.user is not None else HeldKind.DATABASE
    name: str = flags.user if flags.user is not None else flags.database
    seen = await source.sample_once()
    site = await source.look([(kind, name)])
    case = Case(seen, request.settings.thresholds)
    what, after = _allowed(request, case, site, kind, name)
    change = Change(kind, what.oid, what.name, what.before(after), after)
    if change.before == change.after:
        raise NotHeld(f"{kind} {name} has {held_words(after)} already: nothing was changed")
    ending = _ending(request, case, change)
    if not request.as_json:
        put(hold_text(case, change, ending))
    if not request.in_earnest:
        if request.as_json:
            put(json.dumps(hold_document(seen, change, ending), indent=2))
        say("nothing was changed: add --yes to hold")
        return EXIT_OK
    changed = await _carry_out(request, HoldVerb.HOLD, change, site, seen)
    action = await _end(request, ending, seen) if changed.done and ending is not None and ending.targets else None
    if request.as_json:
        result = {"result": _told(changed), "ended": result_document(action) if action is not None else None}
        put(json.dumps(hold_document(seen, change, ending) | result, indent=2))
    else:
        put("\n" + changed.sentence + ("\n" + result_text(action) if action is not None else ""))
    ended = action is None or as_asked(action.results)
    return EXIT_OK if changed.done and ended else EXIT_NOT_ALL


def _allowed(request: HoldRequest, case: Case, site: HoldSite, kind: HeldKind, name: str) -> tuple[Holdable, Grip]:
    what = site.named(kind, name)
    if what is None:
        raise NotHeld(site.trouble or f"there is no {kind} {name}")
    after = _grip(request, case, what)
    why = refusal(what, site, case.snapshot.door.user, request.settings.protected_roles, after)
    if why:
        _refused(request, HoldVerb.HOLD, what, why)
    return what, after


def _refused(request: HoldRequest, verb: HoldVerb, what: Holdable, why: str) -> None:
    if request.in_earnest:
        request.audit.refuse_change(verb, what.kind, what.name, why)
    raise NotHeld(f"{what.kind} {what.name}: {why}")


def _grip(request: HoldRequest, case: Case, what: Holdable) -> Grip:
    flags = request.flags
    timeout = flags.idle_in_transaction_timeout
    if flags.nologin or timeout is not None:
        return Grip(flags.limit, False if flags.nologin else None, timeout)
    return Grip(proposed_limit(case, what) if flags.limit is None else flags.limit)


def _ending(request: HoldRequest, case: Case, change: Change) -> Plan | None:
    """Who would be ended; None where it was not asked for."""
    if not request.flags.end:
        return None
    protected = frozenset(request.settings.protected_roles)
    limit = 0 if change.after.limit is None else change.after.limit
    transactions = request.flags.include_transactions
    chosen = above(case, change.kind, change.name, limit, protected=protected, transactions=transactions)
    return plan(case, Verb.TERMINATE, chosen, Scope(protected))


async def _carry_out(request: HoldRequest, verb: HoldVerb, change: Change, site: HoldSite, seen: Snapshot) -> Changed:
    if request.flags.no_audit:
        undo = statement_of(change.kind, change.name, change.before)
        say(f"this undoes it: {undo or f'{change.kind} {change.name}: {held_words(change.before)}'}")
    called = seen.server.name, seen.door.user
    changed = await carry_out(verb, change, site, called, request.powers, request.source.open)
    if changed.trouble:
        say(changed.trouble)
    return changed


async def _end(request: HoldRequest, ending: Plan, seen: Snapshot) -> SessionAction:
    confirmed = Confirmed(ending, by_hand(Verb.TERMINATE, ending.targets), seen, _CHOSEN_BY)
    action = SessionAction(confirmed, request.powers)
    try:
        await action.signal()
        await watch(action, lambda: request.source.sample_once(_LOOK_WITHIN))
    except PgHeadroomError as error:
        say(f"what became of the sessions is not known: {error}")
    finally:
        action.finish()
        if action.trouble:
            say(action.trouble)
    return action


def _told(changed: Changed) -> dict[str, Any]:
    return {"outcome": changed.result.outcome.value, "message": changed.result.message}


# --- what is held ----------------------------------------------------------------------------------------------------


async def _held(request: HoldRequest) -> tuple[HoldSite, list[Held]]:
    """What is held on this server by this user's record, with what the server says of it."""
    recorded = request.audit.holds()
    site = await request.source.look(numbers=[(one.kind, one.oid) for one in recorded])
    return site, still_held(recorded, site)


async def _list(request: HoldRequest) -> int:
    site, held = await _held(request)
    if site.trouble:
        say(site.trouble)
    now = datetime.now().astimezone()
    poolers = request.audit.pooler_holds()
    if request.as_json:
        put(json.dumps(held_document(held) | {"pgbouncers": pooler_document(poolers)}, indent=2))
    else:
        put("\n".join([held_text(held, now)] * bool(held or not poolers) + [*map(pooler_line, poolers)]))
    return EXIT_OK


# --- let go ----------------------------------------------------------------------------------------------------------


async def _release(request: HoldRequest) -> int:
    seen = await request.source.sample_once()
    site, held = await _held(request)
    if request.flags.limit is not None or request.flags.login or request.flags.idle_in_transaction_timeout is not None:
        site, changes = await _as_stated(request, seen)
    else:
        changes = [back(one) for one in _chosen(request, held)]
    if not changes and request.flags.release is not None:
        raise NotHeld(
            f"{request.flags.release} is not held by what is written down here: "
            f"--release {request.flags.release} --limit N says what it gets"
        )
    for one in changes:
        what = site.of(one.kind, one.oid)
        if what is not None and (why := refusal(what, site, seen.door.user, (), one.after)):
            _refused(request, HoldVerb.LET_GO, what, why)
    return await _let_go(request, seen, site, changes)


def _chosen(request: HoldRequest, held: Sequence[Held]) -> list[Held]:
    if request.flags.all:
        return list(held)
    named = [one for one in held if request.flags.release in (one.name, one.hold.name)]
    if len(named) > 1:
        raise UsageError(f"{request.flags.release} is a role and a database, and both are held: --all lets both go")
    return named


async def _as_stated(request: HoldRequest, seen: Snapshot) -> tuple[HoldSite, list[Change]]:
    name: str = request.flags.release
    site = await request.source.look([(HeldKind.ROLE, name), (HeldKind.DATABASE, name)])
    what = site.named(HeldKind.ROLE, name) or site.named(HeldKind.DATABASE, name)
    if what is None:
        raise NotHeld(site.trouble or f"there is no role and no database {name}")
    timeout = request.flags.idle_in_transaction_timeout
    if what.kind is HeldKind.DATABASE and (request.flags.login or timeout is not None):
        raise UsageError("--login and --idle-in-transaction-timeout are for a role")
    after = Grip(request.flags.limit, True if request.flags.login else None, timeout)
    return site, [Change(what.kind, what.oid, what.name, what.before(after), after)]


async def _let_go(request: HoldRequest, seen: Snapshot, site: HoldSite, changes: Sequence[Change]) -> int:
    if not request.as_json:
        put(release_text(changes, site))
    done: list[Changed] = []
    if request.in_earnest:
        for one in changes:
            done.append(await _carry_out(request, HoldVerb.LET_GO, one, site, seen))
            if not request.as_json:
                put(done[-1].sentence)
    elif changes:
        say("nothing was changed: add --yes to let go")
    if request.as_json:
        put(json.dumps(release_document(changes, [_told(one) for one in done]), indent=2))
    return EXIT_OK if all(one.done for one in done) else EXIT_NOT_ALL
