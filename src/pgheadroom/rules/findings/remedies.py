"""What helps now, as filters that are ready, and what helps for good."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil

from pgheadroom.model.action import Verb
from pgheadroom.model.application import family
from pgheadroom.model.finding import Finding, Proposal
from pgheadroom.model.session import Session, State, seconds_between
from pgheadroom.quantities import written
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.facts.share import level_of_warning, limit_that_spares_others
from pgheadroom.rules.filters.language import condition, family_condition
from pgheadroom.rules.findings.statements import NO_STATEMENT, Statement, role_limit

_SPANS = (3600.0, 1800.0, 600.0, 300.0, 60.0, 30.0, 10.0, 5.0, 2.0, 1.0)
"""Ages that a filter may ask for, in seconds, the most careful first."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do about a finding.

    Attributes:
        first: What to do now, a sentence without its full stop.
        proposal: What a key opens for it.
        lasting: What to do for good, likewise; `statement` is the same as SQL, where it is one.
        proof: What will show that it worked.
    """

    first: str
    lasting: str = ""
    proposal: Proposal | None = None
    statement: Statement = NO_STATEMENT
    proof: str = ""

    def of(self, finding: Finding) -> Finding:
        """The finding with this remedy."""
        instead = self.statement.instead
        lasting = f"{self.lasting}; {instead}" if self.lasting and instead else self.lasting or _capital(instead)
        return replace(
            finding,
            remedy=f"{self.first}; then {lasting[:1].lower()}{lasting[1:]}." if lasting else f"{self.first}.",
            proposal=self.proposal,
            lasting=lasting,
            sql=self.statement.sql,
            caution=self.statement.caution,
            proof=self.proof,
        )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def look(filter_text: str, label: str) -> Proposal:
    """Open the list of sessions."""
    return Proposal(None, filter_text, label)


def terminate(filter_text: str, label: str, *, poolers: bool = False) -> Proposal:
    """Open the preview for ending sessions."""
    return Proposal(Verb.TERMINATE, filter_text, label, poolers)


def ending(case: Case, sessions: Sequence[Session], filter_text: str, label: str) -> Proposal:
    """The preview for ending these; where they are superusers', whom no preview takes by filter, the list to mark them
    in."""
    if all(map(case.of_superuser, sessions)):
        return look(filter_text, "see them: superusers are marked and ended by hand")
    return terminate(filter_text, label)


def cancel(filter_text: str, label: str, *, poolers: bool = False) -> Proposal:
    """Open the preview for ending queries."""
    return Proposal(Verb.CANCEL, filter_text, label, poolers)


def cancel_longest(case: Case, running: Sequence[Session]) -> Proposal:
    """The preview of the longest queries. Where most have only just begun they are short: they are gone by themselves,
    and come again."""
    old = old_enough(case, running, "running")
    return cancel(old, "cancel the longest queries") if old else look("running", "see them")


def all_of(*conditions: str) -> str:
    """Conditions that must all hold; empty ones fall away."""
    return " ".join(filter(None, conditions))


def any_of(column: str, values: Sequence[str]) -> str:
    """A condition for one of these values, and no other."""
    return condition(column, *values)


def hog_filter(members: Sequence[Session]) -> str:
    """The sessions of the same user and application as these, or as one of these where they go by one name."""
    first = members[0]
    return all_of(condition("user", first.user), application_condition(members))


def application_condition(members: Sequence[Session]) -> str:
    names = {one.application for one in members}
    first = members[0].application
    if len(names) == 1 and family(first) == first and "*" not in first:
        return condition("app", first)
    return family_condition("apps", family(first))


def old_enough(
    case: Case, sessions: Sequence[Session], column: str = "age", share: float = 0.5, *, least: int = 0
) -> str:
    """A condition on their age that spares the youngest: the longest span that a `share` of them, by default half, and
    at least `least` of them have reached.

    Empty where they have only just begun: then an age tells nothing.
    """
    now = case.snapshot.taken_at
    # Moments, the latest first, are ages from the youngest on, and thousands of them are sooner sorted.
    moments = sorted((_since(one, column) or now for one in sessions), reverse=True)
    spared = min(int((1.0 - share) * len(moments)), len(moments) - least)
    typical = seconds_between(moments[spared], now) or 0.0 if moments else 0.0
    span = next((span for span in _SPANS if typical > span), None)
    return f"{column}>{written(span)}" if span is not None else ""


def too_many(count: int, level: float) -> int:
    """How many have to go so that fewer than `level` are left."""
    return min(count, max(0, count + 1 - ceil(level)))


def _since(session: Session, column: str) -> datetime | None:
    if column == "running":
        return session.in_state_since if session.state is State.ACTIVE else None
    return session.xact_start if column == "xact" else session.in_state_since


def below_warning(case: Case) -> str:
    """How many slots are in use once the usage is no warning any more: `under 28 of 35`."""
    usable = case.capacity.usable
    return f"under {level_of_warning(case)} of {usable}"


def limited(case: Case, sessions: Sequence[Session]) -> Statement:
    """To limit the role of these sessions so that the others keep some; no statement where they are of several."""
    users = {one.user for one in sessions}
    role = sessions[0].user if len(users) == 1 else None
    return role_limit(case, role, limit_that_spares_others(case, role)) if role else NO_STATEMENT


def pids_of(sessions: Sequence[Session]) -> str:
    """A condition for exactly these sessions, whoever else is like them."""
    return "pid:" + ",".join(str(one.pid) for one in sessions)
