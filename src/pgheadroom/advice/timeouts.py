"""Timeouts: what ends a session, or a transaction, that nobody uses any more.

What each does to whom was tried on PostgreSQL 14 and 18, the pools' behaviour with psycopg_pool, SQLAlchemy, asyncpg
and node-postgres.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pgheadroom.advice import statements
from pgheadroom.advice.commands import command
from pgheadroom.advice.ground import Ground, place_of
from pgheadroom.advice.observed import NO_REST, Rest, Whose, whose_of
from pgheadroom.advice.scopes import is_tool_of_people, merged, scopes_of
from pgheadroom.advice.statements import Scope
from pgheadroom.advice.timespans import round_down, round_up, setting_of
from pgheadroom.model.advice import Advice, Effect
from pgheadroom.model.session import IN_TRANSACTION_BUT_IDLE
from pgheadroom.model.versions import IDLE_SESSION_TIMEOUT_SINCE, TRANSACTION_TIMEOUT_SINCE
from pgheadroom.words.counts import plural
from pgheadroom.words.durations import duration
from pgheadroom.words.wording import clipped

KIND = "timeouts"
_MANUAL = "https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-"
_FEW_SECONDS = 10.0
_CROWD = 0.1
"""A part of the usable slots that one group must not lose to sessions that do nothing."""
OVERTAKEN = ("idle_in_transaction_session_timeout", "statement_timeout")
"""Timeouts that a transaction_timeout which is not longer makes moot."""
_MOST = {"idle_in_transaction_session_timeout": 300.0, "idle_session_timeout": 3600.0, "transaction_timeout": 3600.0}
"""The longest value that one look proposes, in seconds."""


@dataclass(frozen=True, slots=True)
class _Timeout:
    """One setting, and the words about it."""

    name: str
    what: str
    why: str
    risk: str
    end: str


_IN_TRANSACTION = _Timeout(
    "idle_in_transaction_session_timeout",
    "idle in a transaction",
    "A session that idles in a transaction holds its slot, its locks and the horizon of VACUUM until its client goes "
    "on. The server ends it at this age, and the client gets an error (25P03) that a pool takes for a lost connection.",
    "The transaction is rolled back, also of a client that would have gone on later",
    "--idle-in-transaction-longer",
)
_SESSION = _Timeout(
    "idle_session_timeout",
    "idle",
    "People and jobs leave sessions open that nobody comes back to. The server ends them at this age (57P05).",
    "Not for roles of applications with pools: psycopg_pool and SQLAlchemy without a check hand out the dead "
    "connection, and a node-postgres pool without an error handler ends its process",
    "--idle-longer",
)
_TRANSACTION = _Timeout(
    "transaction_timeout",
    "in one transaction",
    "A transaction that works a little and rests a little is caught by no other timeout, and holds its locks all the "
    "while. The server ends the session at this age of the transaction (25P04), whatever it does.",
    "It also ends honest long work of this role: dumps, reports and migrations need a role of their own, or SET LOCAL "
    "transaction_timeout = 0. It has to stay longer than the role's other timeouts, or they are never come to",
    "--transaction-longer",
)


def timeouts(ground: Ground) -> Iterator[Advice]:
    """In the order of what they hold up."""
    yield from _resting(ground, _IN_TRANSACTION, ground.observed.in_transaction)
    if ground.version >= IDLE_SESSION_TIMEOUT_SINCE:
        yield from _people(ground)
    if ground.version >= TRANSACTION_TIMEOUT_SINCE:
        yield from _transactions(ground)


def _people(ground: Ground) -> Iterator[Advice]:
    """Of roles that only people use: a pool's own idle sessions are no waste of its role."""
    of_pools = {whose.user for whose in ground.observed.idle if not is_tool_of_people(whose.application)}
    rests = {whose: rest for whose, rest in ground.observed.idle.items() if whose.user not in of_pools}
    yield from _resting(ground, _SESSION, rests)


def _transactions(ground: Ground) -> Iterator[Advice]:
    """Of those that another timeout does not end: they are not idle for most of their time."""
    resting = ground.observed.in_transaction
    rests = {
        whose: rest
        for whose, rest in ground.observed.transactions.items()
        if (resting.get(whose, NO_REST).open or 0.0) < (rest.open or 0.0) / 2
        and not is_tool_of_people(whose.application)
    }
    yield from _resting(ground, _TRANSACTION, rests)


def _resting(ground: Ground, timeout: _Timeout, rests: Mapping[Whose, Rest]) -> Iterator[Advice]:
    behind: Counter[Whose] = _behind(ground) if timeout is _IN_TRANSACTION else Counter()
    crowd = _CROWD * ground.fullest.capacity.usable
    holding_up = {whose for whose, count in behind.items() if count >= crowd}
    long = [whose for whose, rest in rests.items() if _too_long(ground, rest) or _holds_up(rest, whose, holding_up)]
    for scope, groups in scopes_of(long):
        waiting = sum(behind[whose] for whose in groups)
        piece = _piece(ground, timeout, scope, groups, merged(rests, scope), waiting)
        if piece is not None:
            yield piece


def _behind(ground: Ground) -> "Counter[Whose]":
    """How many wait for locks of each group, in transactions in which it does nothing."""
    idle = {one.pid: whose_of(one) for one in ground.snapshot.sessions if one.state in IN_TRANSACTION_BUT_IDLE}
    found: Counter[Whose] = Counter()
    for pid, waiters in ground.case.held_up.items():
        if pid in idle:
            found[idle[pid]] += len(waiters)
    return found


def _holds_up(rest: Rest, whose: Whose, holding_up: Collection[Whose]) -> bool:
    return whose in holding_up and (rest.open or 0.0) >= _FEW_SECONDS


def _too_long(ground: Ground, rest: Rest) -> bool:
    """Long by the threshold, or many while the server is short of slots."""
    longest = rest.open or 0.0
    if longest >= ground.case.thresholds.oldest_idle_in_transaction.warning.amount:
        return True
    return longest >= _FEW_SECONDS and rest.resting >= _CROWD * ground.fullest.capacity.usable and ground.short_of_slots


def _piece(
    ground: Ground, timeout: _Timeout, scope: Scope, groups: Sequence[Whose], rest: Rest, waiting: int
) -> Advice | None:
    longest = rest.open or 0.0
    value = _value(timeout, rest)
    if timeout is _TRANSACTION:
        value = _longer_than_others(ground, scope, value, longest)
    now, placed = ground.seconds(timeout.name, *scope)
    if value is None or now is None:
        return None
    there = f"{timeout.name} is {setting_of(now) if now else 'off'} ({ground.origin(timeout.name, placed)})"
    kept = 0 < now <= value
    done = statements.NOTHING if kept else statements.setting(ground, scope, timeout.name, setting_of(value))
    return Advice(
        key=f"{timeout.name}:{scope.role or ''}@{scope.database or ''}",
        kind=KIND,
        title=_title(timeout, scope, value, kept=kept),
        seen=(
            _seen(timeout, groups, rest),
            *([_waiting(waiting)] if waiting else []),
            _used_again(ground, rest, timeout),
            f"{there}.",
        ),
        **done._asdict(),
        why=timeout.why,
        source=f"{_MANUAL}{timeout.name.upper().replace('_', '-')}",
        effect=Effect.NEW_SESSIONS,
        risk=f"{timeout.risk}. It does not end who is there already: their sessions keep what they logged in with.",
        beside=_beside(timeout, groups, min(value, round_down(longest))),
        needs=statements.who_may(ground, scope),
        role=scope.role or "",
        saves=rest.resting + waiting,
    )


def _title(timeout: _Timeout, scope: Scope, value: float, *, kept: bool) -> str:
    whom = place_of(*scope)
    if kept:
        return f"End the sessions of {whom} that are older than its {timeout.name}"
    return f"{timeout.name} = {setting_of(value)} for {whom}"


def _value(timeout: _Timeout, rest: Rest) -> float | None:
    """Twice the longest rest that was no waste; None where that would spare those that were. Of one look, half the
    age of the oldest."""
    longest = rest.open or 0.0
    if rest.used_again is None:
        return min(round_down(longest / 2), _MOST[timeout.name])
    for room in (2.0, 1.2):
        value = round_up(max(room * rest.used_again, 5.0))
        if value < longest:
            return value
    return None


def _longer_than_others(ground: Ground, scope: Scope, value: float | None, longest: float) -> float | None:
    """A transaction_timeout that is not longer makes the others moot. None where it would spare the longest then."""
    others = max(ground.seconds(name, *scope)[0] or 0.0 for name in OVERTAKEN)
    if value is None or value > others:
        return value
    longer = round_up(1.2 * others)
    return longer if longer < longest else None


def _seen(timeout: _Timeout, groups: Iterable[Whose], rest: Rest) -> str:
    names = sorted({"/".join(map(clipped, filter(None, (one.user, one.application)))) for one in groups})
    return (
        f"{plural(rest.resting, 'session')} of {', '.join(names[:3])}{', ...' if len(names) > 3 else ''} "
        f"{'is' if rest.resting == 1 else 'are'} {timeout.what}, the oldest for {duration(rest.open)}."
    )


def _waiting(count: int) -> str:
    return f"{plural(count, 'session')} {'waits' if count == 1 else 'wait'} for what is locked by that."


def _used_again(ground: Ground, rest: Rest, timeout: _Timeout) -> str:
    if timeout is _TRANSACTION:
        told = f"The longest transaction that ended by itself took {duration(rest.used_again)}"
    else:
        told = f"The longest that was used again had rested for {duration(rest.used_again)}"
    if rest.used_again is not None:
        return f"{told}, {ground.within}."
    if not ground.watched:
        return "How long they rest before they go on, one look does not tell."
    return f"None was seen to go on {ground.within}."


def _beside(timeout: _Timeout, groups: Iterable[Whose], longer_than: float) -> tuple[str, ...]:
    whose = sorted({(one.user, one.database) for one in groups})
    return tuple(
        line
        for user, database in whose
        for line in command("terminate", "--user", user, "--database", database, timeout.end, f"{int(longer_than)}s")
    )
