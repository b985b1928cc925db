"""The configuration file: where it is, what may stand in it, and how its mistakes are told: the file, the line, the key
and what is allowed."""

import difflib
import os
import re
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pgheadroom import quantities, toml
from pgheadroom.config import Layer
from pgheadroom.conninfo import holds_password
from pgheadroom.errors import ConfigError
from pgheadroom.files import contents, read_by_others
from pgheadroom.model.notification import Channel, Timing, channel_names, channels, command_words
from pgheadroom.model.thresholds import Thresholds

RESERVED_NAMES = (
    "snapshot", "demo", "terminate", "cancel", "check", "agent", "rules", "notify", "hold", "advise", "serve", "replay",
    "report",
)  # fmt: skip
"""Words that are commands, so that no target can be called by them."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """A configuration file as read.

    Attributes:
        general: What holds for every target.
        targets: By name.
        channels: Who can be told of trouble, by name.
        exposed: The file, where it can be read by others.
        warnings: One line each, for stderr.
        place: Where a key is in the file, in words for a mistake that is found later.
    """

    general: Layer = field(default_factory=Layer)
    targets: Mapping[str, Layer] = field(default_factory=dict)
    channels: Mapping[str, Channel] = field(default_factory=dict)
    exposed: str = ""
    warnings: tuple[str, ...] = ()
    place: Callable[..., str] = field(default=lambda *path: ".".join(path), compare=False)


def default_path(environ: Mapping[str, str]) -> Path:
    """Where the configuration is looked for: `$XDG_CONFIG_HOME/pgheadroom/config.toml`, by default in `~/.config`."""
    base = Path(environ.get("XDG_CONFIG_HOME", ""))
    # The XDG base directory specification has relative paths ignored.
    folder = base if base.is_absolute() else Path("~/.config").expanduser()
    return folder / "pgheadroom" / "config.toml"


def load(given: str | None, environ: Mapping[str, str]) -> Configuration:
    """Read the file that a flag or `PGHEADROOM_CONFIG` names, or else the default one, which may be missing.

    Raises:
        ConfigError: The named file cannot be read, or a file has a mistake.
    """
    named = given or environ.get("PGHEADROOM_CONFIG", "")
    try:
        path = Path(named) if named else default_path(environ)
    except RuntimeError:  # a user without a home folder
        return Configuration()
    try:
        raw, told = contents(path)
        text = raw.decode()
    except (FileNotFoundError, NotADirectoryError):
        if named:
            raise ConfigError(f"{path}: there is no such file") from None
        return Configuration()
    except OSError as error:
        raise ConfigError(f"{path}: {os.strerror(error.errno or 0)}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}, line {line}: it is not UTF-8") from None
    configuration = parse(text, str(path))
    known = {name: one.seen_from(path.parent) for name, one in configuration.channels.items()}
    exposed = str(path) if read_by_others(told) else ""
    return replace(
        configuration, channels=known, exposed=exposed, warnings=_open_secrets(configuration, path, told.st_mode)
    )


def _open_secrets(configuration: Configuration, path: Path, mode: int) -> tuple[str, ...]:
    if not mode & (stat.S_IRGRP | stat.S_IROTH):
        return ()
    secret = sorted(
        name for name, layer in configuration.targets.items() if any(map(holds_password, _conninfos(layer)))
    )
    if not secret:
        return ()
    return (
        f"{path} holds a password (target {', '.join(secret)}) and others can read it: chmod 600, or use ~/.pgpass",
    )


def _conninfos(layer: Layer) -> tuple[str, ...]:
    return (layer.conninfo or "", *(layer.doors or ()), *(layer.pgbouncers or ()))


def parse(text: str, name: str) -> Configuration:
    """A configuration from its text; `name` is what the file is called in messages.

    Raises:
        ConfigError: In one line: the file, the line where it is known, the key, and what is allowed.
    """
    try:
        document = toml.document(text)
    except ValueError as error:
        raise _not_toml(text, name, str(error)) from None
    except RecursionError:
        raise ConfigError(f"{name}: not TOML that anybody writes: it is nested too deeply") from None
    page = _Page(text, name)
    tables = ("targets", "channels")
    general = page.layer((), {key: value for key, value in document.items() if key not in tables}, _GENERAL_KEYS)
    targets = dict(page.targets(document.get("targets", {})))
    known = page.channels(document.get("channels", {}))
    for place, layer in (((), general), *((("targets", name), layer) for name, layer in targets.items())):
        page.check_names(place, layer.notify or (), known)
    return Configuration(general, targets, known, place=page.place)


def _not_toml(text: str, name: str, said: str) -> ConfigError:
    found = re.fullmatch(r"(?P<reason>.*) \(at (?:line (?P<line>\d+), column \d+|end of document)\)", said, re.DOTALL)
    line = (found and found["line"]) or text.rstrip().count("\n") + 1
    return ConfigError(f"{name}, line {line}: not TOML: {_one_line(found['reason'] if found else said)}")


def _one_line(message: str) -> str:
    return " ".join(message.split())


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text that is not empty")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
        raise ValueError('must be a list of texts, for instance ["a", "b"]')
    return tuple(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _interval(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"must be {quantities.INTERVAL_RULE}")
    return quantities.interval(value)


def _thresholds(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("must be a table")
    Thresholds.from_mapping(value)
    return value


def _notify_when(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("must be a table")
    Timing.from_mapping(value)
    return value


_Reader = Callable[[object], Any]
_SHARED: dict[str, tuple[str, _Reader]] = {
    "interval": ("interval", _interval),
    "read_only": ("read_only", _flag),
    "hide_literals": ("hide_literals", _flag),
    "protected_roles": ("protected_roles", _texts),
    "thresholds": ("thresholds", _thresholds),
    "notify": ("notify", channel_names),
    "notify_command": ("notify_command", command_words),
    "notify_when": ("notify_when", _notify_when),
}
_GENERAL_KEYS = {**_SHARED, "ascii": ("ascii_only", _flag)}
_TARGET_KEYS = {
    **_SHARED,
    "conninfo": ("conninfo", _text),
    "doors": ("doors", _texts),
    "pgbouncer": ("pgbouncers", _texts),
    "server_log": ("server_log", _text),
}


class _Page:
    """The file being read, for messages that say where."""

    def __init__(self, text: str, name: str) -> None:
        self._text = text
        self._name = name

    def targets(self, tables: object) -> Iterable[tuple[str, Layer]]:
        if not isinstance(tables, dict):
            raise self._mistake((), "targets", "must be tables, for instance [targets.production]")
        for name, table in tables.items():
            here = ("targets",)
            if name in RESERVED_NAMES:
                raise self._mistake(here, name, "is a command; call the target something else")
            if not isinstance(table, dict):
                raise self._mistake(here, name, f"must be a table: [targets.{name}]")
            yield name, self.layer((*here, name), table, _TARGET_KEYS)

    def channels(self, tables: object) -> Mapping[str, Channel]:
        try:
            return channels(tables)
        except ValueError as error:
            raise self._value_mistake((), "channels", tables, str(error)) from None

    def check_names(self, place: tuple[str, ...], names: Iterable[str], known: Mapping[str, Channel]) -> None:
        """Raises ConfigError for a channel that there is not."""
        for name in names:
            if name not in known:
                told = ", ".join(known) or "none: write a table [channels.NAME]"
                raise self._mistake(place, "notify", f"'{name[:40]}' is no channel; there are {told}")

    def layer(
        self, place: tuple[str, ...], table: Mapping[str, object], keys: Mapping[str, tuple[str, _Reader]]
    ) -> Layer:
        said: dict[str, Any] = {}
        for key, value in table.items():
            if key not in keys:
                allowed = [*keys, "targets", "channels"] if not place else list(keys)
                raise self._mistake(place, key, _unknown(key, allowed))
            field_name, reader = keys[key]
            try:
                said[field_name] = reader(value)
            except ValueError as error:
                raise self._value_mistake(place, key, value, str(error)) from None
        return Layer(**said)

    def _value_mistake(self, place: tuple[str, ...], key: str, value: object, reason: str) -> ConfigError:
        # A table's reader names the key within it first, and that key's line is the one to look at.
        if isinstance(value, dict):
            for inner in value:
                if reason.startswith(f"{inner}: "):
                    return self._mistake((*place, key), inner, reason.removeprefix(f"{inner}: "))
        return self._mistake(place, key, reason)

    def _mistake(self, place: tuple[str, ...], key: str, reason: str) -> ConfigError:
        return ConfigError(f"{self.place(*place, key)}: {_one_line(reason)}")

    def place(self, *path: str) -> str:
        """`config.toml, line 3: targets.shop.interval`."""
        line = toml.line_of(self._text, path)
        return f"{self._name}{f', line {line}' if line else ''}: {'.'.join(path)}"


def _unknown(key: str, allowed: list[str]) -> str:
    near = difflib.get_close_matches(key, allowed, n=1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    return f"is not a setting{meant}; allowed: {', '.join(sorted(allowed))}"
