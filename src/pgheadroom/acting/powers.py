"""What a run of the program may do to a server. A replay and read-only have no powers."""

from dataclasses import dataclass

from pgheadroom.audit import Audit
from pgheadroom.model.ports import Commands, Signals


@dataclass(frozen=True, slots=True)
class Powers:
    """Who signals and commands, and where that is written down.

    Attributes:
        commands: None where no PgBouncer can be commanded.
        protected_roles: Roles that a signal never reaches.
    """

    signals: Signals
    audit: Audit
    commands: Commands | None = None
    protected_roles: tuple[str, ...] = ()
