"""What is asked before a role is held back or let go, and what stands on every screen while one is held."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from pgheadroom.model.hold import Change, HoldState
from pgheadroom.model.plan import Plan
from pgheadroom.model.pooler_hold import PoolerHold
from pgheadroom.model.session import seconds_between
from pgheadroom.rules.acting.held import Held
from pgheadroom.rules.acting.hold import affected, held_words, limits_of_it, statement_of
from pgheadroom.rules.acting.staged import Key, key_of
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.pools.commands import command_words
from pgheadroom.view.cells import Cell, Line, fit_line, spread
from pgheadroom.view.confirmation import consequences
from pgheadroom.words.durations import duration
from pgheadroom.words.text import place, safe, wrap
from pgheadroom.words.wording import clipped

_BY_S = ([Cell("s  ", "key")], *([[Cell("   ")]] * 3))
_NARROW = 58
"""Cells of a sentence: the number of lines must not depend on the window's width."""


def hold_lines(case: Case, change: Change, ending: Plan | None, width: int) -> list[Line]:
    """The statement, whom it hits, what it does not do, and who is ended after it; each fitted to `width`."""
    lines = [
        *labelled("Who   ", affected(case, change.kind, change.name)),
        [],
        *labelled("SQL   ", [_statement(change)], "query"),
        *labelled("Not   ", limits_of_it(case, change)),
    ]
    if ending is not None:
        lines += labelled("Then  ", [f"the longest idle first: {'; '.join(consequences(ending.verb, ending))}"])
    lines += labelled("Undo  ", [f"L, or {_statement(change.undone)}"])
    return [fit_line(line, width) for line in lines]


def release_lines(held: Sequence[Held], width: int, steps: str = "") -> list[Line]:
    """What each gets back; and where somebody else has set another value, that it is left alone.

    Args:
        steps: What `s` does; empty where it does nothing.
    """
    lines = []
    for one in held:
        lines.append([Cell(f"{one.hold.kind} {clipped(one.name)}: {held_words(one.hold.before)}", "strong")])
        if one.state is HoldState.CHANGED and one.now is not None:
            now = held_words(one.now.before(one.hold.after))
            lines.append([Cell(f"  somebody else has set {now} since: it is left alone", "warn")])
        else:
            lines.append([Cell(f"  {statement_of(one.hold.kind, one.name, one.hold.before)}", "query")])
    if steps:
        lines += [[], *([*key, Cell(piece)] for key, piece in zip(_BY_S, wrap(steps, _NARROW), strict=False))]
    return [fit_line(line, width) for line in lines]


def _statement(change: Change) -> str:
    return statement_of(change.kind, change.name, change.after) or held_words(change.after)


def labelled(label: str, sentences: Sequence[str], style: str = "") -> Iterator[list[Cell]]:
    """Sentences behind their label, wrapped to a width that does not depend on the window's."""
    for number, piece in enumerate(piece for sentence in sentences for piece in wrap(sentence, _NARROW)):
        yield [Cell(label if not number else " " * len(label), "heading"), Cell(piece, style)]


def held_line(
    held: Sequence[Held], poolers: Sequence[PoolerHold], now: datetime, width: int, in_steps: Collection[Key] = ()
) -> Line:
    """` HELD  web: limit 5 since 3m by alice`, and the key that lets go."""
    told = [_held_words(one, now) + (", let go in steps" if key_of(one) in in_steps else "") for one in held]
    told += [pooler_hold_words(one, now) for one in poolers]
    left = [Cell(" HELD ", "alert-warn"), Cell(f" {'; '.join(told)}", "warn")]
    return spread(left, [Cell("  L", "key"), Cell(" lets go", "dim")], width)


def pooler_hold_words(one: PoolerHold, now: datetime) -> str:
    """`PAUSE shop in pgb1 since 3m by alice`; safe to show."""
    since = duration(seconds_between(one.since, now))
    return f"{command_words(one.command)} in {place(one.bouncer)} since {since} by {safe(one.os_user)}"


def _held_words(one: Held, now: datetime) -> str:
    since = duration(seconds_between(one.hold.since, now))
    changed = ""
    if one.state is HoldState.CHANGED and one.now is not None:
        changed = f" (somebody else has set {held_words(one.now.before(one.hold.after))})"
    kind = "database " if one.hold.kind == "database" else ""
    return f"{kind}{clipped(one.name)}: {held_words(one.hold.after)}{changed} since {since} by {safe(one.hold.os_user)}"
