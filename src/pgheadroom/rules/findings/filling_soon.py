"""The finding that slots will be gone soon, if it goes on as it did."""

from collections.abc import Iterator

from pgheadroom.history.past import Past
from pgheadroom.history.turnover import HogName, hog_name
from pgheadroom.model.finding import Finding, Proposal, Severity
from pgheadroom.model.forecast import Forecast
from pgheadroom.model.thresholds import Levels
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.facts.forecast import sentence
from pgheadroom.rules.findings.remedies import Remedy, hog_filter, look
from pgheadroom.words.durations import duration
from pgheadroom.words.wording import clipped

_SHOWN = 3


def filling_soon(case: Case) -> Iterator[Finding]:
    """The slots, or those of a limit, will be gone within the time that the thresholds allow."""
    ahead = case.forecast
    urgency = severity_of(case.thresholds.until_full, ahead)
    if ahead is None or urgency is None or case.past is None:
        return
    limit = ahead.limit
    risers = _risers(case.past, ahead.window)
    name = "Server" if limit.kind == "server" else f"{limit.kind.capitalize()} {clipped(limit.name)}"
    found = Finding(
        "filling-soon" if limit.kind == "server" else f"filling-soon:{limit.kind}:{limit.name}",
        urgency,
        f"{name} {sentence(ahead)}: {limit.used} of {limit.ceiling}, +{ahead.slope_per_minute:.1f} a minute",
        (
            f"from the last {duration(ahead.window)}",
            *(f"+{more} {_name(hog)}" for hog, more in risers[:_SHOWN]),
        ),
    )
    yield Remedy(
        "Find out what grows",
        "Limit its role, or pool it",
        _see(case, risers[0][0]) if risers else None,
        proof="the number of used slots stops rising",
    ).of(found)


def severity_of(levels: Levels, ahead: Forecast | None) -> Severity | None:
    """How urgent a forecast is: less time is worse."""
    if ahead is None or ahead.seconds > levels.warning.level():
        return None
    return Severity.CRITICAL if ahead.seconds <= levels.critical.level() else Severity.WARNING


def _risers(past: Past, seconds: float) -> list[tuple[HogName, int]]:
    """The hogs that became more in the last `seconds`, and by how many; the most first."""
    found = []
    for hog in past.hogs:
        _, totals = past.hog_series(hog, "total", seconds)
        if totals and totals[-1] > totals[0]:
            found.append((hog, int(totals[-1] - totals[0])))
    return sorted(found, key=lambda one: -one[1])


def _name(hog: HogName) -> str:
    user = clipped(hog.user) if hog.user else "?"
    return f"{user}/{clipped(hog.application)}" if hog.application else user


def _see(case: Case, hog: HogName) -> Proposal | None:
    members = [one for one in case.snapshot.sessions if hog_name(one) == hog]
    return look(hog_filter(members), f"see {_name(hog)}") if members else None
