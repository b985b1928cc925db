"""What a source tells the screens: a new snapshot, or why there is none."""

from dataclasses import dataclass
from datetime import datetime

from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.refusal import Refusal
from pgheadroom.model.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Waiting:
    """No door opens for lack of room; we stand before them, and take the first slot that falls free.

    Attributes:
        since: When the first door refused us, by the client's clock.
        tries: Attempts to connect since then, at all doors.
        per_second: Attempts a second, of late; 0 where that cannot be said yet.
        refusals: The last word of each door, in the order in which they are tried. At least one is `full`.
        next_try: Seconds from this update to the next attempt.
        advice: Sentences: what helps now from outside, and what to have ready the next time, with the exact SQL.
        pgbouncers: As last seen; they are asked on meanwhile.
        moves: Sessions were seen, a moment ago, to come and go: the limit that refused us was not always the same. How
            many slots fell free meanwhile nobody tells who stands outside: a slot that was free and taken again between
            two attempts leaves no trace in what they met.
    """

    since: datetime
    tries: int
    refusals: tuple[Refusal, ...]
    next_try: float = 0.0
    advice: tuple[str, ...] = ()
    pgbouncers: tuple[PgBouncer, ...] = ()
    per_second: float = 0.0
    moves: bool = False


@dataclass(frozen=True, slots=True)
class Trouble:
    """No sample came in time, or the connection is lost. The last snapshot stays valid as what it was.

    Attributes:
        reason: One line for the user.
        since: When it began, by the client's clock.
        tries: Attempts to connect again since then; 0 while the connection is still held.
        waiting: Set while there is no connection for lack of room; None for every other trouble.
        help: A sentence on what would help, where that is known; else empty.
    """

    reason: str
    since: datetime
    tries: int = 0
    waiting: Waiting | None = None
    help: str = ""


Update = Snapshot | Trouble
