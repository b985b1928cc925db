"""Verdicts on servers: of a sample, of doors without room, and of silence. Pure."""

from collections.abc import Collection, Sequence

from pgheadroom.analysis import Analysis
from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.health import Health, Status
from pgheadroom.model.refusal import Refusal
from pgheadroom.model.verdict import Verdict
from pgheadroom.rules.verdict.health import WORST_FIRST, overall
from pgheadroom.rules.verdict.measures import measures
from pgheadroom.rules.verdict.status import status_of
from pgheadroom.view.health_lines import in_words
from pgheadroom.words.refusals import limit_words


def judged(case: Analysis, target: str = "", only: Collection[str] = (), refusals: Sequence[Refusal] = ()) -> Verdict:
    """What a sample says.

    Args:
        only: Names of metrics; nothing else is looked at then, no finding either. Empty for everything.
        refusals: What doors without room said before another one opened.
    """
    health = tuple(one for one in case.health if not only or one.metric in only)
    findings = () if only else case.findings
    status = Status.CRITICAL if refusals else status_of(overall(health), findings)
    told = [*map(_refused, refusals), *_reasons(health, findings)]
    more = f" (+{len(told) - 1} more)" if len(told) > 1 else ""
    first = f"; {told[0]}{more}" if told else ""
    details = (*map(_refused, refusals), *_trouble(findings), *_held(case), *_gaps(case), *map(_metric, health))
    return Verdict(
        status,
        f"{_slots(case)}{first}",
        target,
        details,
        measures(case, health),
        health,
        findings,
        tuple(refusals),
    )


def _slots(case: Analysis) -> str:
    slots = case.capacity
    least = "" if slots.exact else "at least "
    beside = f" and {slots.in_reserve} of the reserve" if slots.in_reserve else ""
    used = slots.used - slots.in_reserve
    return f"{least}{used} of {slots.usable} slots{beside} used ({min(100.0, slots.used_percent):.0f}%)"


def _reasons(health: Sequence[Health], findings: Sequence[Finding]) -> list[str]:
    """The findings that are more than a notice; without one, the metrics that are not well."""
    found = [one.sentence for one in findings if one.severity is not Severity.NOTICE]
    bad = sorted((one for one in health if one.status is not Status.OK), key=lambda one: WORST_FIRST.index(one.status))
    return found or [in_words(one) for one in bad]


def _trouble(findings: Sequence[Finding]) -> list[str]:
    """What was found, each with what to do."""
    found = (one for one in findings if one.severity is not Severity.NOTICE)
    return [line for one in found for line in (f"{one.severity.upper()}: {one.sentence}", f"  {one.remedy}") if line]


def _held(case: Analysis) -> list[str]:
    """What is held back by this user's record, in one line."""
    if not case.holds:
        return []
    from pgheadroom.rules.acting.hold import hold_words  # here: most who check hold nothing

    return ["held: " + ", ".join(hold_words(one, case.snapshot.taken_at) for one in case.holds)]


def _gaps(case: Analysis) -> list[str]:
    return [f"not seen: {gap.part}: {gap.reason}" for gap in case.snapshot.lacking]


def _metric(one: Health) -> str:
    return f"{one.status}: {in_words(one)}"


def _refused(one: Refusal) -> str:
    return f"no room at {one.door}: {limit_words(one)}"


def no_room(refusals: Sequence[Refusal], advice: Sequence[str], target: str = "") -> Verdict:
    """No door has room: that is the trouble that is looked for, and no failure to see it."""
    full = [one for one in refusals if one.full]
    details = (*(f"{one.door}: {one.message}" for one in refusals), *advice)
    summary = "; ".join(map(_refused, full))
    return Verdict(Status.CRITICAL, summary, target, details, refusals=tuple(full))


def not_seen(reason: str, target: str = "", status: Status = Status.UNKNOWN) -> Verdict:
    """Nothing is known of the server, for another reason than room."""
    return Verdict(status, reason, target)
