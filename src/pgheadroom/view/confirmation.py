"""What is asked before anything is signalled: who, by which statement, and what it will do."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from pgheadroom.model.action import NEVER, Still, Target, Verb
from pgheadroom.model.bouncer import BouncerClient
from pgheadroom.model.plan import Plan
from pgheadroom.model.session import Session, Wait, seconds_between
from pgheadroom.view.cells import Cell, Line, fit_line
from pgheadroom.view.common_cells import ABSENT, state_cell, state_style
from pgheadroom.view.tables.locks import client_words
from pgheadroom.view.tables.sessions import age_in_state, transaction_age
from pgheadroom.words.counts import plural
from pgheadroom.words.durations import duration
from pgheadroom.words.states import state_word
from pgheadroom.words.text import safe

_WHOLE_SESSIONS = 1
READ_AT_ONCE = 6
"""Sessions that a question lists. More are confirmed in a preview, by their number."""
_SHORT_QUERY = 1.0
"""Seconds. A query that was younger when it was shown has most likely ended when the question is answered."""
_SERVED_SHOWN = 2
NO_CLIENTS: Mapping[int, BouncerClient] = {}

STATEMENTS = {
    Verb.CANCEL: "pg_cancel_backend(pid), if pid, backend_start, query_start still match",
    Verb.TERMINATE: "pg_terminate_backend(pid), if pid and backend_start still match",
}


def question(verb: Verb, count: int) -> str:
    """`Terminate 3 sessions?`, `Cancel the query of 1 session?`."""
    what = plural(count, "session")
    return f"Terminate {what}?" if verb is Verb.TERMINATE else f"Cancel the query of {what}?"


def confirmation(
    verb: Verb,
    plan: Plan,
    now: datetime,
    width: int,
    clients: Mapping[int, BouncerClient] = NO_CLIENTS,
    targets: Sequence[Target] = (),
    changed: str = "",
) -> list[Line]:
    """The lines of the dialogue, each fitted to `width`.

    Args:
        clients: Those that PgBouncer serves now, by backend.
        targets: The plan's, with what each must still be.
        changed: What had changed of the session when it was asked for first.
    """
    lines: list[list[Cell]] = [[Cell(f"It was left alone: {changed}", "warn")]] if changed else []
    lines += _who(plan, now, width)
    lines += [[], [Cell("SQL   ", "heading"), Cell(STATEMENTS[verb], "query")]]
    if condition := only(verb, targets):
        lines.append([Cell("Only  ", "heading"), Cell(condition)])
    labels = ("Does  ", *("      " for _ in range(9)))
    lines += [
        [Cell(label, "heading"), Cell(words)] for label, words in zip(labels, consequences(verb, plan), strict=False)
    ]
    lines += _notes(verb, plan, now, clients)
    lines += left_out(plan)
    return [fit_line(line, width) for line in lines]


def _who(plan: Plan, now: datetime, width: int) -> list[list[Cell]]:
    if len(plan.targets) <= _WHOLE_SESSIONS:
        return [line for session in plan.targets for line in _whole(session, now, width)]
    more = len(plan.targets) - READ_AT_ONCE
    lines = [_brief(session, now) for session in plan.targets[:READ_AT_ONCE]]
    return [*lines, [Cell(f"and {more} more", "dim")]] if more > 0 else lines


def _notes(verb: Verb, plan: Plan, now: datetime, clients: Mapping[int, BouncerClient]) -> Iterator[list[Cell]]:
    """What to know before one says yes."""
    if short := short_queries(verb, plan.targets, now):
        yield [Cell("Note  ", "heading"), Cell(short, "warn")]
    if plan.poolers:
        yield [Cell("Note  ", "heading"), Cell(pooler_warning(plan), "warn")]
        yield from ([Cell("      "), Cell(words, "accent")] for words in _served(plan, clients))
    if plan.superusers:
        yield [Cell("Note  ", "heading"), Cell(f"{plural(len(plan.superusers), 'target')} of a superuser", "warn")]


def only(verb: Verb, targets: Sequence[Target]) -> str:
    """On what condition each target is signalled, for the statement judges it again; empty for none."""
    if verb is Verb.CANCEL:
        return "while this query runs, or the next begins that very moment"
    aspects = [words for words, matters in _ASPECTS if any(matters(target.still) for target in targets)]
    return f"if it {' and '.join(aspects)}" if aspects else ""


_ASPECTS: tuple[tuple[str, Callable[[Still], bool]], ...] = (
    ("was not used since", lambda still: still.moved is not None),
    ("is still in this state", lambda still: still.state is not None and still.moved is None),
    ("is so for longer than was asked", lambda still: still.longer_than is not None),
    ("is still in this transaction", lambda still: still.moved is None and still.transaction not in {None, NEVER}),
    ("still runs this query", lambda still: still.query is not None),
    ("still waits for this", lambda still: still.wait is not None),
    ("still has this application name", lambda still: still.application is not None),
    ("still has this role name", lambda still: still.role is not None),
)


def short_queries(verb: Verb, targets: Sequence[Session], now: datetime) -> str:
    """That it is not worth it to cancel queries that have only just begun; empty where there are none."""
    ages = [seconds_between(session.query_start, now) for session in targets if session.runs]
    short = sum(age is not None and age < _SHORT_QUERY for age in ages)
    if verb is Verb.TERMINATE or not short:
        return ""
    which = "the query is" if len(targets) == 1 else f"{short} of {len(targets)} queries are"
    return f"{which} under 1s old: likely over, then nothing happens"


def _whole(session: Session, now: datetime, width: int) -> list[list[Cell]]:
    who = f"{safe(session.user or ABSENT)}@{safe(session.database or ABSENT)}"
    where = f"{safe(session.application or ABSENT)} from {safe(session.client or ABSENT)}"
    state = state_cell(session)
    connected = duration(seconds_between(session.backend_start, now))
    ages = f" for {duration(age_in_state(session, now))} · connected {connected}"
    return [
        [Cell(f"pid {session.pid}  ", "strong"), Cell(who, "strong"), Cell(f"  {where}")],
        [state, Cell(ages), Cell(_transaction_words(session, now), "warn")],
        [Cell(safe(session.query), "query")],
    ]


def _transaction_words(session: Session, now: datetime) -> str:
    age = transaction_age(session, now)
    return f" · transaction {duration(age)}" if age is not None else ""


def _brief(session: Session, now: datetime) -> list[Cell]:
    return [
        Cell(f"{session.pid:>7} ", "strong"),
        Cell(f"{safe(session.user or ABSENT)}@{safe(session.database or ABSENT)} "),
        Cell(f"{safe(session.application or ABSENT)} {safe(session.client or ABSENT)}  "),
        Cell(f"{state_word(session)} {duration(age_in_state(session, now))}", state_style(session)),
    ]


def consequences(verb: Verb, plan: Plan) -> list[str]:
    """What it will do, in short sentences."""
    said = list(_said_of_those_that_wait(verb, plan))
    if verb is Verb.TERMINATE:
        said.insert(0, f"frees {plural(plan.slots_freed, 'slot')}")
    elif not all(one.waits_for in _NOT_CANCELLED for one in plan.targets):
        said.insert(0, "stops the running statement; the session and its slot stay")
    if plan.waiters_released:
        said.append(_released(plan))
    if plan.transactions_rolled_back:
        said.append(_rolled_back(plan))
    return said


_NOT_CANCELLED = frozenset({Wait.CLIENT, Wait.STANDBY})


def _said_of_those_that_wait(verb: Verb, plan: Plan) -> Iterator[str]:
    """What is promised of a session in the middle of its work does not hold for one that only waits."""
    silent = sum(one.waits_for is Wait.CLIENT for one in plan.targets)
    committed = sum(one.waits_for is Wait.STANDBY for one in plan.targets)
    if silent and verb is Verb.CANCEL:
        yield f"nothing for {silent} of them yet: who waits for its client heeds a cancel when that answers"
    if committed:
        commits = f"{plural(committed, 'commit')} {'stays' if committed == 1 else 'stay'}, unreplicated"
        yield f"{commits}: only the wait for the standby ends"


def _released(plan: Plan) -> str:
    later = plan.waiters_released - plan.waiters_at_once
    if not later:
        return f"lets {plural(plan.waiters_released, 'waiting session')} go on"
    if not plan.waiters_at_once:
        return f"lets {plural(later, 'waiting session')} go on in turn"
    return f"lets {plural(plan.waiters_at_once, 'waiting session')} go on, {later} more in turn"


def _rolled_back(plan: Plan) -> str:
    oldest = duration(plan.oldest_transaction_seconds)
    if plan.transactions_rolled_back == 1:
        return f"rolls back its transaction: {oldest} old, {'with' if plan.transactions_writing else 'without'} changes"
    wrote = f"{plan.transactions_writing} with changes, the oldest {oldest} old"
    return f"rolls back {plan.transactions_rolled_back} transactions: {wrote}"


def _served(plan: Plan, clients: Mapping[int, BouncerClient]) -> list[str]:
    """Whom the pooler's connections serve now, and what to do instead."""
    served = [f"{one.pid} serves {client_words(clients[one.pid])}" for one in plan.poolers if one.pid in clients]
    if not served:
        return []
    more = f", and {len(served) - _SERVED_SHOWN} more" if len(served) > _SERVED_SHOWN else ""
    return [", ".join(served[:_SERVED_SHOWN]) + more, "to cut the client instead: screen 4, Clients, X"]


def pooler_warning(plan: Plan) -> str:
    """What a signal to a pooler's server connection does."""
    return f"{plural(len(plan.poolers), 'target')} of a pooler: it hits whichever client uses the connection now"


def left_out(plan: Plan) -> list[list[Cell]]:
    """Who was asked for and will not be touched, counted by reason."""
    reasons = Counter(reason for _, reason in plan.left_out)
    return [
        [Cell("Not   ", "heading"), Cell(f"{plural(count, 'session')}: {safe(reason)}", "dim")]
        for reason, count in reasons.most_common()
    ]


def refusal(plan: Plan) -> str:
    """Why nothing is left to do, in one sentence."""
    reasons: Sequence[str] = list(dict.fromkeys(reason for _, reason in plan.left_out))
    return "; ".join(reasons) if reasons else "no session is chosen"
