"""Settings: defaults < configuration file < environment < flags.

Each of the three is a `Layer`, in which None says "not said here". `settle` lays them on top of each other and is pure.
"""

import difflib
import os
import re
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from pgheadroom import quantities, toml
from pgheadroom.conninfo import holds_password
from pgheadroom.errors import ConfigError
from pgheadroom.files import contents, read_by_others
from pgheadroom.model.notification import Channel, Timing, channel_names, channels, command_words
from pgheadroom.model.thresholds import Thresholds

DEFAULT_INTERVAL = 1.0
RESERVED_NAMES = (
    "snapshot", "demo", "terminate", "cancel", "check", "agent", "rules", "notify", "hold", "advise", "serve", "replay",
    "report",
)  # fmt: skip
"""Words that are commands, so that no target can be called by them."""

_Value = TypeVar("_Value")
_YES_NO = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


@dataclass(frozen=True, slots=True)
class Layer:
    """What one source of settings says; None (or an empty mapping) where it says nothing."""

    conninfo: str | None = None
    doors: tuple[str, ...] | None = None
    pgbouncers: tuple[str, ...] | None = None
    server_log: str | None = None
    interval: float | None = None
    read_only: bool | None = None
    hide_literals: bool | None = None
    ascii_only: bool | None = None
    protected_roles: tuple[str, ...] = ()
    thresholds: Mapping[str, Any] = field(default_factory=dict)
    notify: tuple[str, ...] | None = None
    notify_command: tuple[str, ...] | None = field(default=None, repr=False)
    notify_when: Mapping[str, Any] = field(default_factory=dict)


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


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds in the end.

    Attributes:
        conninfo: For libpq, which fills in what is missing from `PG*`, the service file and `.pgpass`. May hold a
            password: never show it.
        doors: Conninfos of other ways into the same server, in the order in which they are tried.
        pgbouncers: A conninfo for the admin console of each PgBouncer.
        server_log: A file, or a command behind a `|`, that tells what the server writes to its log; empty for none.
        interval: Seconds.
        hide_literals: Query texts are shown and written without their literals and comments.
        protected_roles: Roles whose sessions no filter may signal; the file's lists are added up, never shortened.
        notify: Names of the channels that are told of trouble; `notify_command` is one more.
        timing: When they are told.
        meant: A target whose name is like the one that was taken for a database's.
    """

    conninfo: str = ""
    doors: tuple[str, ...] = ()
    pgbouncers: tuple[str, ...] = ()
    server_log: str = ""
    interval: float = DEFAULT_INTERVAL
    read_only: bool = False
    hide_literals: bool = False
    ascii_only: bool = False
    protected_roles: tuple[str, ...] = ()
    thresholds: Thresholds = field(default_factory=Thresholds)
    notify: tuple[str, ...] = ()
    notify_command: tuple[str, ...] = field(default=(), repr=False)
    timing: Timing = field(default_factory=Timing)
    target: str = ""
    meant: str = ""


def settle(*layers: Layer, target: str = "") -> Settings:
    """Lay the layers on top of each other, the later over the earlier.

    Values replace each other, thresholds one by one; protected roles add up, because a list that protects must not be
    lost to a longer one elsewhere.
    """
    top = Layer()
    for layer in layers:
        top = _over(top, layer)
    return Settings(
        conninfo=top.conninfo or "",
        doors=top.doors or (),
        pgbouncers=top.pgbouncers or (),
        server_log=top.server_log or "",
        interval=DEFAULT_INTERVAL if top.interval is None else top.interval,
        read_only=bool(top.read_only),
        hide_literals=bool(top.hide_literals),
        ascii_only=bool(top.ascii_only),
        protected_roles=top.protected_roles,
        thresholds=Thresholds.from_mapping(top.thresholds),
        notify=top.notify or (),
        notify_command=top.notify_command or (),
        timing=Timing.from_mapping(top.notify_when),
        target=target,
    )


_REPLACED = ("conninfo", "doors", "pgbouncers", "server_log", "interval", "read_only", "hide_literals", "ascii_only",
             "notify", "notify_command")  # fmt: skip


def _over(below: Layer, above: Layer) -> Layer:
    said = {name: getattr(above, name) for name in _REPLACED if getattr(above, name) is not None}
    protected = tuple(dict.fromkeys(below.protected_roles + above.protected_roles))
    levels, timing = {**below.thresholds, **above.thresholds}, {**below.notify_when, **above.notify_when}
    return replace(below, **said, protected_roles=protected, thresholds=levels, notify_when=timing)


# --- environment -----------------------------------------------------------------------------------------------------


def from_environment(environ: Mapping[str, str]) -> Layer:
    """What `PGHEADROOM_*` say. An empty variable says nothing.

    Raises:
        ConfigError: A value is not understood.
    """
    return Layer(
        interval=_variable(environ, "PGHEADROOM_INTERVAL", quantities.interval),
        doors=_variable(environ, "PGHEADROOM_DOOR", conninfo_list),
        pgbouncers=_variable(environ, "PGHEADROOM_PGBOUNCER", conninfo_list),
        read_only=_variable(environ, "PGHEADROOM_READ_ONLY", _yes_no),
        hide_literals=_variable(environ, "PGHEADROOM_HIDE_LITERALS", _yes_no),
        ascii_only=_variable(environ, "PGHEADROOM_ASCII", _yes_no),
    )


def _variable(environ: Mapping[str, str], name: str, reader: Callable[[str], _Value]) -> _Value | None:
    text = environ.get(name, "")
    try:
        return reader(text) if text else None
    except ValueError as error:
        raise ConfigError(f"environment variable {name}: {error}") from None


def conninfo_list(text: str) -> tuple[str, ...]:
    """Several conninfos in one variable, separated by `;` or a line break. One that holds a `;` goes into the file."""
    return tuple(part.strip() for part in re.split(r"[;\n]", text) if part.strip())


def _yes_no(text: str) -> bool:
    try:
        return _YES_NO[text.strip().lower()]
    except KeyError:
        raise ValueError(f"'{text}' is not understood; allowed: 1, 0, true, false, yes, no, on, off") from None


# --- file ------------------------------------------------------------------------------------------------------------


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
