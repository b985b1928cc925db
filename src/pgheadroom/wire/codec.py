"""The model's types as plain JSON values and back: one pair of functions for each type, made once from its fields.

A key is the field's name, with `_seconds` behind a span of time. What a reader does not know it ignores, and a key that
is missing takes the field's default: so new fields, which must have one, need no new schema.
"""

import math
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum, EnumType
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple, Union, cast, get_args, get_origin, get_type_hints

from pgheadroom.errors import WrongDocument
from pgheadroom.model.bouncer import PoolerState
from pgheadroom.model.session import State

SPANS = frozenset({"age", "cost", "every", "maxwait", "next_try", "quiet", "round_trip", "sockets_age", "waited"})
"""Fields that hold seconds and whose names do not say so."""
_UNKNOWN: Mapping[Any, Any] = {State: State.HIDDEN, PoolerState: PoolerState.UNKNOWN}
"""What stands for a word that a newer program knows and we do not; for other words there is none."""


class Codec(NamedTuple):
    """`encode` is None where the value is a JSON value already. `decode` raises WrongDocument."""

    encode: Callable[[Any], Any] | None
    decode: Callable[[Any], Any]


class _Part(NamedTuple):
    """A field of a record: its key, its codec's two functions, and what a missing one is."""

    key: str
    encode: Callable[[Any], Any] | None
    decode: Callable[[Any], Any]
    default: Callable[[], Any]


@cache
def codec_of(kind: Any) -> Codec:
    """The codec of a type as it stands in an annotation.

    Raises:
        TypeError: It is none of those that the model is made of.
    """
    if kind in _PLAIN:
        return _PLAIN[kind]
    origin, args = get_origin(kind), get_args(kind)
    if origin in (types.UnionType, Union) and len(args) == 2 and args[1] is types.NoneType:
        return _optional(codec_of(args[0]))
    if origin is tuple:
        return _sequence(codec_of(args[0])) if args[1:] == (...,) else _pair(tuple(map(codec_of, args)))
    if origin is Mapping:
        return _by_name(codec_of(args[1]))
    if isinstance(kind, EnumType):
        return _word(cast(type[Enum], kind))
    if is_dataclass(kind) or hasattr(kind, "_fields"):
        return _record(kind)
    raise TypeError(f"there is no wire form of {kind}")


# --- single values ---------------------------------------------------------------------------------------------------


def told_moment(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC, always to the microsecond: `backend_start` identifies a session. None where it is not known."""
    if moment is None:
        return None
    return (moment if moment.tzinfo is UTC else moment.astimezone(UTC)).isoformat("T", "microseconds")


def _read_moment(told: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(told)
        if moment.tzinfo is UTC:
            return moment
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        pass
    raise WrongDocument("is not a moment with its time zone")


def _read_text(told: Any) -> str:
    if type(told) is str:
        return told
    raise WrongDocument("is not a text")


def _read_whole(told: Any) -> int:
    if type(told) is int:
        return told
    raise WrongDocument("is not a whole number")


def _read_real(told: Any) -> float:
    if (type(told) is float and math.isfinite(told)) or type(told) is int:
        return told
    raise WrongDocument("is not a number")


def _read_truth(told: Any) -> bool:
    if type(told) is bool:
        return told
    raise WrongDocument("is neither true nor false")


_PLAIN: Mapping[Any, Codec] = {
    str: Codec(None, _read_text),
    int: Codec(None, _read_whole),
    float: Codec(None, _read_real),
    bool: Codec(None, _read_truth),
    datetime: Codec(told_moment, _read_moment),
}


def _word(kind: type[Enum]) -> Codec:
    """A word out of few."""
    members = {member.value: member for member in kind}
    unknown = _UNKNOWN.get(kind)

    def decode(told: Any) -> Any:
        member = members.get(told, unknown) if type(told) is str else None
        if member is None:
            raise WrongDocument(f"is not one of {', '.join(members)}")
        return member

    return Codec({member: member.value for member in kind}.__getitem__, decode)


def _optional(codec: Codec) -> Codec:
    write, read = codec

    def encode(value: Any) -> Any:
        return None if value is None else cast(Callable[[Any], Any], write)(value)

    def decode(told: Any) -> Any:
        return None if told is None else read(told)

    # A call less for each of thousands of moments.
    takes_none = write is None or write is told_moment
    return Codec(write if takes_none else encode, decode)


# --- several values --------------------------------------------------------------------------------------------------


def _sequence(codec: Codec) -> Codec:
    write, read = codec

    def encode(values: tuple[Any, ...]) -> list[Any]:
        return list(map(cast(Callable[[Any], Any], write), values))

    def decode(told: Any) -> tuple[Any, ...]:
        if type(told) is not list:
            raise WrongDocument("is not a list")
        return tuple(map(read, told))

    return Codec(encode if write else list, decode)


def _pair(codecs: tuple[Codec, ...]) -> Codec:
    """A tuple of a fixed length, as a list of JSON values."""

    def decode(told: Any) -> tuple[Any, ...]:
        if type(told) is not list or len(told) != len(codecs):
            raise WrongDocument(f"is not a list of {len(codecs)}")
        return tuple(codec.decode(one) for codec, one in zip(codecs, told, strict=True))

    if any(codec.encode for codec in codecs):
        raise TypeError("a tuple of other than JSON values has no wire form")
    return Codec(list, decode)


def _by_name(codec: Codec) -> Codec:
    """A mapping whose keys are its values' names: a list, as everything else of which there are several."""
    sequence = _sequence(codec)

    def encode(values: Mapping[str, Any]) -> list[Any]:
        return sequence.encode(tuple(values.values())) if sequence.encode else []

    def decode(told: Any) -> dict[str, Any]:
        return {value.name: value for value in sequence.decode(told)}

    return Codec(encode, decode)


# --- records ---------------------------------------------------------------------------------------------------------


def _record(kind: Any) -> Codec:
    """A dataclass or a NamedTuple."""
    hints = get_type_hints(kind)
    defaults = _defaults(kind)
    names = tuple(defaults)
    parts = [
        _Part(f"{name}_seconds" if name in SPANS else name, *codec_of(hints[name]), default)
        for name, default in defaults.items()
    ]
    return Codec(_writer(names, parts, is_tuple=issubclass(kind, tuple)), _reader(kind, parts))


def _defaults(kind: Any) -> dict[str, Callable[[], Any]]:
    """For each field, in their order, what gives its default."""
    if issubclass(kind, tuple):
        return {name: _default(name, kind._field_defaults.get(name, MISSING)) for name in kind._fields}
    return {
        one.name: _default(one.name, one.default) if one.default_factory is MISSING else one.default_factory
        for one in fields(kind)
    }


def _default(name: str, default: Any) -> Callable[[], Any]:
    def give() -> Any:
        if default is MISSING:
            raise WrongDocument("is missing")
        return default

    return give


def _writer(names: tuple[str, ...], parts: list[_Part], *, is_tuple: bool) -> Callable[[Any], dict[str, Any]]:
    keys = [part.key for part in parts]
    converted = [(part.key, part.encode) for part in parts if part.encode]
    # A single name would be given back bare.
    take: Callable[[Any], Any] = attrgetter(*names) if len(names) > 1 else lambda value: (getattr(value, names[0]),)

    def encode(value: Any) -> dict[str, Any]:
        told = dict(zip(keys, value if is_tuple else take(value), strict=True))
        for key, write in converted:
            told[key] = write(told[key])
        return told

    return encode


_ABSENT = object()


def _reader(kind: Any, parts: list[_Part]) -> Callable[[Any], Any]:
    def decode(told: Any) -> Any:
        if type(told) is not dict:
            raise WrongDocument("is not an object")
        values = []
        key = ""
        try:
            for key, _, read, default in parts:
                given = told.get(key, _ABSENT)
                values.append(default() if given is _ABSENT else read(given))
        except WrongDocument as wrong:
            raise wrong.within(key) from None
        return kind(*values)

    return decode
