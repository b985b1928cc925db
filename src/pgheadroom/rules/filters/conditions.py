"""The columns of the filter language, and what a condition on each means for a session."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from itertools import groupby
from operator import attrgetter, ge, gt, le, lt

from pgheadroom.model.application import family, real_client_of
from pgheadroom.model.session import LOCAL, Session, State, Wait
from pgheadroom.quantities import seconds

CONTAINS = "contains"
"""The column of a bare word."""

COLUMNS: dict[str, str] = {
    "user": "user",
    "db": "db",
    "database": "db",
    "app": "app",
    "application": "app",
    "apps": "apps",
    "client": "client",
    "host": "host",
    "state": "state",
    "pid": "pid",
    "wait": "wait",
    "query": "query",
    "type": "type",
    "age": "age",
    "xact": "xact",
    "running": "running",
    "conn": "conn",
    "waiting": "waiting",
}
"""Every word for a column, and the column."""
BARE = frozenset({"running", "waiting"})
"""Columns that are conditions by themselves, without a value: these sessions run, or wait for somebody."""

NAMES = {"user": "user", "db": "database", "app": "application", "type": "backend_type"}
"""By column, the session's attribute with a name that PostgreSQL tells from the same name in other letters' case."""

EXACTLY = "="
"""The operator that compares the column of a name exactly; `:` is blind to case."""

_SPECIAL = re.compile(r"[*?\\]")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_WILDCARD = re.compile(r"[*?]")
_PIECE = re.compile(r"\\.|.", re.DOTALL)

Predicate = Callable[[Session, datetime], bool]
_Test = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Value:
    r"""What is compared with: in `pattern`, `*` and `?` are wildcards, `\*`, `\?` and `\\` those characters."""

    pattern: str

    @classmethod
    def exactly(cls, text: str) -> "Value":
        return cls(_SPECIAL.sub(r"\\\g<0>", text))

    @classmethod
    def bare(cls, text: str) -> "Value":
        """As typed without quotes: a backslash is a backslash."""
        return cls(text.replace("\\", "\\\\"))

    @property
    def is_literal(self) -> bool:
        return not _WILDCARD.search(_ESCAPED.sub("", self.pattern))

    @property
    def text(self) -> str:
        return _ESCAPED.sub(r"\1", self.pattern)

    def expression(self, *, exact: bool = False, within: bool = False) -> re.Pattern[str]:
        """As a regular expression for the whole text, or for something `within` it; blind to case unless `exact`.

        What stands between two `*` is taken where it comes first, and never looked for again (an atomic group): that
        is enough for such a pattern, and takes time in proportion to the text, whatever the pattern is.
        """
        pattern = f"*{self.pattern}*" if within else self.pattern
        pieces = _PIECE.findall(pattern)
        parts = ["".join(map(_translated, group)) for star, group in groupby(pieces, "*".__eq__) if not star]
        first = parts.pop(0) if pieces and pieces[0] != "*" else ""
        last = parts.pop() if parts and pieces[-1] != "*" else ""
        between = "".join(f"(?>.*?{part})" for part in parts)
        flags = re.DOTALL if exact else re.DOTALL | re.IGNORECASE
        return re.compile(f"{first}{between}.*{last}" if "*" in pieces else first, flags)


def _translated(piece: str) -> str:
    return "." if piece == "?" else re.escape(_ESCAPED.sub(r"\1", piece))


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition. Several values are alternatives."""

    column: str
    operator: str
    values: tuple[Value, ...]
    negated: bool = False


def compile_condition(condition: Condition) -> Predicate:
    """The condition as a function.

    Raises:
        ValueError: A value that the column cannot have; one line with what would be right.
    """
    if condition.column in BARE and not condition.values:
        bare = _runs if condition.column == "running" else _waits
        return _not(bare) if condition.negated else bare
    if condition.column in AGES:
        return _age(condition)  # turned round inside, so that what is unknown matches neither way
    if condition.operator == EXACTLY:
        predicate = _name(NAMES[condition.column], exact=True)(condition.values)
    else:
        predicate = _COMPILERS[condition.column](condition.values)
    return _not(predicate) if condition.negated else predicate


def _not(predicate: Predicate) -> Predicate:
    return lambda session, now: not predicate(session, now)


# --- spans ------------------------------------------------------------------------------------------------------------


def _running_since(session: Session) -> datetime | None:
    """Who waits for a lock, its client or a standby runs nothing, however long ago its statement began."""
    return session.query_start if session.state is State.ACTIVE and session.waits_for is None else None


AGES: dict[str, Callable[[Session], datetime | None]] = {
    "age": attrgetter("in_state_since"),
    "xact": attrgetter("xact_start"),
    "running": _running_since,
    "conn": attrgetter("backend_start"),
}
"""By column, the moment that the span counts from: of the state, the transaction, the running query, the connection."""

_COMPARISONS: dict[str, Callable[[timedelta, timedelta], bool]] = {">": gt, ">=": ge, "<": lt, "<=": le}
_OPPOSITES = {">": "<=", ">=": "<", "<": ">=", "<=": ">"}


def _age(condition: Condition) -> Predicate:
    """Sessions of which the moment is not known never match, also not when the condition is turned round."""
    if len(condition.values) > 1:
        raise ValueError(f"{condition.column}{condition.operator} takes one span, not several")
    limit = timedelta(seconds=seconds(condition.values[0].text))
    since_of = AGES[condition.column]
    compare = _COMPARISONS[_OPPOSITES[condition.operator] if condition.negated else condition.operator]

    def predicate(session: Session, now: datetime) -> bool:
        since = since_of(session)
        return since is not None and compare(now - since, limit)

    return predicate


# --- names ------------------------------------------------------------------------------------------------------------


def _equal(value: Value, *, exact: bool = False) -> _Test:
    if not value.is_literal:
        match = value.expression(exact=exact).fullmatch
        return lambda candidate: match(candidate) is not None
    if exact:
        return value.text.__eq__
    wanted = value.text.casefold()
    return lambda candidate: candidate.casefold() == wanted


def _any(tests: list[_Test]) -> _Test:
    if len(tests) == 1:
        return tests[0]
    return lambda candidate: any(test(candidate) for test in tests)


def _name(attribute: str, *, exact: bool = False) -> Callable[[tuple[Value, ...]], Predicate]:
    name_of = attrgetter(attribute)

    def compiled(values: tuple[Value, ...]) -> Predicate:
        # Thousands of sessions have a few names: each is compared once.
        test = lru_cache(maxsize=4096)(_any([_equal(value, exact=exact) for value in values]))
        return lambda session, now: test(name_of(session) or "")

    return compiled


def _apps(values: tuple[Value, ...]) -> Predicate:
    """All names of one family, exactly: `apps:"sidekiq *"` for `sidekiq 12`, not for `sidekiq pro`. The `*` is no
    wildcard: it stands for a number or a hash."""
    wanted = frozenset(value.text for value in values)
    return lambda session, now: family(session.application) in wanted


def _wait(values: tuple[Value, ...]) -> Predicate:
    """The type, the event, or both as `Lock:relation`; empty for sessions that wait for nothing."""
    test = _any([_equal(value) for value in values])

    def predicate(session: Session, now: datetime) -> bool:
        kind, event = session.wait_event_type, session.wait_event
        return test(kind) or (bool(event) and (test(event) or test(f"{kind}:{event}")))

    return predicate


def _query(values: tuple[Value, ...]) -> Predicate:
    """Somewhere in the text: nobody types a whole query."""
    test = _any([_within(value) for value in values])
    return lambda session, now: test(session.query)


def _within(value: Value) -> _Test:
    if not value.is_literal:
        match = value.expression(within=True).fullmatch
        return lambda candidate: match(candidate) is not None
    wanted = value.text.casefold()
    return (lambda candidate: wanted in candidate.casefold()) if wanted else (lambda candidate: not candidate)


def _contains(values: tuple[Value, ...]) -> Predicate:
    wanted = values[0].text.casefold()

    def predicate(session: Session, now: datetime) -> bool:
        parts = (session.user or "", session.application, session.database or "", session.client or "", session.query)
        return wanted in "\n".join(parts).casefold() or wanted == str(session.pid)

    return predicate


# --- running and waiting ---------------------------------------------------------------------------------------------


def _runs(session: Session, now: datetime) -> bool:
    return session.runs


def _waits(session: Session, now: datetime) -> bool:
    return session.waits_for is not None


def _waiting(values: tuple[Value, ...]) -> Predicate:
    wanted = frozenset(map(_whom, values))
    return lambda session, now: session.waits_for in wanted


def _whom(value: Value) -> Wait:
    try:
        return Wait(value.text.lower())
    except ValueError:
        raise ValueError(f"nobody waits for '{value.text}': waiting:{', waiting:'.join(Wait)}, or waiting") from None


# --- states, pids, clients --------------------------------------------------------------------------------------------

STATE_WORDS: dict[str, State] = {state.value: state for state in State} | {
    "idletx": State.IDLE_IN_TRANSACTION,
    "idle_in_transaction": State.IDLE_IN_TRANSACTION,
    "aborted": State.ABORTED,
}


def _state(values: tuple[Value, ...]) -> Predicate:
    wanted = frozenset().union(*map(_states_meant, values))
    return lambda session, now: session.state in wanted


def _states_meant(value: Value) -> frozenset[State]:
    text = value.text.lower()
    if text in STATE_WORDS:
        return frozenset({STATE_WORDS[text]})
    if value.is_literal:
        found = {state for word, state in STATE_WORDS.items() if text and word.startswith(text)}
        if State.IDLE in found:  # `i` and `id` on the way to `idle`
            found = {State.IDLE}
        found = found if len(found) == 1 else set()
    else:
        found = {state for word, state in STATE_WORDS.items() if value.expression().fullmatch(word)}
    if not found:
        raise ValueError(
            f"there is no state '{value.text}': active, idle, idletx, aborted, fastpath, disabled, starting, hidden"
        )
    return frozenset(found)


def _pid(values: tuple[Value, ...]) -> Predicate:
    wrong = [value.text for value in values if not (value.text.isascii() and value.text.isdigit())]
    if wrong:
        raise ValueError(f"pid:{wrong[0]} is not a number")
    wanted = frozenset(int(value.text) for value in values)
    return lambda session, now: session.pid in wanted


def _client(values: tuple[Value, ...]) -> Predicate:
    test = lru_cache(maxsize=8192)(_any([_address(value) for value in values]))
    return lambda session, now: test(session.client or "")


def _host(values: tuple[Value, ...]) -> Predicate:
    """As `client`, but where a pooler tells the client's host in the name of the application, that one."""
    test = lru_cache(maxsize=8192)(_any([_address(value) for value in values]))
    return lambda session, now: test(real_client_of(session) or "")


_BRACKETS = re.compile(r"^\[(.*)\]")
"""As an IPv6 address is written before a port."""


def _address(value: Value) -> _Test:
    if not value.is_literal or value.text == "" or value.text.lower() == LOCAL:
        return _equal(value)
    try:
        network = ip_network(_BRACKETS.sub(r"\1", value.text), strict=False)
    except ValueError:
        raise ValueError(
            f"client:{value.text} is not an address, a network like 10.0.0.0/8, a pattern like 10.0.*, or local"
        ) from None
    return lambda candidate: (address := _parsed(candidate)) is not None and address in network


def _parsed(candidate: str) -> IPv4Address | IPv6Address | None:
    """None for a Unix socket and the unknown. A zone (fe80::1%eth0) says which cable, not which client."""
    try:
        address = ip_address(candidate.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


_COMPILERS: dict[str, Callable[[tuple[Value, ...]], Predicate]] = {
    **{column: _name(attribute) for column, attribute in NAMES.items()},
    "wait": _wait,
    "query": _query,
    "state": _state,
    "pid": _pid,
    "client": _client,
    "host": _host,
    "apps": _apps,
    "waiting": _waiting,
    CONTAINS: _contains,
}
