"""A PgBouncer for this server: how large, for which databases, and in which mode."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

from pgheadroom.advice.ground import Ground
from pgheadroom.advice.scopes import is_tool_of_people
from pgheadroom.model.session import Session
from pgheadroom.words.text import safe

CONSOLE = "pgbouncer"
"""PgBouncer's own database: no other may have its name."""

_FILLED_TO = 0.8
"""Of the usable slots that all pools together may take: the rest is for whoever connects directly."""
_LEAST = 3
"""Server connections of a database: one looks up passwords, and the others work."""
_CLIENTS_FOR_EACH = 3
_FEWEST_CLIENTS = 200
_FILES_BESIDE = 64
"""What PgBouncer opens beside its connections: logs, sockets, name lookups."""

_BREAKS = {
    "LISTEN": re.compile(r"\s*(?:UN)?LISTEN\b", re.IGNORECASE),
    "SQL PREPARE": re.compile(r"\s*(?:PREPARE\s+(?!TRANSACTION)|EXECUTE\s|DEALLOCATE\s)", re.IGNORECASE),
    "SET for the session": re.compile(r"\s*SET\s+(?!LOCAL\b|TRANSACTION\b|CONSTRAINTS\b)", re.IGNORECASE),
    "a cursor WITH HOLD": re.compile(r"\s*DECLARE\b.*\bWITH\s+HOLD\b", re.IGNORECASE | re.DOTALL),
    "a temporary table": re.compile(r"\s*CREATE\s+(?:LOCAL\s+|GLOBAL\s+)?TEMP", re.IGNORECASE),
    "a session's advisory lock": re.compile(r".*\bpg_(?:try_)?advisory_lock", re.IGNORECASE | re.DOTALL),
    "LOAD": re.compile(r"\s*LOAD\s", re.IGNORECASE),
}
"""What lasts longer than a transaction, by the statement that begins it. Source: PgBouncer's feature map."""


class Upstream(NamedTuple):
    """Where PostgreSQL is for PgBouncer: a host or the folder of a socket, and whether it speaks TLS."""

    host: str
    port: int
    tls: bool

    @property
    def is_local(self) -> bool:
        return self.host.startswith("/") or self.host in ("", "localhost", "127.0.0.1", "::1")


class PlannedDatabase(NamedTuple):
    """A line of the section [databases].

    Attributes:
        alias: How clients call it: its name, where an ini file can have that for a key.
        most: `max_db_connections`.
        pool: `pool_size`, of each of its roles.
        roles: Who was seen in it.
    """

    name: str
    alias: str
    most: int
    pool: int
    roles: tuple[str, ...]


class Breaking(NamedTuple):
    """What an application was seen to use that transaction mode breaks."""

    user: str
    application: str
    database: str
    what: str


@dataclass(frozen=True, slots=True)
class BouncerPlan:
    """All that the files are written from.

    Attributes:
        version: PgBouncer's, for instance (1, 24).
        usable: Slots that ordinary roles may take.
        direct: Of them those that are left for who connects directly, at their most.
        left_out: Databases that have no line, and why.
        clients: `max_client_conn`.
    """

    version: tuple[int, ...]
    upstream: Upstream
    usable: int
    direct: int
    databases: tuple[PlannedDatabase, ...]
    left_out: tuple[str, ...]
    breaking: tuple[Breaking, ...]
    clients: int

    @property
    def servers(self) -> int:
        """Most server connections over all pools."""
        return sum(one.most for one in self.databases)

    @property
    def files(self) -> int:
        """File descriptors that it takes, rounded up."""
        return max(1024, 256 * ceil((self.clients + self.servers + _FILES_BESIDE) / 256))

    @property
    def fits(self) -> bool:
        return self.servers + self.direct <= self.usable


def bouncer_plan(ground: Ground, upstream: Upstream, version: tuple[int, ...]) -> BouncerPlan:
    """A plan by the fullest sample and the peaks."""
    capacity = ground.fullest.capacity
    moving = [one for one in ground.fullest.snapshot.sessions if _moves(ground, one)]
    names, left_out = _names(ground, moving)
    direct = capacity.used - len(moving) + 1
    room = max(0, min(int(_FILLED_TO * capacity.usable), capacity.usable - direct))
    return BouncerPlan(
        version=version,
        upstream=upstream,
        usable=capacity.usable,
        direct=direct,
        databases=tuple(_shared(names, moving, room)),
        left_out=tuple(left_out),
        breaking=tuple(_breaking(moving)),
        clients=max(_FEWEST_CLIENTS, 100 * ceil(_CLIENTS_FOR_EACH * len(moving) / 100)),
    )


def _moves(ground: Ground, session: Session) -> bool:
    """Whether a session would come through the pooler: an application's, not a person's, a superuser's or ours."""
    if not session.user or not session.database or session.pid == ground.fullest.snapshot.door.pid:
        return False
    return not (ground.superuser(session.user) or is_tool_of_people(session.application))


def _names(ground: Ground, moving: Iterable[Session]) -> tuple[list[str], list[str]]:
    """Databases of those who move, or our own where nobody does; and those that cannot have a line."""
    found = sorted({one.database for one in moving if one.database}) or [ground.snapshot.door.database]
    left_out = [f"{safe(one)}: its name cannot stand in an ini file" for one in found if not _can_be_written(one)]
    return [one for one in found if _can_be_written(one)], left_out


def _can_be_written(name: str) -> bool:
    return not any(char in name for char in "\n\r\0") and safe(name) == name


def _shared(names: Sequence[str], moving: Sequence[Session], room: int) -> "list[PlannedDatabase]":
    """The room, shared by how many sessions each had; nobody gets less than it needs to work at all."""
    sizes = Counter(one.database for one in moving if one.database)
    total = sum(sizes[name] for name in names)
    spare = max(0, room - _LEAST * len(names))
    planned: list[PlannedDatabase] = []
    for name in names:
        alias = _alias(name, {*names, *(one.alias for one in planned)} - {name})
        part = sizes[name] / total if total else 1 / len(names)
        most = _LEAST + int(spare * part)
        roles = tuple(sorted({one.user for one in moving if one.database == name and one.user}))
        pool = most - 1 if len(roles) < 2 else max(1, ceil(2 * (most - 1) / 3))
        planned.append(PlannedDatabase(name, alias, most, pool, roles))
    return planned


def _alias(name: str, taken: Collection[str]) -> str:
    """The name itself where PgBouncer can read it: its keys have no quotes (tried on 1.18, 1.24 and 1.26)."""
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
    while plain in taken or plain == CONSOLE:
        plain += "_"
    return plain


def _breaking(moving: Iterable[Session]) -> list[Breaking]:
    found = {
        Breaking(one.user or "", one.application, one.database or "", what)
        for one in moving
        for what, begins in _BREAKS.items()
        if begins.match(one.query)
    }
    return sorted(found)
