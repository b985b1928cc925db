"""What `pgheadroom hold` prints. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from pgheadroom.model.hold import Change, HoldSite, HoldState
from pgheadroom.model.plan import Plan
from pgheadroom.model.session import seconds_between
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.rules.acting.held import Held, told_grip
from pgheadroom.rules.acting.hold import affected, held_words, hold_words, limits_of_it, statement_of
from pgheadroom.rules.facts.case import Case
from pgheadroom.view.confirmation import consequences
from pgheadroom.wire.codec import told_moment
from pgheadroom.wire.session import told_session
from pgheadroom.words.counts import plural
from pgheadroom.words.durations import duration
from pgheadroom.words.text import safe
from pgheadroom.words.wording import clipped

SCHEMA = 1


# --- hold back -------------------------------------------------------------------------------------------------------


def hold_text(case: Case, change: Change, ending: Plan | None) -> str:
    """The statement, whom it hits, what it does not do, who would be ended, and how it is undone."""
    return "\n".join(_hold_lines(case, change, ending))


def _hold_lines(case: Case, change: Change, ending: Plan | None) -> Iterator[str]:
    kind, name = change.kind, change.name
    server = case.snapshot.server
    yield f"hold  {kind} {clipped(name)}: {held_words(change.after)} (now {held_words(change.before)})"
    yield safe(f"server  {server.name}, PostgreSQL {server.version}, as {case.snapshot.door.user}")
    yield ""
    yield f"  {_statement(change)}"
    yield ""
    yield from affected(case, kind, name)
    yield from limits_of_it(case, change)
    if ending is not None:
        yield ""
        yield from _ending_lines(case, change, ending)
    yield ""
    yield f"to let go: pgheadroom hold --release {clipped(name)}  ({_statement(change.undone)})"


def _ending_lines(case: Case, change: Change, ending: Plan) -> Iterator[str]:
    if not ending.targets:
        yield "then: no idle session above it to end"
        return
    yield f"then: {plural(len(ending.targets), 'session')}: {'; '.join(consequences(ending.verb, ending))}"
    for one in ending.targets:
        age = duration(seconds_between(one.in_state_since, case.snapshot.taken_at))
        yield safe(f"  pid {one.pid}  {one.user or '-'}@{one.database or '-'}  {one.application}  {one.state} {age}")


def _statement(change: Change) -> str:
    return statement_of(change.kind, change.name, change.after) or "a name that cannot be written as SQL here"


def hold_document(seen: Snapshot, change: Change, ending: Plan | None) -> dict[str, Any]:
    """Plain values for JSON; text is as the server sent it."""
    targets = None if ending is None else [told_session(one, seen.taken_at) for one in ending.targets]
    return {
        "schema": SCHEMA,
        "verb": "hold",
        "taken_at": told_moment(seen.taken_at),
        "server": {"name": seen.server.name, "version": seen.server.version},
        **_change_document(change),
        "to_end": targets,
    }


def _change_document(change: Change) -> dict[str, Any]:
    return {
        "kind": change.kind.value,
        "name": change.name,
        "before": told_grip(change.before),
        "after": told_grip(change.after),
        "sql": _statement(change),
        "undo_sql": _statement(change.undone),
    }


# --- what is held, and letting go ------------------------------------------------------------------------------------


def held_text(held: Sequence[Held], now: datetime) -> str:
    """A line for each, and one more where somebody else has changed it."""
    return "\n".join(_held_lines(held, now)) if held else "nothing is held"


def _held_lines(held: Sequence[Held], now: datetime) -> Iterator[str]:
    for one in held:
        hold = one.hold
        yield hold_words(replace(hold, name=one.name), now)
        if one.state is HoldState.CHANGED and one.now is not None:
            yield (
                f"  changed by somebody else: it is {held_words(one.now.before(hold.after))} now. "
                f"--release {clipped(one.name)} --limit N says what it gets"
            )


def held_document(held: Sequence[Held]) -> dict[str, Any]:
    return {"schema": SCHEMA, "held": [_held_document(one) for one in held]}


def _held_document(one: Held) -> dict[str, Any]:
    hold = one.hold
    return {
        "kind": hold.kind.value,
        "name": one.name,
        "before": told_grip(hold.before),
        "after": told_grip(hold.after),
        "now": None if one.now is None else told_grip(one.now.before(hold.after)),
        "state": one.state.value,
        "since": told_moment(hold.since),
        "os_user": hold.os_user,
        "host": hold.host,
        "result_known": hold.confirmed,
    }


def release_text(changes: Sequence[Change], site: HoldSite) -> str:
    """The statements, and what each is now where that is not what we set."""
    lines = []
    for one in changes:
        now = site.of(one.kind, one.oid)
        lines.append(
            f"let go  {one.kind} {clipped(one.name)}: {held_words(one.after)} (held: {held_words(one.before)})"
        )
        lines.append(f"  {_statement(one)}")
        if now is not None and not one.before.matches(now.grip):
            lines.append(
                f"  it is {held_words(now.before(one.before))} now, which somebody else has set: it is left alone, "
                f"unless --release {clipped(one.name)} --limit N says what it gets"
            )
    return "\n".join(lines) if lines else "nothing is held"


def release_document(changes: Sequence[Change], results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    told = [
        _change_document(change) | {"result": results[place] if place < len(results) else None}
        for place, change in enumerate(changes)
    ]
    return {"schema": SCHEMA, "verb": "let go", "changes": told}
