"""The finding that an application borrows connections and does not give them back.

It is said on evidence only: its sessions only became more; most of them stand idle; and it opened new ones while
others, from the same address, had stood unused for a while. A pool that takes turns uses the old ones first, one that
renews its connections closes some.

What was leaked before we began to look shows no rise. Then only that is said which is seen: on a server that is half
full, an application keeps many sessions, and used hardly any of them since.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pgheadroom.history.median import median
from pgheadroom.history.past import Past
from pgheadroom.history.turnover import HogName, hog_name
from pgheadroom.model.application import family
from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.session import Session, State
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.findings.remedies import (
    Remedy,
    all_of,
    ending,
    hog_filter,
    limited,
    old_enough,
)
from pgheadroom.words.counts import plural
from pgheadroom.words.durations import duration
from pgheadroom.words.wording import clipped, ids, severity, whose

WINDOW = 1800.0
"""Seconds of history in which it has to have risen."""
STANDING = timedelta(seconds=10)
"""For so long a session must have stood unused when another one is opened beside it."""

_LEAST_SESSIONS = 5
_LEAST_PERCENT = 10
_LEAST_NEEDLESS = 2
_LEAST_SECONDS = 20.0
"""A rise of less is no basis: a pool opens as many at once when work comes."""
_START_SECONDS = 5.0
_START_SHARE = 1 / 3
_FALLEN_TO = 0.8
_BREATHS = 2
"""Once a crowd falls because somebody ended it; what falls again and again falls by itself."""
_UNUSED_SHARE = 2 / 3
_UNUSED_SECONDS = 20.0
"""For so long half of the unused have to be so by now."""
_RENEWED_WITHIN = 60.0
"""Seconds in which a pool opens anew what it closed."""
_SLACK = 0.05
"""The part of its sessions by which it may become fewer and still be said to rise only."""
_ONCE = timedelta(seconds=2)
"""Who last changed its state so soon after it connected was used once, if at all."""
_HOUR = 3600.0
LOOKED_FOR = 60.0
"""Seconds that we must have looked, to say of sessions that nobody uses them."""
_LOOKED_AT_MOST = 600.0
"""Who was not used for so long counts as unused, however long we look."""


@dataclass(frozen=True, slots=True)
class Leak:
    """What speaks for it.

    Attributes:
        before, seconds: How many sessions it had, and how long ago that was.
        unused: Its idle sessions that stood unused while others were opened, the longest unused first.
        needless: How many were opened while others from the same address stood unused.
    """

    name: HogName
    members: tuple[Session, ...]
    before: int
    seconds: float
    unused: tuple[Session, ...]
    needless: int


def leaks(case: Case) -> Iterator[Finding]:
    """Each application whose sessions only rise while its idle ones stand unused."""
    if case.past is None:
        return
    least = max(_LEAST_SESSIONS, case.capacity.usable * _LEAST_PERCENT / 100)
    for name in case.past.hogs:
        if case.past.hog_total(name) < least:
            break  # the others are smaller still
        leak = _leak(case, case.past, name, least)
        if leak is not None:
            yield _finding(case, case.past, leak)
        elif (standing := _standing(case, case.past, name, least)) is not None:
            yield _finding_of_standing(case, standing)


def _leak(case: Case, past: Past, name: HogName, least: float) -> Leak | None:
    times, totals = past.hog_series(name, "total", WINDOW)
    first = _after_the_start(times, totals, _rise_begins(totals))
    before = _level_before(times, totals, first)
    if not times or totals[-1] - before < _LEAST_NEEDLESS or times[-1] - times[first] < _LEAST_SECONDS:
        return None
    if _falls(totals[: first + 1]) >= _BREATHS and max(totals[: first + 1]) >= totals[-1]:
        return None
    members = _members(case, name)
    if len(members) < least:
        return None
    newest = max(one.backend_start for one in members if one.backend_start is not None)
    unused = [one for one in members if one.state is State.IDLE and _stood(one, newest)]
    if len(unused) < _UNUSED_SHARE * len(members) or _typical_age(case, unused) < _UNUSED_SECONDS:
        return None
    needless = _needless(members, unused)
    if needless < _LEAST_NEEDLESS or _forgotten_since(case, times[first], members) < _LEAST_NEEDLESS:
        return None
    seconds = times[-1] - times[first]
    return Leak(name, tuple(members), int(before), seconds, case.longest_first(unused), needless)


def _members(case: Case, name: HogName) -> list[Session]:
    return [one for one in case.direct if one.backend_start is not None and hog_name(one) == name]


@dataclass(frozen=True, slots=True)
class _Standing:
    """Sessions that were there before we looked, and were not used since.

    Attributes:
        seconds: For how long none of `unused` was used, as far as that counts.
    """

    members: tuple[Session, ...]
    unused: tuple[Session, ...]
    seconds: float


def _standing(case: Case, past: Past, name: HogName, least: float) -> _Standing | None:
    times, _ = past.series("used", _LOOKED_AT_MOST)
    seconds = times[-1] - times[0] if times else 0.0
    if seconds < LOOKED_FOR or not _half_full(case):
        return None
    members = _members(case, name)
    unused = [one for one in members if one.state is State.IDLE and (case.seconds_in_state(one) or 0.0) >= seconds]
    if len(members) < least or len(unused) < _UNUSED_SHARE * len(members):
        return None
    return _Standing(tuple(members), case.longest_first(unused), seconds)


def _rise_begins(totals: Sequence[float]) -> int:
    """The earliest place since which they only became more, but for a few."""
    if not totals:
        return 0
    slack, lowest, place = int(_SLACK * totals[-1]), totals[-1], len(totals) - 1
    while place > 0 and totals[place - 1] <= lowest + slack:
        place -= 1
        lowest = min(lowest, totals[place])
    return place


def _after_the_start(times: Sequence[float], totals: Sequence[float], first: int) -> int:
    """An application that starts opens what it needs at once: a rise is what comes after that."""
    end = bisect_left(times, times[first] + _START_SECONDS) if times else 0
    place = min(end, len(totals) - 1)
    return place if totals and totals[place] - totals[first] >= _START_SHARE * totals[-1] else first


def _falls(totals: Sequence[float]) -> int:
    """How often it gave back a good part of what it had: a pool that follows its work breathes so."""
    falls, highest = 0, 0.0
    for total in totals:
        if total < _FALLEN_TO * highest and highest - total >= _LEAST_NEEDLESS:
            falls, highest = falls + 1, total
        highest = max(highest, total)
    return falls


def _forgotten_since(case: Case, moment: float, members: Sequence[Session]) -> int:
    """How many came with the rise and stand unused, too: those that stood before it may be a pool's reserve."""
    return sum(
        one.backend_start is not None
        and one.backend_start.timestamp() >= moment
        and one.state is State.IDLE
        and _stood(one, case.snapshot.taken_at)
        for one in members
    )


def _level_before(times: Sequence[float], totals: Sequence[float], first: int) -> float:
    """How many it had when the rise began. Where it had just given back a few to open them anew, as pools do that renew
    their connections, how many it had before that."""
    if not times:
        return 0.0
    recent = max(totals[bisect_left(times, times[first] - _RENEWED_WITHIN) : first + 1])
    return recent if totals[first] >= recent / 2 else totals[first]


def _stood(session: Session, until: datetime) -> bool:
    return session.state_change is not None and session.state_change + STANDING <= until


def _typical_age(case: Case, sessions: Sequence[Session]) -> float:
    return median(case.seconds_in_state(one) or 0.0 for one in sessions)


def _needless(members: Sequence[Session], unused: Sequence[Session]) -> int:
    """How many were opened while another one from the same address stood unused."""
    standing: dict[str | None, list[datetime]] = {}
    for one in unused:
        if one.state_change is not None:
            standing.setdefault(one.client, []).append(one.state_change + STANDING)
    for moments in standing.values():
        moments.sort()
    return sum(
        bisect_left(standing.get(one.client, []), one.backend_start) > 0
        for one in members
        if one.backend_start is not None
    )


def _finding(case: Case, past: Past, leak: Leak) -> Finding:
    total, first = len(leak.members), leak.members[0]
    found = Finding(
        f"leak:{leak.name.user}/{leak.name.application}",
        Severity.WARNING if _half_full(case) else Severity.NOTICE,
        f"{whose(first)} leaks: {leak.before} to {total} sessions in {duration(leak.seconds)}, "
        f"{len(leak.unused)} idle and unused",
        tuple(_evidence(case, past, leak)),
        sessions=ids(leak.unused),
        slots=total,
    )
    lasting = "Fix where it does not give connections back; limit its role until then"
    return _remedy(case, leak.members, leak.unused, lasting).of(found)


def _finding_of_standing(case: Case, standing: _Standing) -> Finding:
    members, unused, first = standing.members, standing.unused, standing.members[0]
    looked = duration(standing.seconds)
    found = Finding(
        f"leak:{first.user}/{family(first.application)}",
        severity(case.thresholds.usage, case.capacity.used, case.capacity.usable) or Severity.NOTICE,
        f"{whose(first)} keeps {plural(len(members), 'session')}, {len(unused)} of them not used in the last {looked}",
        (
            "they were there before: a leak that was not seen to rise, or a pool larger than it needs",
            unused_words(case, unused),
            f"last query: {clipped(unused[0].query, 60)}",
        ),
        sessions=ids(unused),
        slots=len(members),
    )
    lasting = "Fix where it does not give connections back, or let it keep fewer; limit its role until then"
    return _remedy(case, members, unused, lasting).of(found)


def _half_full(case: Case) -> bool:
    return 2 * case.capacity.used >= case.capacity.usable


def _remedy(case: Case, members: Sequence[Session], unused: Sequence[Session], lasting: str) -> Remedy:
    first = members[0]
    return Remedy(
        f"Terminate the unused sessions of {whose(first)}",
        lasting,
        ending(
            case,
            unused,
            all_of(hog_filter(members), "state:idle", old_enough(case, unused)),
            f"end unused sessions of {whose(first)}",
        ),
        limited(case, members),
        f"{whose(first)} falls to {plural(max(1, len(members) - len(unused)), 'session')} and does not rise again",
    )


def _evidence(case: Case, past: Past, leak: Leak) -> Iterator[str]:
    yield f"{leak.needless} were opened while others from the same address stood unused"
    yield unused_words(case, leak.unused)
    yield from _an_hour_ago(past, leak)
    places = {one.client for one in leak.members}
    if len(places) == 1:
        yield f"all from {clipped(leak.members[0].client or '?')}"
    yield f"last query: {clipped(leak.unused[0].query, 60)}"


def unused_words(case: Case, idle: Sequence[Session]) -> str:
    """How long the idle ones, the longest first, stand unused, and how many were never used again at all."""
    typical, longest = duration(_typical_age(case, idle)), duration(case.seconds_in_state(idle[0]))
    once = sum(_used_once(one) for one in idle)
    again = f"; {once} were used once and never again" if once else ""
    return f"half of its {len(idle)} idle are unused for {typical} or longer, one for {longest}{again}"


def _used_once(session: Session) -> bool:
    changed, start = session.state_change, session.backend_start
    return changed is not None and start is not None and changed - start <= _ONCE


def _an_hour_ago(past: Past, leak: Leak) -> Iterator[str]:
    """What it needed then: its sessions, and how many of them did something at once."""
    times, totals = past.hog_series(leak.name, "total", _HOUR)
    _, idle = past.hog_series(leak.name, "idle", _HOUR)
    if len(times) > 1:
        busiest = int(max(total - quiet for total, quiet in zip(totals, idle, strict=True)))
        ago = duration(times[-1] - times[0])
        needed = f"at most {busiest} did something at once" if busiest else "none was seen doing anything"
        yield f"{ago} ago it had {int(totals[0])}; since then {needed}"
