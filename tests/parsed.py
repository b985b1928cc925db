"""Style sheets are parsed once a process, and not once more for each app and each new kind of widget.

A pytest plugin. Textual keeps what it parsed for one app only, which is all that a program needs.
"""

import functools
from typing import Any

from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

_parse_rules = Stylesheet._parse_rules
_known: dict[object, list[RuleSet]] = {}


@functools.wraps(_parse_rules)
def _parse_once(sheet: Stylesheet, *arguments: Any, **named: Any) -> list[RuleSet]:
    # What a rule is made into depends on its text, where it comes from, and on the theme's variables.
    key = (frozenset(sheet._variables.items()), arguments, frozenset(named.items()))
    if key not in _known:
        _known[key] = _parse_rules(sheet, *arguments, **named)
    return _known[key]


def pytest_configure() -> None:
    Stylesheet._parse_rules = _parse_once  # type: ignore[assignment, method-assign]
