"""Settings of a server, and of its roles and databases, with where each comes from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Setting(NamedTuple):
    """A row of `pg_settings`.

    Attributes:
        value: In its unit, without it; `unit` is for instance `ms`, empty where it has none.
        common: What a new session gets where neither its role nor its database says otherwise; None where our own
            session hides it.
        default: What it is where nobody sets it.
        file, line: Where the server's configuration sets it; empty where it does not, or where it is hidden from us.
        pending: Changed in the configuration, and waiting for a restart.
    """

    name: str
    value: str
    unit: str
    common: str | None
    default: str
    context: str
    file: str = ""
    line: int | None = None
    pending: bool = False


class Placed(NamedTuple):
    """A setting of a role, of a database, of a role in a database, or of all roles: a line of `pg_db_role_setting`."""

    name: str
    value: str
    role: str | None
    database: str | None

    @property
    def rank(self) -> int:
        """Which one wins: a role's in a database, a role's, a database's, that of all. Source: ALTER ROLE's page."""
        return 2 * (self.role is not None) + (self.database is not None)


class Filed(NamedTuple):
    """A line of the configuration files, as `pg_file_settings` reads them now.

    Attributes:
        applied: Whether a reload or a restart would take it.
        error: Why it would not.
    """

    name: str
    value: str
    file: str
    line: int
    applied: bool
    error: str


@dataclass(frozen=True)
class ServerSettings:
    """What was read, on demand.

    Attributes:
        placed: None where it could not be read.
        filed: None where it is not shown to our role.
        troubles: What could not be read, and why.
        without_reserve: Roles that were granted pg_use_reserved_connections, and do not inherit it (16+).
    """

    settings: Mapping[str, Setting] = field(default_factory=dict)
    placed: Sequence[Placed] | None = ()
    filed: Sequence[Filed] | None = ()
    troubles: tuple[str, ...] = ()
    without_reserve: tuple[str, ...] = ()

    def common(self, name: str) -> str | None:
        """The value that all get who are not told otherwise; None where it is not known, or does not exist."""
        setting = self.settings.get(name)
        return setting.common if setting is not None else None

    def unit(self, name: str) -> str:
        """Of its value without one; empty where it has none."""
        setting = self.settings.get(name)
        return setting.unit if setting is not None else ""

    def of(self, name: str, role: str | None, database: str | None) -> "tuple[str | None, Placed | None]":
        """The value that a new session of this role in this database gets, and where that is set beside the server's
        configuration."""
        theirs = [
            one
            for one in self.placed or ()
            if one.name == name and one.role in (None, role) and one.database in (None, database)
        ]
        if theirs:
            winner = max(theirs, key=lambda one: one.rank)
            return winner.value, winner
        return self.common(name), None

    def exactly(self, name: str, role: str | None, database: str | None) -> str | None:
        """What is set for exactly this role and database; None where nothing is."""
        asked = (name, role, database)
        return next((one.value for one in self.placed or () if (one.name, one.role, one.database) == asked), None)
