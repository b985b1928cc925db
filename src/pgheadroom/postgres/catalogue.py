"""What is read rarely: the server's settings, our rights, and the names and limits of roles and databases."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from pgheadroom.model.snapshot import Database, Role, SlotKind, SlotSettings
from pgheadroom.postgres.exchange import Answer, Question, Row, Unanswered
from pgheadroom.postgres.queries import query
from pgheadroom.postgres.raw_text import codec_for, read_text

INVALID_DATABASE = -2
"""`datconnlimit` of a database whose DROP was interrupted: nobody gets in, and it is no limit."""
LOOKED_UP = "roles looked up"
"""The question by which our session's cache knows the roles of all sessions, for signals while pg_authid is locked."""


class Facts(NamedTuple):
    """The server, and what our role may do there. In the order of `server_facts.sql`."""

    version: str
    version_num: int
    started_at: datetime
    max_connections: int
    superuser_reserved: int
    reserved: int
    max_wal_senders: int
    query_size: int
    encoding: str
    backend_pid: int
    user: str
    database: str
    database_oid: int
    superuser: bool
    reads_all_stats: bool
    signals_backends: bool
    uses_reserved: bool

    @property
    def settings(self) -> SlotSettings:
        return SlotSettings(self.max_connections, self.superuser_reserved, self.reserved, self.max_wal_senders)

    @property
    def slot(self) -> SlotKind:
        """The kind of slot our role may still take when others may not."""
        if self.superuser:
            return SlotKind.SUPERUSER
        return SlotKind.RESERVED if self.uses_reserved else SlotKind.ORDINARY


@dataclass(frozen=True)
class Catalogue:
    """Names and limits, with OIDs as the activity gives them.

    Attributes:
        codecs: Python's codec for the text of a database's sessions, by the database's OID.
        not_superusers: OIDs of members of the first superuser's role that are no superusers themselves.
        refused: Parts that could not be read this time, and why; they keep what was read before.
    """

    facts: Facts
    role_names: dict[int | None, str | None] = field(default_factory=dict)
    database_names: dict[int | None, str | None] = field(default_factory=dict)
    codecs: dict[int | None, str] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)
    databases: dict[str, Database] = field(default_factory=dict)
    not_superusers: tuple[int, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()

    @property
    def codec(self) -> str:
        """That of our own database."""
        return codec_for(self.facts.encoding)

    def knows(self, roles: Iterable[int | None], databases: Iterable[int | None]) -> bool:
        """Whether it has a name for each."""
        return self.role_names.keys() >= set(roles) and self.database_names.keys() >= set(databases)


def catalogue_questions(version_num: int) -> list[Question]:
    """The settings first: without them there is no sample; names can be missing."""
    return [
        Question("settings", query("server_facts", version_num)),
        Question("databases", query("databases", version_num)),
        Question("roles", query("roles", version_num)),
        Question(LOOKED_UP, query("look_up_roles", version_num)),
    ]


def read_catalogue(answers: Sequence[Answer], before: Catalogue | None) -> Catalogue | None:
    """The catalogue from the answers to `catalogue_questions`; a part without answer stays as it was before.

    Returns:
        None when there are no settings, neither now nor before.
    """
    settings, databases, roles, looked_up = answers
    refused = tuple(
        (question, answer.reason)
        for question, answer in zip(("settings", "databases", "roles"), answers[:-1], strict=True)
        if isinstance(answer, Unanswered)
    )
    catalogue = before and replace(before, refused=refused)
    if not isinstance(settings, Unanswered):
        facts = _facts(settings[0])
        catalogue = replace(before, facts=facts, refused=refused) if before else Catalogue(facts, refused=refused)
    if catalogue is None:
        return None
    if not isinstance(databases, Unanswered):
        catalogue = _with_databases(catalogue, databases)
    if not isinstance(roles, Unanswered):
        catalogue = _with_roles(catalogue, roles)
    if not isinstance(looked_up, Unanswered):
        catalogue = replace(catalogue, not_superusers=tuple(looked_up[0][0]))
    return catalogue


def _facts(row: Row) -> Facts:
    codec = codec_for(_text(row[8]))
    values: list[Any] = [read_text(value, codec) if isinstance(value, bytes) else value for value in row]
    values[0] = values[0].partition(" ")[0]  # packagers append their name
    return Facts(*values)


def _text(value: Any, codec: str = "utf-8") -> str:
    return read_text(bytes(value), codec)


def _with_databases(catalogue: Catalogue, rows: Sequence[Row]) -> Catalogue:
    names: dict[int | None, str | None] = {None: None, 0: None}
    codecs: dict[int | None, str] = {None: catalogue.codec, 0: catalogue.codec}
    databases = {}
    for oid, raw_name, limit, allows, encoding in rows:
        names[oid] = name = _text(raw_name, catalogue.codec)
        codecs[oid] = codec_for(_text(encoding))
        databases[name] = Database(name, _limit(limit), limit != INVALID_DATABASE, allows)
    return replace(catalogue, database_names=names, codecs=codecs, databases=databases)


def _with_roles(catalogue: Catalogue, rows: Sequence[Row]) -> Catalogue:
    names: dict[int | None, str | None] = {None: None, 0: None}
    roles = {}
    for oid, raw_name, superuser, limit, replication, reserved in rows:
        names[oid] = name = _text(raw_name, catalogue.codec)
        roles[name] = Role(name, superuser, _limit(limit), replication, reserved)
    return replace(catalogue, role_names=names, roles=roles)


def _limit(number: int) -> int | None:
    """-1 means none; -2 of a database is a mark, not a limit."""
    return number if number >= 0 else None
