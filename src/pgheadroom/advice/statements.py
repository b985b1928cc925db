"""The statements of advice, whole whatever the names in them, each with the one that undoes it."""

from typing import NamedTuple

from pgheadroom.advice.ground import Ground, place_of
from pgheadroom.model.applied import Spot, Wanted
from pgheadroom.model.hold import NO_LIMIT
from pgheadroom.model.versions import CREATEROLE_NEEDS_ADMIN_SINCE
from pgheadroom.rules.acting.apply import statements_of
from pgheadroom.words.sql_names import quoted
from pgheadroom.words.text import safe


class Scope(NamedTuple):
    """For whom a setting is: a role in a database, a role, a database; both None is the whole server."""

    role: str | None = None
    database: str | None = None


class Statements(NamedTuple):
    """What to run, and what brings back what was before; both empty where a name cannot be written.

    Attributes:
        steps: What to do where no statement does it.
        applies: The same for this program to do.
    """

    do: tuple[str, ...]
    undo: tuple[str, ...]
    steps: tuple[str, ...] = ()
    applies: Wanted | None = None


NOTHING = Statements((), ())


def setting(ground: Ground, scope: Scope, name: str, value: str) -> Statements:
    """To set a parameter for new sessions of a role or a database, or for all by the configuration."""
    spot = Spot(name, *scope)
    if not spot.is_servers:
        return _there_and_back(spot, value, ground.settings.exactly(name, *scope), _now(ground, spot))
    if ground.service is not None:
        return Statements((), (), (f"Set {name} = {value} in {ground.service.settings} of {ground.service.name}.",))
    # ALTER SYSTEM writes postgresql.auto.conf; what it undoes is what stood there, not what stands elsewhere.
    filed = [one for one in ground.settings.filed or () if one.name == name]
    before = next((one.value for one in reversed(filed) if one.file.endswith("/postgresql.auto.conf")), None)
    return _there_and_back(spot, value, before, _now(ground, spot))


def limit(ground: Ground, scope: Scope, most: int) -> Statements:
    """To set the CONNECTION LIMIT of a role or a database."""
    of = ground.snapshot.roles if scope.role is not None else ground.snapshot.databases
    known = of.get((scope.role if scope.role is not None else scope.database) or "")
    before = known.limit if known is not None and known.limit is not None else NO_LIMIT
    now = "no limit" if before == NO_LIMIT else f"CONNECTION LIMIT {before}"
    return _there_and_back(Spot("", *scope), str(most), str(before), f"{place_of(*scope)} has {now}")


def _there_and_back(spot: Spot, value: str, before: str | None, now: str) -> Statements:
    do = statements_of(spot, value)
    return Statements(do, statements_of(spot, before), (), Wanted(spot, value, now)) if do else NOTHING


def _now(ground: Ground, spot: Spot) -> str:
    value, placed = ground.settings.of(spot.parameter, spot.role, spot.database)
    unit = "" if placed else ground.settings.unit(spot.parameter)
    known = "not known" if value is None else "off" if (value, unit) == ("0", "ms") else f"{safe(value)}{unit}"
    return f"{spot.parameter} is {known} ({ground.origin(spot.parameter, placed)})"


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
