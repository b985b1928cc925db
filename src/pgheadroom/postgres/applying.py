"""Advice applied and undone: a setting or a limit compared and changed in one statement, and read back."""

from collections.abc import Sequence

from pgheadroom.model.applied import Alteration, ApplySite, Found, Spot
from pgheadroom.model.hold import ChangeOutcome, ChangeResult
from pgheadroom.postgres import alter_system
from pgheadroom.postgres.actions import known_as
from pgheadroom.postgres.exchange import Answer, Question, Transaction, Unanswered, ask, is_pinned
from pgheadroom.postgres.holding import PATIENCE, not_done
from pgheadroom.postgres.queries import query
from pgheadroom.postgres.raw_text import read_text
from pgheadroom.postgres.sampling import Probe
from pgheadroom.postgres.site import site_of, site_questions
from pgheadroom.rules.acting.apply import catalogue_of, value_words
from pgheadroom.words.text import safe


async def look(probe: Probe, spots: Sequence[Spot]) -> ApplySite:
    """What stands at these spots, by their numbers, else by their names.

    Raises:
        NoConnection: when the connection is lost.
    """
    asked = [_transactions(probe, one) for one in spots]
    told = await ask(probe.connection, [*site_questions(PATIENCE), *(one for some in asked for one in some)])
    (who,), (place,), *rest = told
    answers = iter(answer for (answer,) in rest)
    site = site_of(probe, who, place)
    found, troubles = [], []
    for spot, some in zip(spots, asked, strict=True):
        mine = [next(answers) for _ in some]
        try:
            found.append(_found(probe, spot, mine))
        except LookupError as error:
            troubles.append(str(error))
    return ApplySite(site.server, site.in_recovery, tuple(found), site.primary, "; ".join(dict.fromkeys(troubles)))


def _transactions(probe: Probe, spot: Spot) -> list[Transaction]:
    if spot.is_servers:
        return alter_system.questions(probe, spot.parameter, PATIENCE)
    return [Transaction([_question(probe, spot)], PATIENCE)]


def _question(probe: Probe, spot: Spot) -> Question:
    version = probe.connection.info.server_version
    values = (spot.parameter, spot.role_oid, _names(probe, spot.role), spot.database_oid, _names(probe, spot.database))
    return Question("spot", query("apply_spot", version), values)


def _names(probe: Probe, name: str | None) -> str:
    return known_as(probe.connection, [] if name is None else [name])


def _found(probe: Probe, spot: Spot, answers: Sequence[Answer]) -> Found:
    """Raises:
    LookupError: It cannot be told; the argument says why.
    """
    if spot.is_servers:
        return alter_system.found(probe, spot, answers)
    (answer,) = answers
    if isinstance(answer, Unanswered):
        raise LookupError(safe(answer.reason))
    if len(answer) != 1:
        raise LookupError("there are several of this name, by the bytes that it may have")
    role_oid, role, database_oid, database, value, may, superuser = answer[0]
    there = (role_oid is not None or spot.role is None) and (database_oid is not None or spot.database is None)
    named = Spot(
        spot.parameter,
        _text(probe, role) if role is not None else spot.role,
        _text(probe, database) if database is not None else spot.database,
        role_oid or spot.role_oid,
        database_oid or spot.database_oid,
    )
    return Found(named, there, _text(probe, value) if there and value is not None else None, may, superuser)


def _text(probe: Probe, raw: bytes) -> str:
    return read_text(bytes(raw), probe.catalogue.codec)


async def alter(probe: Probe, wanted: Alteration) -> ChangeResult:
    """Change it if it is still what it was, in a transaction that ends with it, and read back what it is.

    Raises:
        NoConnection: when the connection is lost; then it is not known whether it happened.
    """
    if wanted.spot.is_servers:
        return await alter_system.alter(probe, wanted)
    if not is_pinned(probe.connection):
        return ChangeResult(ChangeOutcome.REFUSED, "our role may not call set_config, which the guarded change needs")
    version = probe.connection.info.server_version
    steps = [
        Question("values", query("apply_values", version), _values(probe, wanted)),
        Question("change", query("apply_change", version)),
        Question("verdict", query("hold_verdict", version)),
    ]
    after = Transaction([_question(probe, wanted.spot)], PATIENCE)
    done, now = await ask(probe.connection, [Transaction(steps, PATIENCE), after])
    if (undone := not_done(done)) is not None:
        return undone
    return _read_back(probe, wanted, now)


def _values(probe: Probe, wanted: Alteration) -> tuple[object, ...]:
    """In the order of `apply_values.sql`."""
    spot = wanted.spot
    return (
        spot.parameter,
        spot.role_oid,
        _names(probe, spot.role),
        spot.database_oid,
        _names(probe, spot.database),
        _written(wanted.before),
        _written(wanted.after),
    )


def _written(value: str | None) -> str:
    return "" if value is None else f"={value}"


def _read_back(probe: Probe, wanted: Alteration, now: Sequence[Answer]) -> ChangeResult:
    try:
        found = _found(probe, wanted.spot, now)
    except LookupError as error:
        return ChangeResult(ChangeOutcome.DONE, f"what it is now could not be read back: {error}")
    told = f"{catalogue_of(wanted.spot)} has {value_words(wanted.spot, found.value)}"
    if found.value != wanted.after:
        return ChangeResult(ChangeOutcome.OVERTAKEN, f"{told} now")
    return ChangeResult(ChangeOutcome.DONE, f"read back: {told}")
