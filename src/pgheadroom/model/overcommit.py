"""How many server connections PgBouncers may open, against the slots there are."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PoolDemand:
    """A pool that leads, or may lead, to the server that is watched.

    Attributes:
        user: Empty for a database that nobody has used yet: one pool is counted for it.
        size: Its pool_size; None when unlimited.
        reserve: Its reserve_pool_size; 0 when the reserve is turned off (`reserve_pool_timeout = 0`).
        servers: Open now.
    """

    bouncer: str
    database: str
    user: str
    size: int | None
    reserve: int
    servers: int

    @property
    def most(self) -> int | None:
        """Servers it may open, if no other cap stops it; None when unlimited."""
        return None if self.size is None else self.size + self.reserve


@dataclass(frozen=True, slots=True)
class Cut:
    """A proposal: this pool with this size and reserve."""

    pool: PoolDemand
    size: int
    reserve: int


@dataclass(frozen=True, slots=True)
class Overcommitment:
    """What all PgBouncers together may ask of the server.

    Attributes:
        demand: The most server connections their configuration lets them open; None when it sets no limit.
        usable: Slots that an ordinary role may take.
        direct: Sessions that come through none of them: they need slots, too.
        pools: The largest first.
        cuts: Pools to cut so that demand and direct sessions fit; empty when they do. All are cut to the same height,
            so that small pools keep what they have.
        enough: Whether the cuts are enough. Not where there are more pools than slots.
        not_counted: PgBouncers and pools of which no size is known.
    """

    demand: int | None
    usable: int
    direct: int
    pools: tuple[PoolDemand, ...]
    cuts: tuple[Cut, ...]
    enough: bool
    not_counted: tuple[str, ...] = ()

    @property
    def room(self) -> int:
        """Slots that direct sessions leave to the PgBouncers."""
        return max(0, self.usable - self.direct)

    @property
    def exceeds(self) -> bool:
        """Whether the configuration alone can ask for more slots than there are."""
        return self.demand is None or self.demand > self.usable

    @property
    def fits(self) -> bool:
        """Whether all that may be opened has room beside the direct sessions of now."""
        return self.demand is not None and self.demand <= self.room
