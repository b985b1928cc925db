"""The settings that advice is about, read on demand: each part in a transaction of its own, in one round trip."""

from pgheadroom.model.server_settings import Filed, Placed, ServerSettings, Setting
from pgheadroom.model.versions import RESERVED_SLOTS_SINCE
from pgheadroom.postgres.door import Connection
from pgheadroom.postgres.exchange import Answer, Question, Row, Transaction, Unanswered, ask
from pgheadroom.postgres.own_session import session_settings
from pgheadroom.postgres.queries import query
from pgheadroom.postgres.raw_text import read_text
from pgheadroom.postgres.sampling import Probe
from pgheadroom.words.text import safe

NAMES = (
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "transaction_timeout",
    "client_connection_check_interval",
    "tcp_keepalives_idle",
    "tcp_keepalives_interval",
    "tcp_keepalives_count",
    "tcp_user_timeout",
    "max_connections",
    "superuser_reserved_connections",
    "reserved_connections",
    "shared_memory_size",
    "max_wal_senders",
    "work_mem",
    "password_encryption",
    "ssl",
    "port",
)
_PARTS = {
    "settings": "settings",
    "placed": "settings of roles and databases",
    "files": "the configuration files",
    "heirs": "who has the reserve",
}


async def server_settings(probe: Probe) -> ServerSettings:
    """Read them.

    Raises:
        NoConnection: when the connection is lost.
    """
    connection = probe.connection
    version = connection.info.server_version
    names = "{" + ",".join(NAMES) + "}"
    parts = [part for part in _PARTS if part != "heirs" or version >= RESERVED_SLOTS_SINCE]
    questions = [
        Question(part, query(f"advice_{part}", version), () if part == "heirs" else (names,)) for part in parts
    ]
    answers = await ask(connection, [Transaction([one]) for one in questions])
    told = {one.part: answer for one, (answer,) in zip(questions, answers, strict=True)}
    placed, filed = _placed(probe, told["placed"]), _filed(told["files"])
    hidden = _hidden(probe, placed)
    return ServerSettings(
        settings={one.name: one for one in _settings(told["settings"], filed, hidden)},
        placed=placed,
        filed=filed,
        troubles=tuple(
            f"{_PARTS[part]}: {safe(answer.reason)}" for part, answer in told.items() if isinstance(answer, Unanswered)
        ),
        without_reserve=_not_heirs(probe, told.get("heirs")),
    )


def _not_heirs(probe: Probe, answer: Answer | None) -> tuple[str, ...]:
    """Who is granted it, and inherits it by no grant."""
    rows = answer if isinstance(answer, list) else []
    inherits = {member for member, inherited in rows if inherited}
    names = (probe.catalogue.role_names.get(member) for member, _ in rows if member not in inherits)
    return tuple(sorted({name for name in names if name is not None}))


def _placed(probe: Probe, answer: Answer) -> list[Placed] | None:
    if isinstance(answer, Unanswered):
        return None
    roles, databases = probe.catalogue.role_names, probe.catalogue.database_names
    found = []
    for name, value, role, database in answer:
        for_role = (roles.get(role) or f"oid {role}") if role else None
        for_database = (databases.get(database) or f"oid {database}") if database else None
        found.append(Placed(read_text(bytes(name)), read_text(bytes(value)), for_role, for_database))
    return found


def _filed(answer: Answer) -> list[Filed] | None:
    if isinstance(answer, Unanswered):
        return None
    return [
        Filed(_text(name), _text(value), _text(file), line or 0, applied, _text(error))
        for name, value, file, line, applied, error in answer
    ]


def _hidden(probe: Probe, placed: list[Placed] | None) -> frozenset[str]:
    """Settings of which our session shows its own value, whatever the server's is."""
    facts = probe.catalogue.facts
    ours = {
        one.name for one in placed or () if one.role in (None, facts.user) and one.database in (None, facts.database)
    }
    return frozenset({*ours, *_in_our_packet(probe.connection)})


def _in_our_packet(connection: Connection) -> set[str]:
    options = connection.pgconn.options.decode("utf-8", "replace")
    names = session_settings(connection.info.server_version, read_only=True)
    return {name for name in names if f"-c {name}=" in options}


def _settings(answer: Answer, filed: list[Filed] | None, hidden: frozenset[str]) -> list[Setting]:
    return [] if isinstance(answer, Unanswered) else [_setting(row, filed, hidden) for row in answer]


def _setting(row: Row, filed: list[Filed] | None, hidden: frozenset[str]) -> Setting:
    name, value, unit, common, default, context, file, line, pending = row
    called = _text(name)
    usual: str | None = _text(common)
    if called in hidden:
        usual = _from_files(called, filed, _text(default))
    return Setting(called, _text(value), _text(unit), usual, _text(default), _text(context), _text(file), line, pending)


def _from_files(name: str, filed: list[Filed] | None, default: str) -> str | None:
    if filed is None:
        return None
    return next((one.value for one in reversed(filed) if one.name == name and one.applied), default)


def _text(raw: bytes | None) -> str:
    return read_text(bytes(raw)) if raw is not None else ""
