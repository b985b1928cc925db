"""What a source tells the screens: a new snapshot, or why there is none."""

from dataclasses import dataclass
from datetime import datetime

from pgheadroom.model.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Trouble:
    """No sample came in time, or the connection is lost. The last snapshot stays valid as what it was.

    Attributes:
        reason: One line for the user.
        since: When it began, by the client's clock.
        tries: Attempts to connect again since then; 0 while the connection is still held.
    """

    reason: str
    since: datetime
    tries: int = 0


Update = Snapshot | Trouble
