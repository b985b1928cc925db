"""How often a part of a sample may be asked for, so that it costs the server no more than its share. Pure."""

from dataclasses import dataclass

SHARE = 0.02
"""The part of the time that one part of a sample may take of a server, by default."""


class Budget:
    """One part: what it cost, and when it may be asked for again. Moments are seconds of any one clock."""

    def __init__(self, share: float = SHARE) -> None:
        self.share = share
        self._asked_at: float | None = None
        self._costs = (0.0, 0.0)

    @property
    def cost(self) -> float:
        """Seconds that it takes: the smaller of the last two. One slow answer is the weather, two are the price."""
        return min(self._costs)

    @property
    def every(self) -> float:
        """The least number of seconds between two askings."""
        return self.cost / self.share

    def asked(self, now: float, cost: float | None) -> None:
        """It was asked, and took `cost` seconds of the server; None where that is not known."""
        self._asked_at = now
        if cost is not None:
            self._costs = (self._costs[1], max(0.0, cost))

    def is_due(self, now: float) -> bool:
        """Whether asking now keeps it within its share."""
        return self._asked_at is None or now - self._asked_at >= self.every

    def hurry(self) -> None:
        """Ask next time, whatever it costs."""
        self._asked_at = None


@dataclass(frozen=True, slots=True)
class Spared:
    """A part that is asked for less often than each sample, because it costs the server more than its share.

    Attributes:
        part: As a gap calls it: `locks`, `sessions`.
        cost: Seconds of the server that it takes.
        every: Seconds between two askings.
        age: Seconds since it was asked; 0 where it is of this sample.
    """

    part: str
    cost: float
    every: float
    age: float
