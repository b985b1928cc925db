"""The finding that nobody is idle: more queries at once than a server does well."""

from collections import Counter
from collections.abc import Iterator, Sequence

from pgheadroom.model.finding import Finding
from pgheadroom.model.session import Session
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.findings.remedies import Remedy, cancel_longest
from pgheadroom.words.counts import plural
from pgheadroom.words.durations import duration
from pgheadroom.words.wording import clipped, ids, largest_group, severity, who, whose

_SHOWN = 3


def all_active(case: Case) -> Iterator[Finding]:
    """Most slots run something. Their number is what a pool is for; a higher max_connections makes each one slower."""
    running = case.running
    levels, usable = case.thresholds.active, case.capacity.usable
    urgency = severity(levels, len(running), usable)
    if urgency is None or not running or 2 * len(running) < case.capacity.used:
        return
    most = largest_group(running)
    found = Finding(
        "all-active",
        urgency,
        f"{case.at_least}{plural(len(running), 'session')} of {case.capacity.used} run queries at once; "
        f"most by {whose(most[0])} ({len(most)})",
        (_waits(running), *_oldest(case, running)),
        sessions=ids(running),
        slots=len(running),
    )
    yield Remedy(
        "Cancel what need not run now",
        "Put a pool (PgBouncer) in front: about 2 per core work best, the others queue there",
        cancel_longest(case, running),
        proof=f"fewer than {levels.warning.level(usable):.0f} queries run at once",
    ).of(found)


def _waits(running: Sequence[Session]) -> str:
    """What they wait for. Without a wait event a backend computes, or waits for a core to do it."""
    kinds = Counter(one.wait_event_type or "computing" for one in running)
    told = (f"{count} {clipped(kind) if kind == 'computing' else f'wait: {clipped(kind)}'}" for kind, count in
            kinds.most_common(_SHOWN))  # fmt: skip
    return ", ".join(told)


def _oldest(case: Case, running: Sequence[Session]) -> Iterator[str]:
    for one in running[:_SHOWN]:
        yield f"pid {one.pid} {who(one)} {duration(case.seconds_in_state(one))}: {clipped(one.query, 60)}"
