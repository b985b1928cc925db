"""What a sample could not have."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gap:
    """A part of the sample that could not be had, and why."""

    part: str
    reason: str
