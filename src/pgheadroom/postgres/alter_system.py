"""The server's own configuration changed: ALTER SYSTEM, the reload, and what is read back after it.

ALTER SYSTEM takes no values, and stands in no transaction, so that it cannot be in one statement with the look; what
stands in the file is compared right before, and read back after. Our own session often has a value of its own, which
hides the server's; what the file says, and that the server has read it, is seen all the same.
"""

import asyncio
import re
import time
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from pgheadroom.model.applied import Alteration, Found, Spot
from pgheadroom.model.hold import ChangeOutcome, ChangeResult
from pgheadroom.model.versions import PARAMETERS_ARE_GRANTED_SINCE
from pgheadroom.postgres.exchange import Answer, Question, Transaction, Unanswered, ask
from pgheadroom.postgres.holding import PATIENCE, why
from pgheadroom.postgres.queries import Statement, query
from pgheadroom.postgres.raw_text import read_text
from pgheadroom.postgres.rollback import in_string
from pgheadroom.postgres.sampling import Probe
from pgheadroom.rules.acting.apply import RELOAD, value_words
from pgheadroom.words.sql_names import quoted
from pgheadroom.words.text import safe

READ_WITHIN = 5.0
"""Seconds in which a server has read its configuration again; then it is said that it has not."""
_READ_EVERY = 0.05
_FILE = "postgresql.auto.conf"
_SHOWN = ("configuration file", "default", "command line", "environment variable")
"""Sources of a value that our session has in common with all."""


class _Server(NamedTuple):
    """A row of `apply_server.sql`."""

    value: str
    unit: str
    source: str
    file: str
    loaded_at: datetime
    may_alter: bool
    may_reload: bool
    allowed: bool


def questions(probe: Probe, parameter: str, patience: str = PATIENCE) -> list[Transaction]:
    """Two, for `found`."""
    version = probe.connection.info.server_version
    names = ("apply_server", "apply_filed")
    return [Transaction([Question(name, query(name, version), (parameter,))], patience) for name in names]


def found(probe: Probe, spot: Spot, answers: Sequence[Answer]) -> Found:
    """What stands in postgresql.auto.conf.

    Raises:
        LookupError: It cannot be told; the argument says why.
    """
    server, filed = _server(answers[0]), answers[1]
    lacking = list(_lacking(probe, spot.parameter, server, filed))
    value = None if isinstance(filed, Unanswered) else _last(filed)
    return Found(spot, True, value, may_alter=not lacking, help="; ".join(lacking))


def _server(answer: Answer) -> _Server:
    if isinstance(answer, Unanswered):
        raise LookupError(safe(answer.reason))
    value, unit, source, file, loaded_at, may_alter, may_reload, allowed = answer[0]
    takes_it = allowed is None or bytes(allowed) != b"off"
    return _Server(_text(value), _text(unit), _text(source), _text(file), loaded_at, may_alter, may_reload, takes_it)


def _text(raw: bytes | None) -> str:
    return read_text(bytes(raw)) if raw is not None else ""


def _last(rows: Sequence[tuple[object, ...]]) -> str | None:
    values = [read_text(bytes(value)) for value, *_ in rows if isinstance(value, bytes | bytearray | memoryview)]
    return values[-1] if values else None


def _lacking(probe: Probe, parameter: str, server: _Server, filed: Answer) -> "list[str]":
    if not server.allowed:
        return ["this server takes no ALTER SYSTEM (allow_alter_system): its configuration is kept elsewhere"]
    role = quoted(probe.catalogue.facts.user) or "..."
    lacking = []
    if not server.may_alter:
        since = probe.connection.info.server_version >= PARAMETERS_ARE_GRANTED_SINCE
        lacking.append(f"GRANT ALTER SYSTEM ON PARAMETER {parameter} TO {role};" if since else "a superuser may")
    if not server.may_reload:
        lacking.append(f"GRANT EXECUTE ON FUNCTION pg_catalog.pg_reload_conf() TO {role};")
    if isinstance(filed, Unanswered):
        lacking.append(f"GRANT EXECUTE ON FUNCTION pg_catalog.pg_show_all_file_settings() TO {role};")
    return lacking


# --- the change ------------------------------------------------------------------------------------------------------


async def alter(probe: Probe, wanted: Alteration) -> ChangeResult:
    """Change the file if it still says what it said, have it read, and read back what it is.

    Raises:
        NoConnection: when the connection is lost; then it is not known whether it happened.
    """
    parameter = wanted.spot.parameter
    try:
        server, filed = await _look(probe, parameter)
    except LookupError as error:
        return ChangeResult(ChangeOutcome.REFUSED, str(error))
    if filed != wanted.before:
        said = f"somebody else has changed {_FILE} since it was shown: nothing was changed"
        return ChangeResult(ChangeOutcome.CHANGED, said)
    ((answer,),) = await ask(probe.connection, [Transaction([_statement(wanted)], alone=True)])
    if isinstance(answer, Unanswered):
        return ChangeResult(ChangeOutcome.REFUSED, why(answer))
    return await reload(probe, wanted, server.loaded_at)


async def reload(probe: Probe, wanted: Alteration, before: datetime) -> ChangeResult:
    """Have the configuration read, which does no harm twice, and wait until that is seen."""
    ((answer,),) = await ask(probe.connection, [Transaction([Question("reload", query("reload_configuration", 0))])])
    if isinstance(answer, Unanswered):
        return ChangeResult(ChangeOutcome.DONE, f"written to {_FILE}, but not read by the server: {why(answer)}")
    ends = time.monotonic() + READ_WITHIN
    while True:
        try:
            server, filed = await _look(probe, wanted.spot.parameter)
        except LookupError as error:
            return ChangeResult(ChangeOutcome.DONE, f"what it is now could not be read back: {error}")
        if server.loaded_at != before or time.monotonic() > ends:
            return _result(wanted, server, filed, is_read=server.loaded_at != before)
        await asyncio.sleep(_READ_EVERY)


def _result(wanted: Alteration, server: _Server, filed: str | None, *, is_read: bool) -> ChangeResult:
    told = f"{_FILE} has {value_words(wanted.spot, filed)}"
    if filed != wanted.after:
        return ChangeResult(ChangeOutcome.OVERTAKEN, f"{told} now")
    if not is_read:
        return ChangeResult(ChangeOutcome.DONE, f"{told}, but the server has not read it yet: {RELOAD}")
    return ChangeResult(ChangeOutcome.DONE, f"read back: {told}{_seen(wanted, server)}")


def _seen(wanted: Alteration, server: _Server) -> str:
    """What `pg_settings` has of it; our own session's value is none of the server's."""
    if server.source not in _SHOWN:
        return ", read by the server; our own session has another value"
    value = f"{server.value}{f' {server.unit}' if server.unit else ''}"
    if wanted.after is not None and (server.source != "configuration file" or _is_elsewhere(server.file)):
        return f", but the {server.source} comes before it: pg_settings has {safe(value)}"
    return f", pg_settings {safe(value)}"


def _is_elsewhere(file: str) -> bool:
    return bool(file) and not file.endswith(f"/{_FILE}")


async def _look(probe: Probe, parameter: str) -> tuple[_Server, str | None]:
    (server,), (filed,) = await ask(probe.connection, questions(probe, parameter))
    if isinstance(filed, Unanswered):
        raise LookupError(safe(filed.reason))
    return _server(server), _last(filed)


_PARAMETER = re.compile(r"[a-z_]+")


def _statement(wanted: Alteration) -> Question:
    """Raises:
    ValueError: It is no parameter's name.
    """
    parameter = wanted.spot.parameter
    if not _PARAMETER.fullmatch(parameter):
        raise ValueError(parameter)
    form = "reset" if wanted.after is None else "set"
    values = [parameter.encode(), *([in_string(wanted.after.encode())] if wanted.after is not None else [])]
    template = query("alter_system", 0, form)
    made = Statement(template % tuple(values))
    made.shape = template.shape
    return Question("alter system", made)
