"""What is asked before a prepared transaction is rolled back."""

from collections.abc import Iterator, Sequence

from pgheadroom.model.snapshot import PreparedTransaction
from pgheadroom.rules.acting.rollback import effect_of_rollback, prepared_words, rollback_statement
from pgheadroom.rules.facts.case import Case
from pgheadroom.view.cells import Cell, Line, fit_line
from pgheadroom.words.text import safe, wrap

_NARROW = 58
"""Cells of a sentence: the number of lines must not depend on the window's width."""


def rollback_lines(case: Case, prepared: PreparedTransaction, width: int) -> list[Line]:
    """Its gid and owner, the statement, and what it does; each fitted to `width`."""
    lines = [
        *_labelled("Gid   ", [safe(prepared.gid)], "strong"),
        *_labelled("      ", [prepared_words(case, prepared)]),
        [],
        *_labelled("SQL   ", [rollback_statement(prepared)], "query"),
        *_labelled("Does  ", list(effect_of_rollback(case, prepared))),
    ]
    return [fit_line(line, width) for line in lines]


def _labelled(label: str, sentences: Sequence[str], style: str = "") -> Iterator[list[Cell]]:
    for number, piece in enumerate(piece for sentence in sentences for piece in wrap(sentence, _NARROW)):
        yield [Cell(label if not number else " " * len(label), "heading"), Cell(piece, style)]
