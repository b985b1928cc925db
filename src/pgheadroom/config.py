"""Settings: defaults < configuration file < environment < flags.

Each of the three is a `Layer`, in which None says "not said here". `settle` lays them on top of each other and is pure.
The file is read in `config_file`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from pgheadroom import quantities
from pgheadroom.errors import ConfigError
from pgheadroom.model.notification import Timing
from pgheadroom.model.thresholds import Thresholds

DEFAULT_INTERVAL = 1.0


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
