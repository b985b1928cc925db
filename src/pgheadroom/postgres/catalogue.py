"""What is read rarely: the server's settings, our rights, and the names and limits of roles and databases."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from pgheadroom.model.service import RDS
from pgheadroom.model.snapshot import Database, Role, SlotKind, SlotSettings
from pgheadroom.postgres.exchange import Answer, Question, Row, Unanswered
from pgheadroom.postgres.queries import query
from pgheadroom.postgres.raw_text import codec_for, read_text
from pgheadroom.postgres.server_log.site import LogSite

INVALID_DATABASE = -2
"""`datconnlimit` of a database whose DROP was interrupted: nobody gets in, and it is no limit."""
LOOKED_UP = "roles looked up"
"""The question by which our session's cache knows the roles of all sessions, for signals while pg_authid is locked."""
MANAGED = "managed"
"""What only a managed service has. A sample goes without it."""
LOG_SITE = "server log site"
"""Whether the server's log can be read. That it cannot is told with the refusals that it would tell of."""
NOT_SHOWN = frozenset({LOOKED_UP, MANAGED, LOG_SITE})

_Names = dict[int | None, str | None]


class Facts(NamedTuple):
    """The server, and what our role may do there: the answers to the questions of `SERVER_PARTS` together.

    Attributes:
        started_at: None when the server does not tell.
        backend_pid: Of who answers; 0 when the server does not tell.
        database_oid: 0 when the names of databases cannot be read.
        service_reserved: Slots that a managed service keeps for its administrators' role, beside the server's own.
        administers: Whether our role inherits that role.
    """

    version: str
    version_num: int
    max_connections: int
    superuser_reserved: int
    reserved: int
    max_wal_senders: int
    query_size: int
    encoding: str
    superuser: bool
    user: str
    database: str
    started_at: datetime | None = None
    backend_pid: int = 0
    reads_all_stats: bool = False
    signals_backends: bool = False
    uses_reserved: bool = False
    database_oid: int = 0
    service_reserved: int = 0
    administers: bool = False

    @property
    def settings(self) -> SlotSettings:
        reserved = self.reserved + self.service_reserved
        return SlotSettings(self.max_connections, self.superuser_reserved, reserved, self.max_wal_senders)

    @property
    def slot(self) -> SlotKind:
        """The kind of slot our role may still take when others may not."""
        if self.superuser:
            return SlotKind.SUPERUSER
        uses_reserved = self.uses_reserved or (self.administers and self.service_reserved > 0)
        return SlotKind.RESERVED if uses_reserved else SlotKind.ORDINARY


@dataclass(frozen=True)
class Catalogue:
    """Names and limits, with OIDs as the activity gives them.

    Attributes:
        codecs: Python's codec for the text of a database's sessions, by the database's OID.
        not_superusers: OIDs of members of the first superuser's role that are no superusers themselves.
        refused: Parts that could not be read this time, and why; they keep what was read before.
        log: Whether the server's log can be read; None where that is not told.
        as_read: A number for the rows of each part of names. Rows that are as before leave the same mappings in place,
            so that whoever works something out of them sees that nothing changed.
    """

    facts: Facts
    role_names: dict[int | None, str | None] = field(default_factory=dict)
    database_names: dict[int | None, str | None] = field(default_factory=dict)
    codecs: dict[int | None, str] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)
    databases: dict[str, Database] = field(default_factory=dict)
    not_superusers: tuple[int, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    log: LogSite | None = None
    as_read: Mapping[str, int] = field(default_factory=dict)

    @property
    def slot(self) -> SlotKind:
        """The kind of slot that our login has: that of the role that logged in, whatever role it has become since
        (ALTER ROLE ... SET role)."""
        login = self.roles.get(self.facts.user)
        if login is None or login.superuser == self.facts.superuser:
            return self.facts.slot
        if login.superuser:
            return SlotKind.SUPERUSER
        return SlotKind.RESERVED if login.reserved else SlotKind.ORDINARY

    @property
    def codec(self) -> str:
        """That of our own database."""
        return codec_for(self.facts.encoding)

    def reads_alike(self, other: "Catalogue") -> bool:
        """Whether a row that had its names by this one is the same session by the other, which was read later, and the
        same rows are shown to us."""
        ours, theirs = self.facts, other.facts
        return (
            _extends(other.role_names, self.role_names)
            and _extends(other.database_names, self.database_names)
            and (ours.user, ours.superuser, ours.reads_all_stats)
            == (theirs.user, theirs.superuser, theirs.reads_all_stats)
        )

    def knows(self, roles: Iterable[int | None], databases: Iterable[int | None]) -> bool:
        """Whether it has a name for each."""
        return self.role_names.keys() >= set(roles) and self.database_names.keys() >= set(databases)


def _extends(later: _Names, earlier: _Names) -> bool:
    return later is earlier or earlier.items() <= later.items()


def nothing_read(version_num: int) -> Catalogue:
    """Before the first answer: only the version is known, which the server tells at the login."""
    return Catalogue(Facts("", version_num, 0, 0, 0, 0, 0, "", superuser=False, user="", database=""))


CATALOGUE_PARTS = ("settings", "start", "rights", "databases", "roles", LOOKED_UP, MANAGED, LOG_SITE)
"""What is asked, each in a transaction of its own: any of it can be forbidden, or behind a lock."""
CHANGED_BY_HAND = frozenset({"rights", "databases", "roles", LOG_SITE})
"""Those that an administrator changes while the server runs."""
_BYTES = {"B": 1, "kB": 2**10, "MB": 2**20, "GB": 2**30}
"""Units of settings that are memory. Source: src/backend/utils/misc/guc.c."""
_MOST_DIGITS = 12
_MOST_SLOTS = 262_143
"""MAX_BACKENDS of src/include/storage/procnumber.h."""


def catalogue_questions(version_num: int, *, listed: bool = False) -> list[Question]:
    """Settings, rights, names and limits.

    Args:
        listed: Settings are looked up in a list, because they cannot be asked for by name.
    """
    names = {"settings": "settings_listed" if listed else "settings", LOOKED_UP: "look_up_roles", LOG_SITE: "log_site"}
    return [Question(part, query(names.get(part, part), version_num)) for part in CATALOGUE_PARTS]


def read_catalogue(answers: Mapping[str, Answer], before: Catalogue | None) -> Catalogue | None:
    """The catalogue from answers to `catalogue_questions`; a part without answer stays as it was before.

    Returns:
        None when there are no settings, neither now nor before.
    """
    if any(not _can_be(row) for row in _rows(answers, "settings")):
        answers = {**answers, "settings": Unanswered("cannot be read: no server has such settings")}
    facts = _facts(answers, before.facts if before else None)
    if facts is None:
        return None
    refused = {part: answer.reason for part, answer in answers.items() if isinstance(answer, Unanswered)}
    refused = {part: reason for part, reason in refused.items() if part not in NOT_SHOWN}
    refused |= {part: reason for part, reason in (before.refused if before else ()) if part not in answers}
    catalogue = replace(before or Catalogue(facts), facts=facts, refused=tuple(refused.items()))
    for part, with_them in (("databases", _with_databases), ("roles", _with_roles)):
        rows = _rows(answers, part)
        if rows and catalogue.as_read.get(part) != (number := hash(tuple(rows))):
            catalogue = replace(with_them(catalogue, rows), as_read={**catalogue.as_read, part: number})
    for not_superusers, _ in _rows(answers, LOOKED_UP):
        catalogue = replace(catalogue, not_superusers=tuple(not_superusers))
    for row in _rows(answers, LOG_SITE):
        catalogue = replace(catalogue, log=_log_site(row, catalogue))
    for told, administers in _rows(answers, MANAGED):
        reserved = _service_reserved(told, catalogue)
        facts = catalogue.facts._replace(service_reserved=reserved, administers=administers)
        catalogue = replace(catalogue, facts=facts)
    return catalogue


def _log_site(row: Row, catalogue: Catalogue) -> LogSite:
    allowed, lists, collector, formats, prefix = row
    written = _text(formats, catalogue.codec).split(",")
    kinds = tuple(one.strip().lower() for one in written)
    return LogSite(allowed, _text(collector) == "on", kinds, _text(prefix, catalogue.codec), lists=lists)


def _service_reserved(told: bytes | None, catalogue: Catalogue) -> int:
    """Anybody can set a parameter of that name for a database: believed where RDS's role is, and the sum can be."""
    written, facts = told or b"", catalogue.facts
    if RDS.admin not in catalogue.roles or facts.superuser or not (written.isdigit() and len(written) < _MOST_DIGITS):
        return 0
    left = facts.max_connections - facts.superuser_reserved - facts.reserved
    return int(written) if int(written) < left else 0


def _rows(answers: Mapping[str, Answer], part: str) -> Sequence[Row]:
    """The rows of a part, none when it was refused or not asked for."""
    answer = answers.get(part, ())
    return () if isinstance(answer, Unanswered) else answer


def _facts(answers: Mapping[str, Answer], before: Facts | None) -> Facts | None:
    facts = before
    for row in _rows(answers, "settings"):
        facts = Facts(*_settings(row), *(before[len(row) :] if before else ()))
    if facts is None:
        return None
    for (started_at,) in _rows(answers, "start"):
        facts = facts._replace(started_at=started_at)
    for pid, reads, signals, reserved in _rows(answers, "rights"):
        facts = facts._replace(backend_pid=pid, reads_all_stats=reads, signals_backends=signals, uses_reserved=reserved)
    return facts


def _can_be(row: Row) -> bool:
    """Whether a server starts with these: the reserves leave at least one slot, and nothing is below zero."""
    slots: int = row[2]
    reserves: list[int] = [*row[3:6]]
    return min(reserves) >= 0 and sum(reserves[:2]) < slots <= _MOST_SLOTS


def _settings(row: Row) -> list[Any]:
    codec = codec_for(_text(row[7]))
    values: list[Any] = [read_text(value, codec) if isinstance(value, bytes) else value for value in row]
    values[0] = values[0].partition(" ")[0]  # packagers append their name
    values[1] = max(0, values[1])
    values[6] = _bytes(values[6])
    return values


def _bytes(written: str) -> int:
    """A setting that is an amount of memory, as it is shown: `1kB`, `100B`."""
    number = written.rstrip("BkMG")
    known = number.isascii() and number.isdigit() and len(number) < _MOST_DIGITS
    return int(number) * _BYTES.get(written[len(number) :], 1) if known else 0


def _text(value: Any, codec: str = "utf-8") -> str:
    return read_text(bytes(value), codec)


def _with_databases(catalogue: Catalogue, rows: Sequence[Row]) -> Catalogue:
    names: dict[int | None, str | None] = {None: None, 0: None}
    codecs: dict[int | None, str] = {None: catalogue.codec, 0: catalogue.codec}
    databases, ours = {}, catalogue.facts.database
    for oid, raw_name, limit, allows, encoding in rows:
        names[oid] = name = _text(raw_name, catalogue.codec)
        codecs[oid] = codec_for(_text(encoding))
        databases[name] = Database(name, _limit(limit), limit != INVALID_DATABASE, allows)
    facts = catalogue.facts._replace(database_oid=next((oid for oid, name in names.items() if oid and name == ours), 0))
    return replace(catalogue, facts=facts, database_names=names, codecs=codecs, databases=databases)


def _with_roles(catalogue: Catalogue, rows: Sequence[Row]) -> Catalogue:
    names: dict[int | None, str | None] = {None: None, 0: None}
    roles = {}
    for oid, raw_name, superuser, limit, replication, reserved, login, expired in rows:
        names[oid] = name = _text(raw_name, catalogue.codec)
        roles[name] = Role(name, superuser, _limit(limit), replication, reserved, login=login, expired=expired)
    return replace(catalogue, role_names=names, roles=roles)


def _limit(number: int) -> int | None:
    """-1 means none; -2 of a database is a mark, not a limit."""
    return number if number >= 0 else None
