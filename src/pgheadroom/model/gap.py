"""What a sample could not have."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gap:
    """A part of the sample that could not be had, and why.

    Attributes:
        harmless: It is no trouble: it was never there, and comes when somebody gives a right or a flag.
    """

    part: str
    reason: str
    harmless: bool = False
