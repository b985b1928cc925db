"""What the screens may do to a server. A replay and read-only have no powers."""

from dataclasses import dataclass, field

from pgheadroom.audit import Audit, SessionResult
from pgheadroom.model.ports import Commands, Signals
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.rules.acting.outcome import Deed, fates


def session_results(deed: Deed, now: Snapshot) -> list[SessionResult]:
    """What the audit file keeps of each target."""
    return [
        SessionResult(result.target.id, fate.value, result.whole_message)
        for result, fate in zip(deed.results, fates(deed, now), strict=True)
    ]


@dataclass(frozen=True)
class Powers:
    """What this run of the monitor may do to sessions.

    Attributes:
        protected_roles: Roles that a signal never reaches.
    """

    signals: Signals
    audit: Audit
    commands: Commands | None = None
    protected_roles: tuple[str, ...] = field(default=())
