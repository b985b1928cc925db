"""A text that a terminal would obey, put into every field of a value that holds text."""

import dataclasses
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from enum import Enum
from typing import Any

PAYLOAD = (
    "\x1b]52;c;cHduZWQ=\x07\x1b]0;title\x1b\\\x1b[2J\x1b[31m\x9b5n\x9d0;c1\x9c\x90q\x9c\x00\x08\x7f\r\n\t"
    "\u202e\u2066rtl\u2069\u200f\u061c\u2028\ud800\U000e0041[/red][bold]"
)
OBEYED = ("Cc", "Cf", "Cs", "Zl", "Zp")

Field = tuple[str, str]


def obeyed(text: str) -> str:
    """What in the text would do something, or reorder it, each with where it stands."""
    wrong = [place for place, char in enumerate(text) if char != "\n" and unicodedata.category(char) in OBEYED]
    return ", ".join(ascii(text[max(0, place - 30) : place + 10]) for place in wrong[:5])


def text_fields(value: Any) -> set[Field]:
    """Every field that holds text, as (type, name); keys and items of containers have the name of their field."""
    return {field for field, _ in _texts(value, ("", ""))}


def _texts(value: Any, here: Field) -> Iterator[tuple[Field, str]]:
    if isinstance(value, str) and not isinstance(value, Enum):
        yield here, value
    elif _names(value):
        for name in _names(value):
            yield from _texts(getattr(value, name), (type(value).__name__, name))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(key, here)
            yield from _texts(item, here)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item, here)


def _names(value: Any) -> Collection[str]:
    if hasattr(value, "_fields"):
        return tuple(value._fields)
    if dataclasses.is_dataclass(value):
        return [field.name for field in dataclasses.fields(value)]
    return ()


def poisoned(
    value: Any, fields: Collection[Field] | None = None, spared: Collection[Field] = (), here: Any = ("", "")
) -> Any:
    """The value with the payload at the end of each text, or of those in these fields.

    The same text becomes the same text everywhere, so that what belonged together still does.
    """
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        hit = (fields is None or here in fields) and here not in spared
        return value + PAYLOAD if hit else value
    if names := _names(value):
        changed = {n: poisoned(getattr(value, n), fields, spared, (type(value).__name__, n)) for n in names}
        return type(value)(**changed)
    if isinstance(value, Mapping):
        return {poisoned(k, fields, spared, here): poisoned(v, fields, spared, here) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(poisoned(item, fields, spared, here) for item in value)
    return value
