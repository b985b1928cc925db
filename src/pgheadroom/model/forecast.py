"""When something will be full, if it goes on as it did."""

from dataclasses import dataclass

from pgheadroom.model.capacity import Limit


@dataclass(frozen=True, slots=True)
class Forecast:
    """A trend that is real, drawn on to the ceiling.

    Attributes:
        limit: What will be full: the server, or a role's or a database's limit.
        seconds: From the newest sample until it is, most likely.
        low, high: The range of `seconds`, soonest and latest.
        slope_per_minute: By how much it rises.
        window: Seconds of history that it was drawn from.
    """

    limit: Limit
    seconds: float
    low: float
    high: float
    slope_per_minute: float
    window: float
