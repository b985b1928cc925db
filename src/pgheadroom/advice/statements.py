"""The statements of advice, whole whatever the names in them, each with the one that undoes it."""

from typing import NamedTuple

from pgheadroom.advice.ground import Ground
from pgheadroom.model.versions import CREATEROLE_NEEDS_ADMIN_SINCE
from pgheadroom.words.sql_names import quoted


class Scope(NamedTuple):
    """For whom a setting is: a role in a database, a role, a database; both None is the whole server."""

    role: str | None = None
    database: str | None = None


class Statements(NamedTuple):
    """What to run, and what brings back what was before; both empty where a name cannot be written.

    Attributes:
        steps: What to do where no statement does it.
    """

    do: tuple[str, ...]
    undo: tuple[str, ...]
    steps: tuple[str, ...] = ()


NOTHING = Statements((), ())
RELOAD = "SELECT pg_catalog.pg_reload_conf();"


def setting(ground: Ground, scope: Scope, name: str, value: str) -> Statements:
    """To set a parameter for new sessions of a role or a database, or for all by the configuration."""
    if scope == Scope():
        return _system(ground, name, value)
    if (subject := _subject(scope)) is None:
        return NOTHING
    before = ground.settings.exactly(name, *scope)
    back = f"RESET {name}" if before is None else f"SET {name} = {literal(before)}"
    return Statements((f"{subject} SET {name} = {literal(value)};",), (f"{subject} {back};",))


def _system(ground: Ground, name: str, value: str) -> Statements:
    """ALTER SYSTEM writes postgresql.auto.conf; what it undoes is what stood there, not what stands elsewhere."""
    if ground.service is not None:
        return Statements((), (), (f"Set {name} = {value} in {ground.service.settings} of {ground.service.name}.",))
    filed = [one for one in ground.settings.filed or () if one.name == name]
    before = next((one.value for one in reversed(filed) if one.file.endswith("/postgresql.auto.conf")), None)
    back = f"ALTER SYSTEM RESET {name};" if before is None else f"ALTER SYSTEM SET {name} = {literal(before)};"
    return Statements((f"ALTER SYSTEM SET {name} = {literal(value)};", RELOAD), (back, RELOAD))


def limit(ground: Ground, scope: Scope, most: int) -> Statements:
    """To set the CONNECTION LIMIT of a role or a database."""
    name = scope.role if scope.role is not None else scope.database
    written = quoted(name or "")
    if not written:
        return NOTHING
    of = ground.snapshot.roles if scope.role is not None else ground.snapshot.databases
    known = of.get(name or "")
    before = known.limit if known is not None and known.limit is not None else -1
    word = "ROLE" if scope.role is not None else "DATABASE"
    return Statements(
        (f"ALTER {word} {written} CONNECTION LIMIT {most};",), (f"ALTER {word} {written} CONNECTION LIMIT {before};",)
    )


def _subject(scope: Scope) -> str | None:
    """None where a name is not known to the byte."""
    role, database = (None if name is None else quoted(name) for name in scope)
    if role == "" or database == "":
        return None
    if role is None:
        return f"ALTER DATABASE {database}"
    return f"ALTER ROLE {role}" + (f" IN DATABASE {database}" if database is not None else "")


def literal(value: str) -> str:
    """A value as SQL has it, whatever standard_conforming_strings says."""
    doubled = value.replace("'", "''")
    return f"E'{doubled.replace(chr(92), chr(92) * 2)}'" if "\\" in doubled else f"'{doubled}'"


def who_may(ground: Ground, scope: Scope) -> str:
    """Who may run it, in half a sentence."""
    if scope == Scope():
        return "a superuser" if ground.service is None else f"whoever may change {ground.service.settings}"
    where = ", on the primary: this is a standby" if ground.snapshot.server.in_recovery else ""
    return f"{_who_may(ground, scope)}{where}"


def _who_may(ground: Ground, scope: Scope) -> str:
    if scope.role is None:
        return f"the owner of database {quoted(scope.database or '')}, or a superuser"
    if ground.superuser(scope.role):
        return "a superuser"
    admin = f" with ADMIN OPTION on {quoted(scope.role)}" if ground.version >= CREATEROLE_NEEDS_ADMIN_SINCE else ""
    return f"a superuser, or a role with CREATEROLE{admin}"
