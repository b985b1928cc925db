"""What a word of the command line stands for: the values of flags, and their mistakes told the way argparse wants them.

Standard library only, as `commands` is.
"""

import argparse
from collections.abc import Callable
from typing import TypeVar

from pgheadroom import quantities

_Value = TypeVar("_Value")


def _read(reader: Callable[[str], _Value], text: str) -> _Value:
    try:
        return reader(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def port(text: str) -> str:
    """One port, or one for each host, as libpq takes them."""
    if not all(part.isdigit() and 0 < int(part) < 65536 for part in text.split(",")):
        # Not quoted: for another program -p is the password.
        raise argparse.ArgumentTypeError("not a port; allowed: 1 to 65535")
    return text


def interval(text: str) -> float:
    """An interval in seconds."""
    return _read(quantities.interval, text)


def duration(text: str) -> float:
    """A duration in seconds.

    A number without its unit decides who is signalled: whoever means minutes would hit those of a few seconds.
    """
    if text.strip().isdigit() and text.strip("0 "):
        raise argparse.ArgumentTypeError(f"{text} of what? Write {text}s, {text}m or {text}h")
    return _read(quantities.seconds, text)


def duration_or_seconds(text: str) -> float:
    """A duration above 0; a plain number is seconds."""
    seconds = _read(quantities.seconds, text)
    if seconds <= 0:
        raise argparse.ArgumentTypeError("must be more than 0")
    return seconds


def count(text: str) -> int:
    """How many, from 1 on."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of sessions from 1 on")
    return int(text)


def limit(text: str) -> int:
    """A CONNECTION LIMIT: -1 for none."""
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 7) or int(text) < -1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a limit: a number of sessions, or -1 for none")
    return int(text)


def timeout(text: str) -> str:
    """As PostgreSQL writes it; empty for `none`."""
    if text == "none":
        return ""
    milliseconds = round(_read(quantities.seconds, text) * 1000)
    if not 0 < milliseconds < 2**31:
        raise argparse.ArgumentTypeError(f"'{text}' is not a timeout: from 1ms to 24d")
    for unit, size in (("min", 60_000), ("s", 1000)):
        if milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"


def listening_place(text: str) -> tuple[str, int]:
    """Where the agent listens: host and port."""
    from pgheadroom.agent.serving import place_of  # here: only the agent listens

    return _read(place_of, text)


def agents_place(text: str) -> object:
    """Where an agent is asked."""
    from pgheadroom.agent.client import place_of_agent  # here: few checks ask one

    return _read(place_of_agent, text)


def exporters(text: str) -> tuple[str, ...]:
    """Names of exporters whose metrics are served as well."""
    names = tuple(part.strip() for part in text.split(","))
    for name in names:
        if name not in ("postgres_exporter", "pgbouncer_exporter"):
            raise argparse.ArgumentTypeError(f"'{name}' is not known; known: postgres_exporter, pgbouncer_exporter")
    return tuple(dict.fromkeys(names))


def channel_name(text: str) -> str:
    """A channel of the configuration, and not its URL."""
    if "://" in text:
        # Not quoted: it carries a token, and stands in the list of processes already.
        raise argparse.ArgumentTypeError("takes the name of a channel; its URL belongs into the configuration")
    return text
