"""Hiding what a query text says about people and secrets: its literals and its comments. Pure.

Source of the rules: src/backend/parser/scan.l, and the manual's chapter on lexical structure.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from pgheadroom.model.session import Session
from pgheadroom.words.sql_names import LETTER, LETTER_OR_DIGIT, OF_A_NAME

_NAME = rf"(?! [bBeEnNxX]' | [uU]&' ) {LETTER} {OF_A_NAME}*+"
_TOKEN = re.compile(
    rf"""
      (?P<plain>   (?: {_NAME} | "[^"]*" | \$[0-9]+ | [\s,();:=<>+*%|&!?\[\]{{}}]+ | \.(?![0-9]) )++ )
    | (?P<number>  \.?[0-9] (?: [eE][+-]?[0-9] | [\w.$] )*+ )
    | (?P<string>  (?: [bBeEnNxX] | [uU]& )? ' )
    | (?P<dollar>  \$ (?: {LETTER} {LETTER_OR_DIGIT}*+ )? \$ )
    | (?P<remark>  -- [^\r\n]*+ )
    | (?P<comment> /\* )
    | (?P<cut>     "[^"]*+ )
    """,
    re.VERBOSE,
)
_STRING = re.compile(r"[^']*+ (?: '' [^']*+ )*+ (?P<closing>'?)", re.VERBOSE)
_BACKSLASHED = re.compile(r"[^'\\]*+ (?: (?: '' | \\.? ) [^'\\]*+ )*+ (?P<closing>'?)", re.VERBOSE | re.DOTALL)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_ESCAPE = re.compile(r"escape\s*$", re.IGNORECASE)
_WORD = {"number": "?", "remark": "--?", "cut": '"?'}

_Shown = tuple[str, int]


def hide_literals(sessions: Iterable[Session]) -> tuple[Session, ...]:
    """The sessions, their queries `without_literals`."""
    return tuple(session._replace(query=without_literals(session.query)) for session in sessions)


@lru_cache(maxsize=8192)
def without_literals(query: str) -> str:
    """The text with `?` for every string and number, and for what comments say.

    Names, keywords and parameters (`$1`) stay, also names in double quotes. What is cut off at the end of the text is
    hidden to the end. Comments may hold anything: values of a condition that was switched off, who asked for a page.

    Whether a backslash escapes the quote behind it in an ordinary string depends on standard_conforming_strings, which
    each session sets for itself and nobody else can see. Where that makes a difference, all the rest is hidden.
    """
    kept: list[str] = []
    done = 0
    while token := _TOKEN.search(query, done):
        kept.append(query[done : token.start()])
        shown, done = _shown(query, token)
        kept.append(shown)
    return "".join(kept) + query[done:]


def _shown(query: str, token: "re.Match[str]") -> _Shown:
    """What is shown of the token, or in place of the literal that begins with it, and where that ends."""
    kind, text, begins = token.lastgroup or "", token[0], token.end()
    if kind == "plain":
        return text, begins
    if kind in _WORD:
        return _WORD[kind], begins
    if kind == "comment":
        return _comment(query, begins)
    if kind == "dollar":
        closing = query.find(text, begins)
        return (f"{text}?{text}", closing + len(text)) if closing >= 0 else (f"{text}?", len(query))
    return _string(query, text, begins)


def _comment(query: str, begins: int) -> _Shown:
    """Comments nest."""
    depth = 1
    for edge in _COMMENT_EDGE.finditer(query, begins):
        depth += 1 if edge[0] == "/*" else -1
        if not depth:
            return "/*?*/", edge.end()
    return "/*?", len(query)


def _string(query: str, opening: str, begins: int) -> _Shown:
    plain, backslashed = _STRING.match(query, begins), _BACKSLASHED.match(query, begins)
    if plain is None or backslashed is None:  # both also match nothing
        return f"{opening}?", len(query)
    if opening in ("E'", "e'"):
        plain = backslashed
    elif plain.span() != backslashed.span() and not _is_escape_clause(query, opening, plain):
        return f"{opening}?", len(query)
    return f"{opening}?{plain['closing']}", plain.end()


def _is_escape_clause(query: str, opening: str, string: "re.Match[str]") -> bool:
    r"""Whether it is the string of `ESCAPE '\'`, which libraries write behind each LIKE: one character either way."""
    before = query[max(0, string.start() - 12) : string.start() - len(opening)]
    return string[0] == "\\'" and _ESCAPE.search(before) is not None
