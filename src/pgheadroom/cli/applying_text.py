"""What `pgheadroom advise --apply`, `--undo` and `--list-applied` print. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from pgheadroom.acting.applying import Advised
from pgheadroom.model.advice import Advice
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.rules.acting.applied import Standing, applied_words, told_alteration
from pgheadroom.rules.acting.apply import not_reached, place_words, statements_of, value_words
from pgheadroom.wire.codec import told_moment
from pgheadroom.words.text import safe

SCHEMA = 1


def advised_text(advised: Advised, seen: Snapshot, piece: Advice | None) -> str:
    """The statements, what stands there now, what it does not do, and how it is undone."""
    return "\n".join(_lines(advised, seen, piece))


def _lines(advised: Advised, seen: Snapshot, piece: Advice | None) -> Iterator[str]:
    alteration = advised.alteration
    spot, before, after = alteration.spot, alteration.before, alteration.after
    yield f"{advised.verb}  {value_words(spot, after)} for {place_words(spot)} (now {value_words(spot, before)})"
    yield safe(f"server  {seen.server.name}, PostgreSQL {seen.server.version}, as {seen.door.user}")
    yield ""
    yield from (f"  {statement}" for statement in statements_of(spot, after) or ("a name that cannot be written here",))
    yield ""
    if piece is not None:
        yield from (f"{piece.applies.now}." if piece.applies is not None and before is None else "", piece.risk)
        yield f"counts for: {piece.effect}"
    yield from not_reached(spot, after, seen.sessions)
    if piece is not None:
        undo = " ".join(statements_of(spot, before))
        yield f"to undo: pgheadroom advise --undo {safe(advised.key)}  ({undo})"


def advised_document(advised: Advised, seen: Snapshot) -> dict[str, Any]:
    """Plain values for JSON; text is as the server sent it."""
    alteration = advised.alteration
    return {
        "schema": SCHEMA,
        "verb": advised.verb.value,
        "taken_at": told_moment(seen.taken_at),
        "server": {"name": seen.server.name, "version": seen.server.version},
        "key": advised.key,
        **told_alteration(alteration),
        "sql": list(statements_of(alteration.spot, alteration.after)),
        "undo_sql": list(statements_of(alteration.spot, alteration.before)),
    }


def applied_text(standing: Sequence[Standing], now: datetime) -> str:
    """A line for each."""
    return "\n".join(applied_words(one, now) for one in standing) if standing else "nothing is applied"


def applied_document(standing: Sequence[Standing]) -> dict[str, Any]:
    return {"schema": SCHEMA, "applied": [_applied_document(one) for one in standing]}


def _applied_document(one: Standing) -> dict[str, Any]:
    written = one.applied
    return {
        "key": written.key,
        **told_alteration(written.alteration),
        "role": one.spot.role,
        "database": one.spot.database,
        "now": one.found.value,
        "state": one.state.value,
        "since": told_moment(written.since),
        "os_user": written.os_user,
        "host": written.host,
        "result_known": written.confirmed,
    }
