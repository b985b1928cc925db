"""Roles and databases held back, and let go: compared and changed in one statement, and read back."""

from collections.abc import Collection, Sequence

from pgheadroom.model.hold import Change, ChangeOutcome, ChangeResult, HeldKind, Holdable, HoldSite
from pgheadroom.postgres.actions import array, known_as
from pgheadroom.postgres.exchange import (
    INSUFFICIENT_PRIVILEGE,
    LOCK_NOT_AVAILABLE,
    READ_ONLY_TRANSACTION,
    Answer,
    Question,
    Transaction,
    Unanswered,
    ask,
    is_pinned,
)
from pgheadroom.postgres.queries import query
from pgheadroom.postgres.raw_text import read_text
from pgheadroom.postgres.sampling import Probe
from pgheadroom.postgres.site import site_of, site_questions
from pgheadroom.rules.acting.hold import held_words
from pgheadroom.words.text import safe

PATIENCE = "500ms"
"""How long a change waits for the lock that our programs take, or for one of the server's."""
_QUESTIONS = {HeldKind.ROLE: "hold_roles", HeldKind.DATABASE: "hold_databases"}
_MESSAGES = {
    "stale": "our transactions do not see what others change (transaction_isolation): nothing was changed",
    "gone": "it does not exist any more",
    "renamed": "it has another name now: nothing was changed",
    "invalid": "the database is invalid, only DROP DATABASE is left: nothing was changed",
    "changed": "somebody else has changed it since it was shown: nothing was changed",
}


async def look(
    probe: Probe, names: Collection[tuple[HeldKind, str]], numbers: Collection[tuple[HeldKind, int]]
) -> HoldSite:
    """What could be held of these.

    Args:
        names: By name, exactly.
        numbers: By OID.

    Raises:
        NoConnection: when the connection is lost.
    """
    asked = [Transaction([_state_question(probe, kind, names, numbers)], PATIENCE) for kind in HeldKind]
    (who,), (place,), *states = await ask(probe.connection, [*site_questions(PATIENCE), *asked])
    found = [one for kind, (answer,) in zip(HeldKind, states, strict=True) for one in _found(probe, kind, answer)]
    troubles = dict.fromkeys(answer.reason for (answer,) in states if isinstance(answer, Unanswered))
    site = site_of(probe, who, place)
    return HoldSite(site.server, site.in_recovery, tuple(found), site.primary, safe("; ".join(troubles)))


def _state_question(
    probe: Probe,
    kind: HeldKind,
    names: Collection[tuple[HeldKind, str]],
    numbers: Collection[tuple[HeldKind, int]],
) -> Question:
    spelt = known_as(probe.connection, [name for of, name in names if of is kind])
    version = probe.connection.info.server_version
    return Question("hold", query(_QUESTIONS[kind], version), (spelt, array(oid for of, oid in numbers if of is kind)))


def _found(probe: Probe, kind: HeldKind, answer: Answer) -> list[Holdable]:
    if isinstance(answer, Unanswered):
        return []
    codec = probe.catalogue.codec
    return [
        Holdable(
            kind, oid, read_text(bytes(name), codec), limit, login, superuser, may, read_text(bytes(timeout), codec)
        )
        for oid, name, limit, login, superuser, may, timeout in answer
    ]


async def change(probe: Probe, wanted: Change) -> ChangeResult:
    """Change it if it is still what it was, in a transaction that ends with it, and read back what it is.

    Raises:
        NoConnection: when the connection is lost; then it is not known whether it happened.
    """
    if not is_pinned(probe.connection):
        return ChangeResult(ChangeOutcome.REFUSED, "our role may not call set_config, which the guarded change needs")
    version, form = probe.connection.info.server_version, wanted.kind.value
    steps = [
        Question("values", query("hold_values", version), _values(probe, wanted)),
        Question("change", query("hold_change", version, form)),
        Question("verdict", query("hold_verdict", version)),
    ]
    after = _state_question(probe, wanted.kind, (), [(wanted.kind, wanted.oid)])
    done, (now,) = await ask(probe.connection, [Transaction(steps, PATIENCE), Transaction([after], PATIENCE)])
    return _result(wanted, done, _found(probe, wanted.kind, now))


def _values(probe: Probe, wanted: Change) -> tuple[object, ...]:
    """In the order of `hold_values.sql`."""
    names = known_as(probe.connection, [wanted.name])
    old, new = wanted.before, wanted.after
    values = (old.limit, new.limit, old.login, new.login)
    return (wanted.oid, names, *map(_written, values), _setting(old.timeout), _setting(new.timeout))


def _written(value: int | bool | None) -> str:
    return "" if value is None else str(value).lower()


def _setting(value: str | None) -> str:
    """`=` where it is not set; empty where it is not touched."""
    return "" if value is None else f"={value}"


def _result(wanted: Change, done: Sequence[Answer], now: Sequence[Holdable]) -> ChangeResult:
    if (undone := not_done(done)) is not None:
        return undone
    if now and not wanted.after.matches(now[0].grip):
        return ChangeResult(ChangeOutcome.OVERTAKEN, f"it is {held_words(now[0].before(wanted.after))} now")
    return ChangeResult(ChangeOutcome.DONE, "" if now else "what it is now could not be read back")


def not_done(done: Sequence[Answer]) -> ChangeResult | None:
    """Why a guarded change of values, change and verdict was not made; None when it was."""
    failed = next((one for one in done if isinstance(one, Unanswered) and one.reached), None)
    if failed is not None:
        return ChangeResult(ChangeOutcome.REFUSED, why(failed))
    verdict = done[2]
    if isinstance(verdict, Unanswered):
        return ChangeResult(ChangeOutcome.REFUSED, safe(verdict.reason))
    word = bytes(verdict[0][0]).decode()
    return None if word == "done" else ChangeResult(ChangeOutcome.CHANGED, _MESSAGES[word])


_READ_ONLY = (
    "default_transaction_read_only is on for our role, or behind a pooler in the session that its last client left; "
    "connect to the server itself"
)


def why(failed: Unanswered) -> str:
    """In the user's words."""
    said = safe(failed.reason)
    if failed.sqlstate == LOCK_NOT_AVAILABLE:
        return f"another program is changing it: {said}"
    if failed.sqlstate == READ_ONLY_TRANSACTION:
        return f"{said}: {_READ_ONLY}"
    return f"not permitted: {said}" if failed.sqlstate == INSUFFICIENT_PRIVILEGE else said
