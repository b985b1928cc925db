r"""The filter language of sessions, the same on the screen and on the command line.

    user:web state:idle age>10m -app:check* client:10.0.0.0/8 "select 1" refund

Conditions stand between spaces and must all hold. `column:value` compares names without regard to case, `user=value`
exactly (so with `db`, `app` and `type`), and `app~leak` looks within the name; in all `*` and `?` are wildcards, and
commas stand between alternatives. `age>10m` compares spans. `running` are sessions that do something, `waiting` those
that wait for a lock, their client or a standby (`waiting:lock`): PostgreSQL calls both active. A bare word is looked
for in user, application, database, client and query. `apps:"sidekiq *"` are all applications with that name but for
numbers and hashes, and `host:` is the client's host, as a pooler adds it to the name, or else the client. A leading
`-` or `!` turns a condition round, and so does `user!=app`. Quotes keep spaces, commas and colons together; within
them a backslash takes the meaning from the next character: `app:"5\* cook"`.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches

from pgheadroom.errors import UsageError
from pgheadroom.model.session import Session
from pgheadroom.rules.filters.conditions import (
    AGES,
    BARE,
    COLUMNS,
    CONTAINS,
    EXACTLY,
    NAMES,
    Condition,
    Value,
    compile_condition,
)
from pgheadroom.words.text import safe

__all__ = ["Filter", "FilterError", "condition", "family_condition", "parse_filter", "pattern"]

_HEAD = re.compile(r"([-!]?)(?:([A-Za-z_]+)(!?[=~]|:|[<>]=?))?")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'', re.DOTALL)
_BARE_WORD = re.compile(r"\S+")
_BARE_ITEM = re.compile(r"[^\s,]*")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_LOGIC = {
    "and": "conditions beside each other must all hold: user:web state:idle",
    "or": "alternatives stand behind commas: user:web,batch",
    "not": "a condition is turned round with a sign before it: -user:web",
}
_EXPRESSION = re.compile(r"[\^$|+()\[\]{}]|\.\*")
_NEEDS_QUOTES = re.compile(r"[\s,\"'\\]|^$")


class FilterError(UsageError):
    """A filter that cannot be read; one line with what would be right, safe to show."""

    def __init__(self, message: str) -> None:
        super().__init__(safe(message))


Predicate = Callable[[Session, datetime], bool]

_ALWAYS_VISIBLE = frozenset({"user", "db", "app", "apps", "pid"})
"""Columns that PostgreSQL shows of every session, also without pg_read_all_stats."""
_NO_NAMES = frozenset({"state", "pid", "waiting", "apps"})
"""Columns of which the values are a fixed few, numbers, or taken as they are: nothing to look within."""


@dataclass(frozen=True)
class Filter:
    """A filter that was read. Equal to another when it says the same; `str` writes it so that it can be read again."""

    conditions: tuple[Condition, ...] = ()
    _predicates: tuple[Predicate, ...] = field(default=(), compare=False, repr=False)

    def select(self, sessions: Iterable[Session], now: datetime) -> list[Session]:
        """Those for which every condition holds at a moment of the server's clock, in their order.

        Without conditions it is all of them.
        """
        selected = list(sessions)
        for predicate in self._predicates:
            selected = [session for session in selected if predicate(session, now)]
        return selected

    def may_match_hidden(self, session: Session, now: datetime) -> bool:
        """Whether a session of which our role sees only the names could match, for all that is visible of it."""
        pairs = zip(self.conditions, self._predicates, strict=True)
        return all(predicate(session, now) for condition, predicate in pairs if condition.column in _ALWAYS_VISIBLE)

    def __bool__(self) -> bool:
        return bool(self.conditions)

    def __str__(self) -> str:
        return " ".join(map(_written, self.conditions))


def parse_filter(text: str) -> Filter:
    """Read a filter.

    Raises:
        FilterError: Names the first mistake and what would be right.
    """
    conditions = tuple(_read_all(text))
    try:
        return Filter(conditions, tuple(map(compile_condition, conditions)))
    except ValueError as mistake:
        raise FilterError(str(mistake)) from None


def condition(column: str, *values: str | None) -> str:
    """A condition for exactly this value, or one of these, as text for `parse_filter`; None and "" find sessions
    without any.

    Raises:
        FilterError: There is no such column.
    """
    return _exact(column, *(Value.exactly(value or "") for value in values))


def family_condition(column: str, name: str | None) -> str:
    """A condition for what Hogs shows under one name: `apps` or `host`; the `*` in a family's name stays as it is."""
    if not name:
        return condition(column, name)
    return _written(Condition(column, ":", (Value.bare(name) if column == "apps" else Value.exactly(name),)))


def pattern(column: str, text: str) -> str:
    """As `condition`, but `*` and `?` in the text are wildcards: for the value of a flag.

    Raises:
        FilterError: There is no such column.
    """
    return _exact(column, Value.bare(text))


def _exact(column: str, *values: Value) -> str:
    known = _column(column)
    return _written(Condition(known, EXACTLY if known in NAMES else ":", values))


def _read_all(text: str) -> Iterable[Condition]:
    place = 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        found, place = _read_one(text, place)
        yield found


def _read_one(text: str, place: int) -> tuple[Condition, int]:
    head = _HEAD.match(text, place)
    assert head is not None  # noqa: S101 - it matches the empty text, too
    sign, name, operator = head.groups()
    if name is None or (operator.endswith(("=", "~")) and operator[0] not in "<>" and _is_text(name)):
        return _read_bare(text, place + len(sign), bool(sign))
    values, end = _read_values(text, head.end())
    column, negated = _column(name), bool(sign) != operator.startswith("!")
    operator = operator.removeprefix("!")
    if operator == "~":
        return _checked(name, Condition(column, ":", tuple(map(_within, values)), negated), "~"), end
    if operator == EXACTLY and column not in NAMES:
        operator = ":"
    return _checked(name, Condition(column, operator, values, negated)), end


def _is_text(name: str) -> bool:
    """`id=7` is looked for in queries; `usr=web` is a mistake, and is told."""
    return _known(name) is None and not get_close_matches(name.lower(), COLUMNS, n=1)


def _read_bare(text: str, place: int, negated: bool) -> tuple[Condition, int]:
    word, end = _read_word(text, place)
    bare = text[place:end].lower()
    if bare in _LOGIC:
        raise FilterError(f'{_LOGIC[bare]}. To look for the word: "{bare}"')
    if bare in BARE:
        return Condition(bare, ":", (), negated), end
    return Condition(CONTAINS, ":", (word,), negated), end


def _within(value: Value) -> Value:
    """For `app~leak`: anywhere in the name.

    Raises:
        FilterError: It is a regular expression; which were not meant by a `*` alone.
    """
    if _EXPRESSION.search(value.text):
        raise FilterError(f"~ looks for a part of a name, with * and ? as wildcards; '{value.text}' is more than that")
    return Value(f"*{value.pattern}*")


def _read_word(text: str, place: int) -> tuple[Value, int]:
    """A bare word is never a pattern: commas and wildcards in it are meant as they are."""
    quoted, end = _read_quoted(text, place)
    if quoted is not None:
        return Value.exactly(quoted.text), end
    word = _BARE_WORD.match(text, place)
    if word is None:
        raise FilterError(f"'{text[place - 1 : place]}' turns a condition round: write it directly before one")
    return Value.exactly(word[0]), word.end()


def _read_values(text: str, place: int) -> tuple[tuple[Value, ...], int]:
    """The alternatives; none of them where one is missing."""
    values: list[Value] = []
    while True:
        value, place = _read_quoted(text, place)
        if value is None:
            item = _BARE_ITEM.match(text, place)
            if item is None or not item[0]:
                return (), place
            value, place = Value.bare(item[0]), item.end()
        values.append(value)
        if text[place : place + 1] != ",":
            return tuple(values), place
        place += 1


def _read_quoted(text: str, place: int) -> tuple[Value | None, int]:
    if text[place : place + 1] not in {'"', "'"}:
        return None, place
    quoted = _QUOTED.match(text, place)
    if quoted is None:
        raise FilterError(f"a quote is not closed: {text[place : place + 30]}")
    inside = quoted[1] if quoted[1] is not None else quoted[2]
    return Value(_ESCAPE.sub(lambda escape: escape[0] if escape[1] in "*?\\" else escape[1], inside)), quoted.end()


def _known(name: str) -> str | None:
    return COLUMNS.get(name.lower())


def _column(name: str) -> str:
    known = _known(name)
    if known is not None:
        return known
    close = get_close_matches(name.lower(), COLUMNS, n=1)
    meant = f"did you mean {close[0]}?" if close else f"there are {', '.join(dict.fromkeys(COLUMNS.values()))}."
    raise FilterError(f"there is no column '{name}': {meant} Text with : = or ~ needs quotes.")


def _checked(name: str, found: Condition, written: str = ":") -> Condition:
    """The condition, once its operator and values fit its column; `written` is how the operator was typed."""
    is_age = found.column in AGES
    if written == "~" and (is_age or found.column in _NO_NAMES):
        raise FilterError(f"{name}~ looks within names, and {name} is none: write {name}{'>' if is_age else ':'}...")
    is_span = found.operator not in {":", EXACTLY}
    if is_span and found.column == "query":
        return _checked(name, Condition("running", found.operator, found.values, found.negated))
    if not found.values:
        without = "" if is_age or is_span else f'; {name}:"" finds sessions without any'
        without = ": waiting:lock, waiting:client, or waiting alone" if found.column == "waiting" else without
        raise FilterError(f"{name}{found.operator} needs a value{without}")
    if is_age and not is_span:
        raise FilterError(f"{name} is a span: write {name}>10m or {name}<30s")
    if is_span and not is_age:
        raise FilterError(f"{name} is no span: write {name}:{found.values[0].text}")
    return found


def _written(one: Condition) -> str:
    sign = "-" if one.negated else ""
    if one.column == CONTAINS:
        return sign + _quote_word(one.values[0])
    if one.column in BARE and not one.values:
        return sign + one.column
    return f"{sign}{one.column}{one.operator}{','.join(map(_quote_value, one.values))}"


def _quote_value(value: Value) -> str:
    return _in_quotes(value) if _NEEDS_QUOTES.search(value.pattern) else value.pattern


def _quote_word(word: Value) -> str:
    head = _HEAD.match(word.text)
    reads_as_more = (head is not None and (head[1] or head[2])) or word.text.lower() in {*BARE, *_LOGIC}
    return _in_quotes(word) if reads_as_more or re.search(r"[\s\"'\\]|^$", word.text) else word.text


def _in_quotes(value: Value) -> str:
    return '"' + value.pattern.replace('"', '\\"') + '"'
