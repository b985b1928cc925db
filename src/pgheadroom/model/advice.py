"""A piece of advice: what keeps an outage from coming again, computed from what was seen on this server."""

from dataclasses import dataclass
from enum import StrEnum

from pgheadroom.model.applied import Wanted
from pgheadroom.model.health import Status


class Effect(StrEnum):
    """When a change counts."""

    NEW_SESSIONS = "new sessions"
    RELOAD = "reload"
    RESTART = "restart"
    NOW = "now"


@dataclass(frozen=True, slots=True)
class Advice:
    """One piece. Its texts are safe to show, and its statements whole, whatever the names in them.

    Attributes:
        key: The same as long as it is the same advice: `idle-in-transaction:web@shop`.
        kind: The family of its rule, for instance `timeouts`.
        title: What it is about, half a line.
        seen: What was seen, a sentence each.
        do: Statements to run, in this order.
        steps: What is no statement: what to do elsewhere, a sentence each.
        why: Why it helps.
        source: Where that is said, or how it was found.
        effect: When it counts.
        risk: What else it does, or does not do.
        change: Lines of a configuration file, by a section and then as `diff` writes them; `change_back` undoes them.
        undo: Statements that bring back what was before.
        beside: Commands of this program for what the advice does not reach: sessions that are there already.
        needs: Who may run it.
        role: Whose sessions it is about, where they are one role's; as the server sent it.
        applies: What of it this program can set, and undo, itself; None where it is for a person to do.
        saves: Sessions, at the fullest moment that was seen, that it would have spared.
    """

    key: str
    kind: str
    title: str
    seen: tuple[str, ...]
    why: str
    source: str
    do: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    effect: Effect = Effect.NEW_SESSIONS
    risk: str = ""
    undo: tuple[str, ...] = ()
    change: tuple[str, ...] = ()
    change_back: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    needs: str = ""
    role: str = ""
    applies: Wanted | None = None
    saves: int = 0


@dataclass(frozen=True, slots=True)
class WellSet:
    """Something that needs no advice: of what kind, and what it is."""

    kind: str
    sentence: str


@dataclass(frozen=True, slots=True)
class LimitRow:
    """A role or a database beside its limit.

    Attributes:
        limit: None where it has none. None binds a superuser, whatever it is.
        now: Its sessions in the newest sample.
        peak: The most of them in any sample.
        note: For instance that no limit binds a superuser, or that it is near its limit.
        status: WARNING and CRITICAL where it is near its limit, by the thresholds.
    """

    kind: str
    name: str
    limit: int | None
    now: int
    peak: int
    note: str = ""
    status: Status = Status.OK


@dataclass(frozen=True, slots=True)
class PoolRow:
    """What a number of connections would have meant.

    Attributes:
        waiting: The part of the time in which somebody would have waited, from 0 to 1.
        longest: The longest such stretch, in seconds.
    """

    size: int
    waiting: float
    longest: float


@dataclass(frozen=True, slots=True)
class PoolNeed:
    """How many connections an application needs.

    Attributes:
        database: Empty where it is in several.
        instances: Clients that it was seen to come from.
        peak: Its sessions at their most.
        rows: Sizes to choose from, the smallest first.
        enough: The smallest with which nobody would have waited for more than a hundredth of the time.
        seconds: How long it was looked at.
    """

    user: str
    database: str
    application: str
    instances: int
    peak: int
    rows: tuple[PoolRow, ...]
    enough: int
    seconds: float = 0.0

    @property
    def busiest(self) -> int:
        """How many of its sessions were busy at once, at most."""
        return self.rows[-1].size

    @property
    def of_each(self) -> int:
        """Connections of one instance."""
        return -(-self.enough // self.instances)


@dataclass(frozen=True, slots=True)
class Counsel:
    """All that is advised, what saves most first, and what is well set.

    Attributes:
        looked: How long was looked, and at what, in a sentence.
        limits: Every role that may log in and every database, near their limits first, then who had most sessions.
        pools: What each application needs, where enough was seen; `pool_sum` is what they come to.
        limit_sum: What the limits of roles let in together, in a sentence; empty where there is none.
    """

    looked: str
    advice: tuple[Advice, ...] = ()
    well_set: tuple[WellSet, ...] = ()
    limits: tuple[LimitRow, ...] = ()
    limit_sum: str = ""
    gaps: tuple[str, ...] = ()
    pools: tuple[PoolNeed, ...] = ()
    pool_sum: str = ""
