"""Who is told of trouble, when, and what."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pgheadroom.model.finding import Finding, Severity
from pgheadroom.quantities import seconds

_HOURS = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-3]):([0-5]\d)")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,40}")
_WAYS = {"url": "url", "url_file": "url_file", "notify_command": "command"}
_MOST = 1000
COMMAND = "command"
"""What the channel of a `notify_command` that stands by itself is called."""


class Kind(StrEnum):
    """What a message is about: a trouble that began, got worse or ended; or only whether messages arrive."""

    BEGIN = "begin"
    WORSE = "worse"
    END = "end"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent.

    Attributes:
        trouble: Names the trouble: the same from its beginning to its end, and when it comes back soon.
        severity: The worst that is told of it; of an end the worst that was told.
        findings: What hangs together, the most urgent first; of an end the last ones seen.
        began: When the trouble began.
        at: When this was decided.
        times: How often it came so far.
        untold: Troubles before this one that came and went while no message was allowed.
        over: Since when nothing of it is seen; of an end only.
    """

    kind: Kind
    target: str
    trouble: str
    severity: Severity
    findings: tuple[Finding, ...]
    began: datetime
    at: datetime
    times: int = 1
    untold: int = 0
    over: datetime | None = None

    @property
    def seconds(self) -> float:
        """How long it lasted, or lasts so far."""
        return max(0.0, ((self.over or self.at) - self.began).total_seconds())


@dataclass(frozen=True, slots=True)
class QuietHours:
    """A part of each day, in minutes since midnight; it may go over midnight."""

    begin: int
    end: int

    def hold(self, moment: datetime) -> bool:
        """Whether a moment lies in them, by its own clock."""
        minute = 60 * moment.hour + moment.minute
        if self.begin <= self.end:
            return self.begin <= minute < self.end
        return minute >= self.begin or minute < self.end


@dataclass(frozen=True, slots=True)
class Timing:
    """When messages go out.

    Attributes:
        severity: What is milder is told to nobody.
        lasting_seconds: How long a trouble has to last before it is told, and before it is told to be worse.
        calm_seconds: How long it has to stay away before its end is told.
        quiet_seconds: Within so long after its end it is the same trouble that came back: then its end is told only
            after as long a calm.
        most_per_hour: Messages about one server; the last quarter is kept for what becomes critical.
        quiet_hours: When only what is critical is told.
    """

    severity: Severity = Severity.WARNING
    lasting_seconds: float = 20.0
    calm_seconds: float = 60.0
    quiet_seconds: float = 900.0
    most_per_hour: int = 20
    quiet_hours: QuietHours | None = None

    @classmethod
    def from_mapping(cls, said: Mapping[str, Any]) -> "Timing":
        """As a configuration says it; what is not said is the default.

        Raises:
            ValueError: Names the key and what is allowed.
        """
        read: dict[str, Any] = {}
        for key, value in said.items():
            if key not in _READERS:
                raise ValueError(f"{key}: is not a setting; allowed: {', '.join(_READERS)}")
            try:
                read[key] = _READERS[key](value)
            except ValueError as error:
                raise ValueError(f"{key}: {error}") from None
        return replace(cls(), **read)


@dataclass(frozen=True, slots=True)
class Channel:
    """A way to tell somebody. One of the three is set.

    Attributes:
        url: For apprise. It carries a token: never show it.
        url_file: The file that has the URL, and nothing else.
        command: A program and its arguments. They may carry a token, too.
    """

    name: str
    url: str = field(default="", repr=False)
    url_file: str = ""
    command: tuple[str, ...] = field(default=(), repr=False)

    def seen_from(self, folder: Path) -> "Channel":
        """The same, with a file that is told from a folder."""
        return replace(self, url_file=str(folder / self.url_file)) if self.url_file else self


def channels(said: object) -> Mapping[str, Channel]:
    """Channels as a configuration has them, by name.

    Raises:
        ValueError: Names the channel and what is allowed; it never quotes what may be secret.
    """
    if not isinstance(said, dict):
        raise ValueError("must be tables, for instance [channels.mail]")
    return {name: _channel(name, table) for name, table in said.items()}


def _channel(name: str, said: object) -> Channel:
    if not _NAME.fullmatch(name) or name == COMMAND:
        raise ValueError(f"'{COMMAND}' or odd letters: a channel's name has letters, digits, '-', '_' and '.'")
    if not isinstance(said, dict) or len(said) != 1 or not said.keys() <= _WAYS.keys():
        raise ValueError(f"{name}: must have exactly one of {', '.join(_WAYS)}")
    ((key, value),) = said.items()
    try:
        way: Any = command_words(value) if key == "notify_command" else _one_text(value)
    except ValueError as error:
        raise ValueError(f"{name}: {key} {error}") from None
    if key == "url" and "://" not in str(way):
        raise ValueError(f"{name}: url is none: 'mailto://...', 'slack://...', see apprise")
    return replace(Channel(name), **{_WAYS[key]: way})


def _one_text(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError("must be a text that is not empty")
    return value.strip()


def command_words(value: object) -> tuple[str, ...]:
    """A program and its arguments.

    Raises:
        ValueError: It is no list of them; a text would have to be cut as a shell does.
    """
    if not isinstance(value, list) or not value or not all(isinstance(one, str) and "\0" not in one for one in value):
        raise ValueError('must be a list of a program and its arguments, for instance ["/usr/local/bin/page", "dba"]')
    if not value[0].strip():
        raise ValueError("must begin with a program")
    return tuple(value)


def channel_names(value: object) -> tuple[str, ...]:
    """Names of channels.

    Raises:
        ValueError: It is no list of names. A URL is not quoted.
    """
    if not isinstance(value, list) or not all(isinstance(one, str) and one.strip() for one in value):
        raise ValueError('must be a list of names of channels, for instance ["mail"]')
    if any("://" in one for one in value):
        raise ValueError("is for names; a URL belongs into the table of a channel: [channels.mail]")
    return tuple(dict.fromkeys(value))


def _severity(value: object) -> Severity:
    try:
        return Severity(str(value))
    except ValueError:
        raise ValueError(f"must be one of {', '.join(Severity)}") from None


def _span(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("must be seconds, or a duration like '5m'")
    return seconds(value if isinstance(value, str) else f"{value:f}")


def _most(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST:
        raise ValueError(f"must be a number from 1 to {_MOST}")
    return value


def _hours(value: object) -> QuietHours:
    found = _HOURS.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError("must be hours of the day like '22:00-07:00'")
    first, second, third, fourth = map(int, found.groups())
    return QuietHours(60 * first + second, 60 * third + fourth)


_READERS = {
    "severity": _severity,
    "lasting_seconds": _span,
    "calm_seconds": _span,
    "quiet_seconds": _span,
    "most_per_hour": _most,
    "quiet_hours": _hours,
}
