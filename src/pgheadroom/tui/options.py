"""What the monitor is told besides its source."""

from dataclasses import dataclass, field

from pgheadroom.acting.powers import Powers
from pgheadroom.model.ports import Advisory, Inquiries
from pgheadroom.model.thresholds import Thresholds


@dataclass(frozen=True)
class Options:
    """What the monitor is told besides its source.

    Attributes:
        title: How the server is called in the header.
        ascii_only: Draw with ASCII characters only.
        inquiries: For looking at a session closely; None for a replay.
        advisory: For reading what is set; None for a replay.
        powers: For acting on sessions; None for a replay and when read-only.
        lacking: Why there are no powers, where there should be.
    """

    title: str
    thresholds: Thresholds = field(default_factory=Thresholds)
    read_only: bool = False
    ascii_only: bool = False
    inquiries: Inquiries | None = None
    advisory: Advisory | None = None
    powers: Powers | None = None
    lacking: str = ""
