"""A sample, or why there is none, in its one outer form, and back."""

from collections.abc import Callable
from functools import cache
from typing import Any, cast

from pgheadroom.errors import WrongDocument
from pgheadroom.model.session import Session
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.update import Trouble
from pgheadroom.wire.codec import codec_of

SCHEMA = 1
"""Higher when a key changes its meaning or goes, or a new one has no default. Not when one is added."""

Json = dict[str, Any]


@cache
def _writer(kind: Any) -> Callable[[Any], Json]:
    """Made when it is first needed: a monitor that only starts writes no sample."""
    return cast(Callable[[Any], Json], codec_of(kind).encode)


def session_to_wire(session: Session) -> Json:
    """One session by itself. Nothing in it depends on when it was seen: it may be kept as long as the session."""
    return _writer(Session)(session)


def session_from_wire(told: Any) -> Session:
    """Raises:
    WrongDocument: It is something else.
    """
    return cast(Session, codec_of(Session).decode(told))


def to_wire(snapshot: Snapshot) -> Json:
    """A sample as plain JSON values: everything that was seen, and nothing that follows from it.

    Moments are ISO 8601 in UTC, spans are seconds, roles and databases are lists. Text is as it was sent: a lone
    surrogate stands for a byte, and `json.dumps` must be left to escape it (`ensure_ascii`).
    """
    return {"schema": SCHEMA, **_writer(Snapshot)(snapshot)}


def from_wire(told: Any) -> Snapshot:
    """What `to_wire` was given; `Snapshot.roles` and `databases` by name.

    Keys that are not known are left alone: those that follow from the others, and those of a newer program.

    Raises:
        WrongDocument: It is something else.
    """
    _check_schema(told)
    return cast(Snapshot, codec_of(Snapshot).decode(told))


def trouble_to_wire(trouble: Trouble) -> Json:
    """As `to_wire`, where there was no sample."""
    return {"schema": SCHEMA, **_writer(Trouble)(trouble)}


def trouble_from_wire(told: Any) -> Trouble:
    """Raises:
    WrongDocument: It is something else.
    """
    _check_schema(told)
    return cast(Trouble, codec_of(Trouble).decode(told))


def _check_schema(told: Any) -> None:
    if type(told) is not dict:
        raise WrongDocument("is not an object")
    schema = told.get("schema")
    if type(schema) is not int:
        raise WrongDocument("is not a number", ("schema",))
    if schema > SCHEMA:
        raise WrongDocument(f"was written by a newer pgheadroom: schema {schema}, this one reads up to {SCHEMA}")
