"""What must not be overlooked about a PgBouncer as long as it lasts."""

from dataclasses import dataclass

from pgheadroom.model.bouncer_command import BouncerCommand


@dataclass(frozen=True, slots=True)
class Banner:
    """A line that is safe to show.

    Attributes:
        name: What stands, for instance `paused:shop`; no two of one PgBouncer have the same.
        remedy: The command that ends it; None where there is none that we could give.
        refuses: New clients are refused, and nobody meant it so.
        hint: What else ends it, in a sentence; may be empty.
        proof: What will show that it has ended; empty where it does no harm.
        made_by: The command that we would have given, had it been us.
    """

    name: str
    text: str
    remedy: BouncerCommand | None = None
    hint: str = ""
    refuses: bool = False
    proof: str = ""
    made_by: BouncerCommand | None = None
