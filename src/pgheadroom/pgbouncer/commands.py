"""Commands as the admin console reads them. Pure.

Source: the regular expressions and `copy_arg` in PgBouncer's src/admin.c, the same from 1.12 to 1.25: a command is one
word and at most one argument, bare or in double quotes; the argument with its quotes has room in 63 bytes.
"""

import re
from dataclasses import replace

from pgheadroom.errors import UsageError
from pgheadroom.model import versions
from pgheadroom.model.bouncer import CONSOLE, PoolerState
from pgheadroom.model.bouncer_command import BouncerCommand, BouncerVerb, CommandOutcome, CommandResult
from pgheadroom.pgbouncer.parsing import read_state
from pgheadroom.pgbouncer.table import Table, count, text

_ROOM = 63
_BARE = re.compile(r"[0-9A-Za-z_]+")
# A character that is not printable, and what `text` makes of a byte that is no text, would name another database.
_NOT_A_NAME = re.compile(r"\\x[0-9a-f]{2}")

_MAKES = {
    BouncerVerb.PAUSE: ("paused", True, "resumed it"),
    BouncerVerb.RESUME: ("paused", False, "paused it again"),
    BouncerVerb.DISABLE: ("disabled", True, "enabled it"),
    BouncerVerb.ENABLE: ("disabled", False, "disabled it again"),
    BouncerVerb.KILL: ("paused", True, "resumed it"),
}
"""The column of SHOW DATABASES, what the command makes of it, and what somebody else did where it is not that."""


def statement(command: BouncerCommand) -> str:
    """The command as one statement that can mean nothing else.

    Raises:
        UsageError: It lacks its database or client, has one too many, or a name that the console cannot read.
    """
    verb = command.verb
    if verb is BouncerVerb.KILL_CLIENT:
        if command.client is None or command.client.id is None or command.database:
            raise UsageError("KILL_CLIENT needs a client with an id: PgBouncer 1.24 or later")
        return f"KILL_CLIENT {command.client.id:d}"
    if command.client is not None:
        raise UsageError(f"{verb} is about a database, not about a client")
    if verb is BouncerVerb.RELOAD:
        if command.database:
            raise UsageError("RELOAD is about the whole configuration")
        return "RELOAD"
    if not command.database:
        if verb is BouncerVerb.RESUME:
            return "RESUME"
        raise UsageError(f"{verb} needs a database")
    return f"{verb} {argument(command.database)}"


def argument(database: str) -> str:
    """A database's name as the console's argument: bare where that is the same, else in double quotes.

    Raises:
        UsageError: The console cannot be told this name.
    """
    if database == CONSOLE:
        raise UsageError("the admin console itself cannot be commanded")
    if not database.isprintable() or _NOT_A_NAME.search(database):
        raise UsageError("the database's name is not printable: use psql for it")
    written = database if _BARE.fullmatch(database) else '"' + database.replace('"', '""') + '"'
    if len(written.encode()) > _ROOM:
        raise UsageError(f"PgBouncer's console has no room for so long a name: {database}")
    return written


def shown_by(command: BouncerCommand, version: tuple[int, ...]) -> str:
    """The SHOW that tells what the command made of its database, or of all of PgBouncer; empty where none does."""
    if command.verb not in _MAKES:
        return ""
    return "DATABASES" if command.database else "STATE" if version >= versions.BOUNCER_STATE_SINCE else ""


def read_back(result: CommandResult, shown: Table) -> CommandResult:
    """What was answered OK, by the SHOW after it. Nothing is said where that has no such column, database or state.

    Raises:
        Unreadable: The column holds something else.
    """
    return _database_after(result, shown) if result.command.database else _state_after(result, read_state(shown))


def _state_after(result: CommandResult, state: PoolerState) -> CommandResult:
    """Of a RESUME of all of PgBouncer."""
    if state is PoolerState.UNKNOWN:
        return result
    if state is PoolerState.ACTIVE:
        return replace(result, message=state.value)
    told = f"it answers OK, but PgBouncer is {state}: somebody else stopped it again"
    return replace(result, outcome=CommandOutcome.UNDONE, message=told)


def _database_after(result: CommandResult, databases: Table) -> CommandResult:
    column, wanted, otherwise = _MAKES[result.command.verb]
    row = next((one for one in databases.records() if text(one.get("name")) == result.command.database), {})
    if column not in row:
        return result
    is_so = bool(count(row[column]))
    shown = column if is_so else f"not {column}"
    if is_so == wanted:
        return replace(result, message=shown)
    told = f"it answers OK, but the database is {shown}: somebody else {otherwise}"
    return replace(result, outcome=CommandOutcome.UNDONE, message=told)
