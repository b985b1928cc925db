"""The finding that sessions live on whose role was dropped: its credentials were rotated, its clients stayed."""

from collections.abc import Iterator

from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.session import IN_TRANSACTION_BUT_IDLE, Session, State
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.facts.dropped import role_was_dropped
from pgheadroom.rules.findings.remedies import Remedy, all_of, any_of, look, terminate
from pgheadroom.words.counts import plural
from pgheadroom.words.durations import duration
from pgheadroom.words.wording import ids

_WARNING_PERCENT = 10
"""Of the usable slots: so many of them are kept for nobody."""
_NAMED = 20
_RESTING = (State.IDLE, *IN_TRANSACTION_BUT_IDLE)


def dropped_roles(case: Case) -> Iterator[Finding]:
    """Who kept its session through DROP ROLE holds a slot, and can do hardly anything with it."""
    users = {one.user for one in case.direct if one.user}
    gone = sorted(user for user in users if role_was_dropped(case.snapshot, user))[:_NAMED]
    members = case.longest_first(one for one in case.direct if one.user in gone)
    if not members:
        return
    many = 100 * len(members) >= _WARNING_PERCENT * case.capacity.usable
    which = f"a role that was dropped ({gone[0]})" if len(gone) == 1 else f"{len(gone)} roles that were dropped"
    found = Finding(
        "dropped-role",
        Severity.WARNING if many else Severity.NOTICE,
        f"{plural(len(members), 'session')} of {which}",
        tuple(_evidence(case, members)),
        sessions=ids(members),
        slots=len(members),
    )
    yield _remedy(members, gone).of(found)


def _evidence(case: Case, members: tuple[Session, ...]) -> Iterator[str]:
    resting = [one for one in members if one.state in _RESTING]
    longest = duration(case.seconds_in_state(members[0]))
    yield f"{len(resting)} of them idle, in a transaction or not; one is as it is for {longest}"
    yield "whatever is not granted to PUBLIC is refused to them, and nobody can log in so again"


def _remedy(members: tuple[Session, ...], gone: list[str]) -> Remedy:
    whom = any_of("user", gone)
    resting = any(one.state in _RESTING for one in members)
    return Remedy(
        "End those that rest: their application connects anew, as a role that there is",
        "Have whoever rotates the roles end a role's sessions before it drops it",
        terminate(all_of(whom, "state:idle,idletx,aborted"), "end the sessions of dropped roles")
        if resting
        else look(whom, "see the sessions of dropped roles"),
        proof="no session has a role's number in place of its name",
    )
