"""What a choice was about: what a session must still be when it is signalled, so that nobody else is hit. Pure.

The screen's keys, its bulk action and the command line make their targets here, and nowhere else.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from pgheadroom.model.action import CHANGES, NEVER, Still, Target, Verb
from pgheadroom.model.session import IN_TRANSACTION_BUT_IDLE, RUNNING, Session, seconds_between
from pgheadroom.quantities import seconds
from pgheadroom.rules.filters.conditions import CONTAINS, NAMES, Condition
from pgheadroom.rules.filters.language import Filter

BY_HAND = "selection"
ALTHOUGH_CHANGED = "selection, although it had changed"
"""How sessions were chosen, for the audit file, where it was not by a filter."""


def by_hand(verb: Verb, sessions: Sequence[Session]) -> list[Target]:
    """Sessions that were pointed at: what they did when they were shown is what they must still do.

    A single one must not have moved at all. Of several, each may have been used in between as a pool does to see
    whether a connection lives; whoever waits for the question to be answered would else signal nobody.
    """
    if verb is Verb.CANCEL:
        return [_target(session, Still()) for session in sessions]
    return [_target(session, _as_shown(session, alone=len(sessions) == 1)) for session in sessions]


def by_filter(sessions: Iterable[Session], chosen: Filter) -> list[Target]:
    """Sessions that a filter selected: what the filter is about must still hold."""
    return [_target(session, _still(session, chosen)) for session in sessions]


def regardless(session: Session) -> Target:
    """A session that changed since it was shown, and is meant all the same."""
    return _target(session, Still())


def change(verb: Verb, target: Target, session: Session, now: datetime) -> str:
    """What has changed of a session since it was chosen, in a sentence; empty for nothing. The same that the statement
    judges, in the same order."""
    for word, changed in _JUDGEMENTS:
        if changed(verb, target, session, now):
            return CHANGES[word]
    return ""


def _target(session: Session, still: Still) -> Target:
    if session.backend_start is None:
        raise ValueError(f"a plan leaves out sessions whose start is hidden, not {session.pid}")
    return Target(session.pid, session.backend_start, session.query_start, still)


def _as_shown(session: Session, *, alone: bool) -> Still:
    return Still(
        state=session.state,
        transaction=session.xact_start or NEVER,
        moved=(session.state_change or NEVER) if alone else None,
    )


# --- by filter -------------------------------------------------------------------------------------------------------


def _still(session: Session, chosen: Filter) -> Still:
    wanted: dict[str, Any] = {}
    for condition in chosen.conditions:
        more = _wanted(session, condition)
        if "longer_than" in more:
            more["longer_than"] = max(more["longer_than"], wanted.get("longer_than", 0.0))
        wanted.update(more)
    return Still(**wanted)


def _wanted(session: Session, condition: Condition) -> dict[str, Any]:
    """What a condition on this column makes of importance. What no session ever changes is left out."""
    match condition.column:
        case "user":
            return {"role": session.user or ""}
        case "app" | "apps" | "host":
            return {"application": session.application}
        case "state":
            return _state(session)
        case "age":
            return _age(session, condition)
        case "xact":
            return {"transaction": session.xact_start or NEVER}
        case "running" | "waiting" if condition.negated and not condition.values:
            return {"state": session.state}
        case "running":
            return {"state": session.state, "query": session.query_start or NEVER}
        case "waiting":
            return {"state": session.state, "query": session.query_start or NEVER, "wait": wait_of(session)}
        case "query":
            return {"query": session.query_start or NEVER}
        case "wait":
            return {"wait": wait_of(session)}
        case column if column == CONTAINS:
            return _contains(session, condition)
    return {}


def _state(session: Session) -> dict[str, Any]:
    if session.state in IN_TRANSACTION_BUT_IDLE:
        return {"state": session.state, "transaction": session.xact_start or NEVER}
    return {"state": session.state}


def _age(session: Session, condition: Condition) -> dict[str, Any]:
    """Longer than a span holds again; younger than one was true when it was chosen, and nobody gets younger."""
    if condition.operator.startswith(">") is condition.negated:
        return {}
    return {"longer_than": seconds(condition.values[0].text)}


def _contains(session: Session, condition: Condition) -> dict[str, Any]:
    """Where the word was found; a word that must not be there may be nowhere."""
    word = condition.values[0].text.casefold()
    if condition.negated:
        return {"application": session.application, "query": session.query_start or NEVER}
    if any(word in part.casefold() for part in (session.database or "", session.client or "")) or word == str(
        session.pid
    ):
        return {}
    if word in (session.user or "").casefold():
        return {"role": session.user or ""}
    if word in session.application.casefold():
        return {"application": session.application}
    return {"query": session.query_start or NEVER}


def wait_of(session: Session) -> str:
    """As the statement puts it together."""
    return f"{session.wait_event_type}:{session.wait_event}"


# --- what has changed ------------------------------------------------------------------------------------------------

_Judgement = Callable[[Verb, Target, Session, datetime], bool]


def _moved_from(expected: datetime | None, moment: datetime | None) -> bool:
    return expected is not None and (moment or NEVER) != expected


def _too_short(target: Target, session: Session, now: datetime) -> bool:
    longer = target.still.longer_than
    return longer is not None and (seconds_between(session.in_state_since, now) or 0.0) < longer


_JUDGEMENTS: tuple[tuple[str, _Judgement], ...] = (
    ("another role name", lambda verb, t, s, now: t.still.role not in {None, s.user or ""}),
    ("another application", lambda verb, t, s, now: t.still.application not in {None, s.application}),
    ("no query", lambda verb, t, s, now: verb is Verb.CANCEL and s.state not in RUNNING),
    ("another query", lambda verb, t, s, now: verb is Verb.CANCEL and s.query_start != t.query_start),
    ("another state", lambda verb, t, s, now: t.still.state not in {None, s.state}),
    ("another transaction", lambda verb, t, s, now: _moved_from(t.still.transaction, s.xact_start)),
    ("another query", lambda verb, t, s, now: _moved_from(t.still.query, s.query_start)),
    ("another wait", lambda verb, t, s, now: t.still.wait not in {None, wait_of(s)}),
    ("not so long", lambda verb, t, s, now: _too_short(t, s, now)),
    ("used", lambda verb, t, s, now: _moved_from(t.still.moved, s.state_change)),
)


# --- names -----------------------------------------------------------------------------------------------------------

_NAMED = ("user", "db", "app")


def names_taken_in(sessions: Iterable[Session], chosen: Filter) -> Iterator[tuple[str, list[str]]]:
    """By column, each different name that a filter takes in, where it does not name exactly one."""
    everybody = list(sessions)
    for column in _NAMED:
        columns = {column, CONTAINS, "apps"} if column == "app" else {column, CONTAINS}
        asked = [one for one in chosen.conditions if one.column in columns and not one.negated]
        if not asked or any(one.operator == "=" and len(one.values) == 1 and one.values[0].is_literal for one in asked):
            continue
        names = sorted({getattr(session, NAMES[column]) or "" for session in everybody})
        if names:
            yield column, names
