"""A database of a PgBouncer that was paused or disabled to hold somebody back."""

from dataclasses import dataclass
from datetime import datetime

from pgheadroom.model.bouncer_command import BouncerCommand, BouncerVerb

UNDONE_BY = {BouncerVerb.PAUSE: BouncerVerb.RESUME, BouncerVerb.DISABLE: BouncerVerb.ENABLE}


@dataclass(frozen=True, slots=True)
class PoolerHold:
    """A PAUSE or a DISABLE that was given: when, by whom, and to the PgBouncer of which name."""

    bouncer: str
    command: BouncerCommand
    since: datetime
    os_user: str

    @property
    def undoing(self) -> BouncerCommand:
        """What lets go of it."""
        return BouncerCommand(UNDONE_BY[self.command.verb], self.command.database)
