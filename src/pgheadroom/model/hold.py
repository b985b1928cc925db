"""What holds a role or a database back, so that a cure holds: a lower CONNECTION LIMIT, NOLOGIN, or an end for its idle
transactions; and its undoing."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class HeldKind(StrEnum):
    """What can be held."""

    ROLE = "role"
    DATABASE = "database"


NO_LIMIT = -1
"""`rolconnlimit` and `datconnlimit` where there is none."""


@dataclass(frozen=True, slots=True)
class Grip:
    """Values of what a hold changes; None for what it does not touch.

    Attributes:
        limit: CONNECTION LIMIT, `NO_LIMIT` for none.
        login: LOGIN or NOLOGIN; of a role only.
        timeout: The role's `idle_in_transaction_session_timeout` as it is written there; empty where it has none.
    """

    limit: int | None = None
    login: bool | None = None
    timeout: str | None = None

    def over(self, below: "Grip") -> "Grip":
        """Both, this one where both have a value."""
        return Grip(
            below.limit if self.limit is None else self.limit,
            below.login if self.login is None else self.login,
            below.timeout if self.timeout is None else self.timeout,
        )

    def matches(self, other: "Grip") -> bool:
        """Whether another one has the same values, in what this one touches."""
        return (
            self.limit in (None, other.limit)
            and self.login in (None, other.login)
            and self.timeout in (None, other.timeout)
        )


@dataclass(frozen=True, slots=True)
class Holdable:
    """A role or a database as the server has it now.

    Attributes:
        oid: What it is known by, whatever it is called.
        superuser: No limit binds it.
        may_alter: Whether our role may change it.
        timeout: As in `Grip`.
    """

    kind: HeldKind
    oid: int
    name: str
    limit: int
    login: bool
    superuser: bool
    may_alter: bool
    timeout: str = ""

    @property
    def grip(self) -> Grip:
        is_role = self.kind is HeldKind.ROLE
        return Grip(self.limit, self.login if is_role else None, self.timeout if is_role else None)

    def before(self, after: Grip) -> Grip:
        """Its values of what `after` would change."""
        return Grip(
            self.limit if after.limit is not None else None,
            self.login if after.login is not None else None,
            self.timeout if after.timeout is not None else None,
        )


@dataclass(frozen=True, slots=True)
class HoldSite:
    """The server as those who hold need to know it.

    Attributes:
        server: What it is known by from every terminal: the system identifier that initdb made, else how it is called.
        in_recovery: A standby, which takes no changes.
        primary: `host:port` of whom it follows; empty where that is not known.
        found: What was asked for, as far as it is there.
        trouble: Why something could not be read; empty when all was.
    """

    server: str
    in_recovery: bool
    found: tuple[Holdable, ...] = ()
    primary: str = ""
    trouble: str = ""

    def of(self, kind: HeldKind, oid: int) -> Holdable | None:
        return next((one for one in self.found if (one.kind, one.oid) == (kind, oid)), None)

    def named(self, kind: HeldKind, name: str) -> Holdable | None:
        return next((one for one in self.found if (one.kind, one.name) == (kind, name)), None)


@dataclass(frozen=True, slots=True)
class Change:
    """From these values to those, of what is known by this number and still has this name."""

    kind: HeldKind
    oid: int
    name: str
    before: Grip
    after: Grip

    @property
    def undone(self) -> "Change":
        return Change(self.kind, self.oid, self.name, self.after, self.before)

    @property
    def raises(self) -> bool:
        """Whether it lets more in than before, and keeps nobody out."""
        before, after = self.before.limit, self.after.limit
        higher = before is not None and after is not None and before >= 0 and (after < 0 or after > before)
        return higher and self.after.login is not False


class ChangeOutcome(StrEnum):
    """`CHANGED`: it was not any more what it was compared with, and nothing was done. `OVERTAKEN`: it was done, and
    somebody else has changed it since. `UNKNOWN`: it may have happened, and the server could not be asked."""

    DONE = "done"
    REFUSED = "refused"
    CHANGED = "changed before"
    OVERTAKEN = "done, and changed by somebody else since"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ChangeResult:
    """`message` is a sentence where there is more to say; it is safe to show."""

    outcome: ChangeOutcome
    message: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """One that was written down: what was before, what was set, and by whom.

    Attributes:
        server: As in `HoldSite`.
        confirmed: Whether it was written down what came of it.
    """

    server: str
    kind: HeldKind
    oid: int
    name: str
    before: Grip
    after: Grip
    since: datetime
    os_user: str
    host: str
    confirmed: bool = True

    @property
    def tightens(self) -> bool:
        """Whether it lets fewer in than before."""
        if self.after.login is False and self.before.login is not False:
            return True
        before, after = self.before.limit, self.after.limit
        return after is not None and after >= 0 and (before is None or before < 0 or after < before)


class HoldState(StrEnum):
    """What the server says of a hold that was written down."""

    HELD = "held"
    CHANGED = "changed by somebody else"
    BACK = "not held any more"
    DROPPED = "dropped"
