"""A session as every document tells it that people and their programs read: snapshot, preview, audit file."""

from datetime import datetime

from pgheadroom.model.session import Session, SessionId, seconds_between
from pgheadroom.wire.codec import told_moment
from pgheadroom.wire.sample import Json, session_to_wire

_MILLISECONDS = 3
_ORDER = ("pid", "backend_start", "user", "database", "application", "client", "client_port", "backend_type", "state",
          "state_seconds", "transaction_seconds", "xact_start", "query_start", "state_change", "wait_event_type",
          "wait_event", "waits_for", "backend_xid", "backend_xmin", "blocked_by", "query")  # fmt: skip


def told_session(session: Session, now: datetime) -> Json:
    """A session as it was at `now`, the moment of the sample that it is from."""
    return dated(session_to_wire(session), session, now)


def dated(told: Json, session: Session, now: datetime) -> Json:
    """A session's wire form with what follows from it: how long it has been in its state, for whom it waits."""
    waits_for = session.waits_for
    follows = {
        "state_seconds": rounded(seconds_between(session.in_state_since, now)),
        "transaction_seconds": rounded(seconds_between(session.xact_start, now)),
        "waits_for": waits_for and waits_for.value,
    }
    return in_order(told | follows, _ORDER)


def told_id(session: SessionId) -> Json:
    """What identifies it, where no more than that is meant."""
    return {"pid": session.pid, "backend_start": told_moment(session.backend_start)}


def rounded(seconds: float | None) -> float | None:
    """To the millisecond: finer is not known, and would be read as if it were."""
    return None if seconds is None else round(seconds, _MILLISECONDS)


def in_order(told: Json, first: tuple[str, ...]) -> Json:
    """The same, with these keys first: where a document's keys keep the order that they once had."""
    return {key: told[key] for key in first} | told
