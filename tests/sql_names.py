"""A reader of SQL that finds what the search_path decides: names of functions, types, operators and relations that do
not say which schema they mean, and forms that call an operator by its bare name.

It knows no more of the grammar than our texts use, and refuses what it does not know.
"""

import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r"""
      (?P<blank>    \s+ | --[^\n]* )
    | (?P<block>    \$[a-z]+\$ | <<[a-z]+>> | := )
    | (?P<string>   '(?:[^']|'')*' )
    | (?P<quoted>   "(?:[^"]|"")*" )
    | (?P<operator> OPERATOR\s*\(\s*pg_catalog\.[-+*/<>=~!@\#%^&|`?]+\s*\) )
    | (?P<cast>     :: )
    | (?P<value>    \$\d+ | %s | \d+ )
    | (?P<word>     [A-Za-z_]\w* )
    | (?P<mark>     [(),.;\[\]] )
    | (?P<bare>     [-+*/<>=~!@\#%^&|`?]+ )
    """,
    re.VERBOSE,
)
# Each is made into an operator, `=`, `<>`, `>=` or `~~`, which is then looked up along the path.
_HIDDEN_OPERATORS = (
    "IN",
    "ANY",
    "SOME",
    "LIKE",
    "ILIKE",
    "SIMILAR",
    "BETWEEN",
    "NULLIF",
    "NATURAL",
    "USING",
    "OVERLAPS",
)
# Part of the grammar, not functions; what is in their brackets is read like all else.
_BEFORE_BRACKET = {
    "COALESCE", "EXISTS", "VALUES", "FROM", "OVER", "AND", "OR", "NOT", "WHERE", "ON", "AS", "SELECT", "THEN", "ELSE",
    "WHEN", "CASE", "LATERAL", "MATERIALIZED", "UNION", "ALL", "ARRAY",
}  # fmt: skip
_BEFORE_RELATION = ("FROM", "JOIN", "LATERAL", "INTO", "UPDATE", "TABLE")
_CATALOG = ("pg_catalog", ".")


def unqualified(text: str) -> list[str]:
    """What in the text depends on the search_path, each with the words around it."""
    tokens = list(_tokens(text))
    own = _own_names(tokens)
    return [
        f"{wrong}: {' '.join(value for _, value in tokens[max(0, place - 3) : place + 4])}"
        for place in range(len(tokens))
        if (wrong := _wrong(tokens, place, own))
    ]


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    end = 0
    while end < len(text):
        match = _TOKEN.match(text, end)
        if match is None:
            raise ValueError(f"not understood: {text[end : end + 20]!r}")
        end = match.end()
        if match.lastgroup != "blank":
            yield match.lastgroup or "", match[0]


def _own_names(tokens: list[tuple[str, str]]) -> set[str]:
    """Of WITH, which no path can replace, and with columns of FROM: `WITH x(a) AS`, `AS x(a)`."""
    words = [value.upper() for _, value in tokens]
    after = ("WITH", "RECURSIVE", "AS")
    own = {tokens[i][1] for i in range(1, len(tokens)) if tokens[i][0] == "word" and words[i - 1] in after}
    # The second and later ones of a WITH stand behind a comma, and have AS and a bracket behind them.
    own |= {
        tokens[i][1]
        for i in range(1, len(tokens) - 2)
        if tokens[i][0] == "word"
        and words[i - 1] == ","
        and words[i + 1] == "AS"
        and words[i + 2] in ("(", "MATERIALIZED")
    }
    # The variables of a DO.
    own |= {
        tokens[i][1]
        for i in range(1, len(tokens) - 1)
        if words[i - 1] in ("DECLARE", ";") and words[i + 1] in ("CONSTANT", "PG_CATALOG")
    }
    return own


def _wrong(tokens: list[tuple[str, str]], place: int, own: set[str]) -> str:
    kind, value = tokens[place]
    before = tokens[place - 1][1].upper() if place else ""
    behind = tokens[place + 1][1] if place + 1 < len(tokens) else ""
    qualified = [one for _, one in tokens[max(0, place - 2) : place]] == list(_CATALOG)
    if kind == "bare":
        return "" if value == "*" and before in ("(", "SELECT", ".", ",") else "operator"
    if kind == "cast":
        return "" if [one for _, one in tokens[place + 1 : place + 3]] == list(_CATALOG) else "type"
    if kind != "word":
        return ""
    word = value.upper()
    if word in _HIDDEN_OPERATORS or (word == "ALL" and before != "UNION"):
        return "hidden operator"
    if word == "DISTINCT" and before in ("IS", "NOT"):
        return "hidden operator"
    if word == "CASE" and behind.upper() != "WHEN":
        return "hidden operator"
    if word == "CAST":
        return "write the cast as ::"
    if behind == "(" and not (qualified or word in _BEFORE_BRACKET or value in own):
        return "function"
    if before in _BEFORE_RELATION and value not in own and not (value == "pg_catalog" and behind == "."):
        return "" if word in ("ROWS", "LATERAL") or (before == "FROM" and word == "ONLY") else "relation"
    return ""
