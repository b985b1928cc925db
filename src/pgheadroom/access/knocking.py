"""How often a shut door is knocked at: state in, pause out. Pure.

Where a slot may fall free at any moment, whoever asks next gets it: how many attempts that takes does not depend on how
fast they follow each other, so that a burst costs the server no more in all. Where nothing moves, it only costs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pgheadroom.model.refusal import Hindrance

BURST = 1 / 64
"""Seconds between the starts of two attempts while there is no room."""
BURST_IN_FLIGHT = 4
BURST_LASTS, BURST_UNMOVED = 5.0, 2.0
"""Seconds; the second where nothing shows that sessions come and go."""
LOOP = 1 / 30
"""Seconds between two attempts of a shell loop around psql."""
CALM = 1 / 11
"""The same where nothing moves: with the burst before it, fewer attempts than at `FULL_PAUSE` from the beginning."""
FULL_PAUSE, LONG_FULL_PAUSE = 0.1, 1.0
"""The most seconds between attempts after `FULL_FOR_LONG`, growing; the least is a fifth of it."""
FULL_FOR_LONG = 30.0
MOVED_LASTS = 5.0
"""Seconds for which it counts that sessions were seen to come and go."""
DOWN = 0.05
"""Seconds between two knocks at a server that is down or about to be up."""
OPENING_SOON = ((3.0, 0.004), (30.0, 0.01))
"""The same until so many seconds after it said that it starts: the moment when it opens is near, and others wait for
it, too. Being refused costs it a process that lives for a millisecond."""
DOWN_SOON = ((60.0, 0.004),)
"""The same until so many seconds after it went down: a refused port costs nothing, and a restart is soon over."""
WATCHERS, AT_A_PORT = 2, 8
"""Attempts that take turns in it, see `turn`: the next one knocks before the last has its answer.

While the server says that it starts, more of them take processors from each other, and each comes later than the
client beside it: over TLS, on two processors that fifty clients share, an answer takes 20 ms with two of them, 30 with
four and 40 with eight. Where nobody listens they cost nothing; when the port opens, the server refuses the first.
"""
TURNS_IN_A_ROUND = 2
"""Attempts before a round of them ends, for each that is in flight: between two rounds nobody stands there, and towards
the end of one fewer and fewer do. What was met is told once a round."""
NEAR = 0.1
"""Seconds that a refusal takes at most, for more than `WATCHERS` to be under way at a time. From farther away several
would be let in before the first of them could tell the others."""
WATCH = 0.4
"""Seconds for which one attempt goes on to knock before it tells what it met. The first of several has half of it: they
do not begin anew together, and leave no moment in which the server opens and none of them stands there."""
_FIRST_AND_LONGEST = {
    Hindrance.LOGIN: (0.25, 5.0),
    Hindrance.UNKNOWN_HOST: (0.5, 5.0),
    Hindrance.NO_ROUTE: (0.5, 3.0),
    Hindrance.SILENCE: (0.25, 5.0),
}
"""Seconds between attempts that double: for what does not change soon."""


@dataclass(frozen=True, slots=True)
class Knocking:
    """What was met at a door, or at all doors of a server, since we stand before it.

    Attributes:
        hindrance: What is in the way; None before the first attempt.
        since: When that began, in seconds of a clock that never goes back.
        met: Attempts, or rounds of them, that it has hindered.
        moved: When sessions were last seen to come and go; None while they were not.
    """

    hindrance: Hindrance | None = None
    since: float = 0.0
    met: int = 0
    moved: float | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How to go on.

    Attributes:
        pause: Seconds from the end of the last attempts to the next; it is to be varied by `JITTER`, so that several
            monitors do not march in step.
        spacing: Seconds between the starts of attempts at one door that may overlap.
        attempts: At one door, before the next door has its turn.
        in_flight: At a time.
        heard_first: No second attempt begins before one was refused: a server that says nothing to the first would
            only keep a process for each of them.
        watch: Seconds for which an attempt may go on to knock where nobody listens, or the server does not let anybody
            in yet; each of them `every` so often.
    """

    pause: float
    spacing: float = 0.0
    attempts: int = 1
    in_flight: int = 1
    heard_first: bool = False
    watch: float = 0.0
    every: float = DOWN


ONCE = Pace(0.0)
AFTER_LOSS = Pace(
    0.0, 0.008, WATCHERS, WATCHERS, heard_first=True, watch=WATCH / 4, every=WATCHERS * OPENING_SOON[0][1]
)
"""The first attempts after a connection was lost: a crash or a restart may be over before a second round begins. A
server that lets us in at once, or refuses us for good, has done so before a second one is due. Soon over, so that more
of them stand at a port that was closed."""
AFTER_CRASH = replace(AFTER_LOSS, heard_first=False, attempts=TURNS_IN_A_ROUND * WATCHERS, watch=WATCH)
"""The same where the server has said that it ends all sessions: with them went every lock that a login could wait for,
and who waits for the first answer may hear it when the slots are taken again."""
JITTER = (0.8, 1.2)


def after(before: Knocking, hindrance: Hindrance, now: float, *, moves: bool = False) -> Knocking:
    """What is known after one more attempt, or round of them.

    Args:
        moves: It was seen that others come and go beside us.
    """
    if before.hindrance is not hindrance:
        return Knocking(hindrance, now, 1, now if moves else None)
    return replace(before, met=before.met + 1, moved=now if moves else before.moved)


def pace(state: Knocking, now: float, doors: int = 1) -> Pace:
    """How to go on after what was met.

    Args:
        doors: How many have their turn: the more, the fewer attempts at each of them.
    """
    lasted = now - state.since
    if state.hindrance is None:
        return Pace(0.0)
    if state.hindrance is Hindrance.NO_ROOM:
        return _without_room(lasted, moves=moves(state, now), doors=doors)
    if state.hindrance is Hindrance.DOWN:
        return _before_it_opens(lasted, DOWN_SOON, AT_A_PORT, doors)
    if state.hindrance is Hindrance.OPENING:
        return _before_it_opens(lasted, OPENING_SOON, WATCHERS, doors)
    first, longest = _FIRST_AND_LONGEST[state.hindrance]
    return Pace(min(longest, first * 2 ** min(10, state.met - 1)))


def turn(least: float, took: float, watchers: int) -> float:
    """Seconds between the starts of two of the watchers: spread evenly over the time that a refusal takes.

    They wait for the same port, and would all knock when it opens, be refused together, and come again together: in
    between, where the server opens, none of them would stand there.

    Args:
        least: Seconds.
        took: Seconds that the last refusal took.
        watchers: How many there are.
    """
    return max(least, took / (watchers if took <= NEAR else WATCHERS))


def moves(state: Knocking, now: float) -> bool:
    """Whether sessions were seen to come and go a moment ago."""
    return state.moved is not None and now - state.moved < MOVED_LASTS


def _before_it_opens(lasted: float, soon: Sequence[tuple[float, float]], watchers: int, doors: int) -> Pace:
    spacing = next((spacing for until, spacing in soon if lasted < until), None)
    if spacing is None:
        return Pace(DOWN, watch=WATCH, every=DOWN)
    attempts = watchers * TURNS_IN_A_ROUND if doors == 1 else watchers
    return Pace(spacing, spacing, attempts, watchers, watch=WATCH, every=watchers * spacing)


def _without_room(lasted: float, *, moves: bool, doors: int) -> Pace:
    if lasted < (BURST_LASTS if moves else BURST_UNMOVED):
        return Pace(BURST, BURST, 16 if doors == 1 else BURST_IN_FLIGHT, BURST_IN_FLIGHT)
    if lasted < FULL_FOR_LONG:
        return Pace(LOOP if moves else CALM)
    longest = min(LONG_FULL_PAUSE, FULL_PAUSE * (1 + (lasted - FULL_FOR_LONG) / FULL_FOR_LONG))
    return Pace(0.63 * longest)
