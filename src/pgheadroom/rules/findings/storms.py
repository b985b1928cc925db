"""The finding that clients connect, ask once and leave, again and again."""

from collections.abc import Iterator

from pgheadroom.history.past import Past
from pgheadroom.history.turnover import HogName, Turnover, hog_name
from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.thresholds import Levels
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.findings.remedies import Remedy, hog_filter, limited, look
from pgheadroom.rules.findings.statements import held_by
from pgheadroom.words.counts import plural
from pgheadroom.words.wording import ids, severity, whose

WINDOW = 10.0
"""Seconds of history that are looked at."""
SHORT_LIFE = 10.0
"""Seconds. A pool keeps its connections for minutes at least."""

_ENDED_SHARE = 0.5
"""So many of those that come must also go: an application that starts opens its connections once."""


def reconnect_storm(case: Case) -> Iterator[Finding]:
    """Short-lived sessions in great number: each costs the server a process, and its start more than its query."""
    storm = _storm(case)
    if storm is None:
        return
    name, turnover = storm
    levels = case.thresholds.new_sessions_per_second
    held, hold = case.held_back(name.user), case.hold_of("role", name.user)
    urgency = Severity.NOTICE if held else severity(levels, turnover.per_second)
    members = [one for one in case.direct if hog_name(one) == name]
    if urgency is None or not members:
        return
    life = turnover.median_life or 0.0
    limit = limited(case, members)
    how = held_by(name.user) if limit.sql else ""
    found = Finding(
        "reconnect-storm",
        urgency,
        f"{whose(members[0])} opens {turnover.per_second:.0f} sessions a second, half live under {max(1, round(life))}s"
        + (f"; held since {case.held_for(hold)}" if hold else "; its limit holds it back" if held else ""),
        (
            f"{turnover.new} came and {turnover.ended} went in {turnover.seconds:.0f}s; {len(members)} are there now",
            _all_words(case),
            *_unseen_words(case),
        ),
        sessions=ids(members),
        slots=len(members),
    )
    yield Remedy(
        "Leave it held until it is mended, or stop who connects"
        if hold
        else f"Limit its role{how} so that the others get in, or stop who connects: ending sessions frees slots for a "
        "moment only",
        "Keep connections open: a pool (PgBouncer) in front",
        look(hog_filter(members), f"see {plural(len(members), 'session')} of {whose(members[0])}"),
        limit,
        f"it opens fewer than {levels.warning.level():g} sessions a second",
    ).of(found)


def _storm(case: Case) -> tuple[HogName, Turnover] | None:
    """The hog that comes and goes most, if it does so like a storm."""
    past = case.past
    overall = past.turnover(WINDOW) if past is not None else None
    if past is None or overall is None or severity(_levels(case), _per_second(past, overall)) is None:
        return None
    told = [(hog, turnover) for hog in past.hogs if (turnover := past.turnover(WINDOW, hog)) is not None]
    name, most = max(told, key=lambda one: one[1].new, default=(None, None))
    if name is None or most is None or most.ended < _ENDED_SHARE * most.new:
        return None
    return (name, most) if most.median_life is not None and most.median_life <= SHORT_LIFE else None


def _per_second(past: Past, seen: Turnover) -> float:
    """New sessions by the server's own count, where it has one: who lived between two samples was never seen."""
    return max(seen.per_second, past.flow.begun if past.flow is not None else 0.0)


def _all_words(case: Case) -> str:
    """How many the server counts in all, beside those that were seen."""
    flow = case.past.flow if case.past is not None else None
    if flow is None:
        return "at least: who came and went between two samples, or was refused, is not counted"
    bad = [f"{count:.1f} {how}" for how, count in (("abandoned", flow.abandoned), ("ended by an error", flow.fatal),
                                                    ("killed", flow.killed)) if count >= _BAD]  # fmt: skip
    ends = f"; a second {', '.join(bad)}" if bad else ""
    return f"the server counts {flow.begun:.0f} new sessions a second in all, also those between two samples{ends}"


def _unseen_words(case: Case) -> Iterator[str]:
    """How many lived shorter than a sample: what the server counts, without those that were seen."""
    past = case.past
    seen = past.turnover(WINDOW) if past is not None else None
    if past is None or past.flow is None or seen is None:
        return
    unseen = past.flow.begun - seen.per_second
    if unseen >= 1 and unseen >= _UNSEEN_SHARE * past.flow.begun:
        yield f"about {unseen:.0f} a second of them live shorter than a sample: no list shows them"


_UNSEEN_SHARE = 0.1
"""Below it the difference may come from when the server tells its counts."""
_BAD = 0.1
"""Sessions a second that ended badly, from which on they are told."""


def _levels(case: Case) -> Levels:
    return case.thresholds.new_sessions_per_second
