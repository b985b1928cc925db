"""What a run of the program may do to a server. A replay and read-only have no powers."""

from dataclasses import dataclass

from pgheadroom.audit import Audit
from pgheadroom.model.ports import Alterations, Commands, Holdings, Rollbacks, Signals


@dataclass(frozen=True, slots=True)
class Powers:
    """Who signals and commands, and where that is written down.

    Attributes:
        commands: None where no PgBouncer can be commanded.
        protected_roles: Roles that a signal never reaches, and that are never held back.
        holdings: None where nothing can be held back.
        alterations: None where no advice can be applied.
        rollbacks: None where no prepared transaction can be rolled back.
    """

    signals: Signals
    audit: Audit
    commands: Commands | None = None
    protected_roles: tuple[str, ...] = ()
    holdings: Holdings | None = None
    rollbacks: Rollbacks | None = None
    alterations: Alterations | None = None
