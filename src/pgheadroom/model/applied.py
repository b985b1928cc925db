"""A piece of advice that is applied: one value at one place, what stood there before, and its undoing."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Spot:
    """A place where a value is set: for a role, a database, a role in a database, or for the whole server.

    Attributes:
        parameter: The setting; empty for the CONNECTION LIMIT of the role or database.
        role, database: None for all of them; both None is the server's own configuration, `postgresql.auto.conf`.
        role_oid, database_oid: What they are known by, whatever they are called; 0 where they are asked for by name.
    """

    parameter: str
    role: str | None = None
    database: str | None = None
    role_oid: int = 0
    database_oid: int = 0

    @property
    def is_servers(self) -> bool:
        return self.role is None and self.database is None

    @property
    def key(self) -> tuple[str, int, int]:
        """The same as long as it is the same place."""
        return (self.parameter, self.role_oid, self.database_oid)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a piece of advice would set.

    Attributes:
        now: What holds there now and where that comes from, a sentence.
    """

    spot: Spot
    value: str
    now: str


@dataclass(frozen=True, slots=True)
class Found:
    """A spot as the server has it now.

    Attributes:
        spot: As it is called now, with its numbers.
        there: Whether the role and the database exist.
        value: None where nothing is set; of a limit -1 where there is none.
        may_alter: Whether our role may change it.
        superuser: The role is one: no limit binds it.
        help: Grants that our role lacks, or what else stands in the way; only of the server's configuration.
    """

    spot: Spot
    there: bool
    value: str | None
    may_alter: bool
    superuser: bool = False
    help: str = ""


@dataclass(frozen=True, slots=True)
class ApplySite:
    """The server as those who apply need to know it. Attributes as of `HoldSite`; `found` in the order asked for."""

    server: str
    in_recovery: bool
    found: tuple[Found, ...] = ()
    primary: str = ""
    trouble: str = ""

    def at(self, spot: Spot) -> Found | None:
        """What was found at a spot that is known by number."""
        return next((one for one in self.found if one.spot.key == spot.key), None)


@dataclass(frozen=True, slots=True)
class Alteration:
    """From this value to that, at a spot that is known by number; None where nothing is set."""

    spot: Spot
    before: str | None
    after: str | None

    @property
    def undone(self) -> "Alteration":
        return replace(self, before=self.after, after=self.before)


@dataclass(frozen=True, slots=True)
class Applied:
    """Advice that was applied, as it was written down.

    Attributes:
        action: Its number in the audit file, which its undoing names.
        server: As in `ApplySite`.
        key: Of the advice.
        confirmed: Whether it was written down what came of it.
    """

    action: str
    server: str
    key: str
    alteration: Alteration
    since: datetime
    os_user: str
    host: str
    confirmed: bool = True


class AppliedState(StrEnum):
    """What the server says of advice that was applied."""

    SET = "applied"
    CHANGED = "changed by somebody else"
    BACK = "not applied any more"
    DROPPED = "dropped"
