"""What a sample could not have, said where nobody would miss it."""

from collections.abc import Iterator

from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.session import State
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.findings.remedies import Remedy, look
from pgheadroom.rules.findings.whose import where_written
from pgheadroom.words.counts import plural
from pgheadroom.words.wording import clipped, ids

_TOLD_ELSEWHERE = "sessions"
_NOT_REACHED = "not reached: "
_LONGEST_REASON = 100


def not_known(case: Case) -> Iterator[Finding]:
    """Parts that were refused or not answered: what was read of them before is shown on. Hidden sessions are told as
    what cannot be seen.
    """
    gaps = [gap for gap in case.snapshot.lacking if gap.part != _TOLD_ELSEWHERE]
    quiet = [gap for gap in case.snapshot.gaps if gap.harmless]
    if gaps:
        parts = ", ".join(dict.fromkeys(clipped(gap.part) for gap in gaps))
        reasons = dict.fromkeys(clipped(gap.reason.removeprefix(_NOT_REACHED), _LONGEST_REASON) for gap in gaps)
        yield Finding(
            "not-known",
            Severity.NOTICE,
            f"Not known at present: {parts} ({next(iter(reasons))})",
            tuple(f"{clipped(gap.part)}: {clipped(gap.reason, _LONGEST_REASON)}" for gap in (*gaps, *quiet)),
            "What was known of it before is shown on; it is asked again by itself",
            proof="every part answers",
        )


def not_told(case: Case) -> Iterator[Finding]:
    """Sessions with track_activities off: any of them may be idle, active, or idle in transaction."""
    silent = case.snapshot.by_state[State.DISABLED]
    if silent:
        found = Finding(
            "not-told",
            Severity.NOTICE,
            f"{plural(len(silent), 'session')} without a state: track_activities is off for them",
            ("they may be idle, active or idle in transaction; the counts of states are of the others",),
            sessions=ids(silent),
        )
        yield Remedy(
            "Look whose they are",
            f"Take track_activities = off out of {where_written(case)}, or of ALTER ROLE and ALTER DATABASE ... SET",
            look("state:disabled", "see them"),
            proof="every session has a state",
        ).of(found)
