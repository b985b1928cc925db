"""What can be done to hold a role back, the one that helps most first. Pure."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from pgheadroom.model.action import Verb
from pgheadroom.model.hold import Change, Grip, HeldKind, Holdable
from pgheadroom.model.plan import Plan, Scope
from pgheadroom.model.session import IN_TRANSACTION_BUT_IDLE, Session
from pgheadroom.rules.acting.hold import PROPOSED_TIMEOUT, above, held_words, members, statement_of
from pgheadroom.rules.acting.plan import plan
from pgheadroom.rules.facts.case import Case
from pgheadroom.words.counts import plural
from pgheadroom.words.wording import clipped


@dataclass(frozen=True, slots=True)
class HoldOption:
    """One of them.

    Attributes:
        ending: Who is ended after it; None where nobody is.
        words: What it is, in a line; safe to show.
        explanation: What it does here and now, in a line; safe to show.
    """

    change: Change
    ending: Plan | None
    words: str
    explanation: str


def role_of(sessions: Sequence[Session]) -> str:
    """The role of most of them; empty where none is known."""
    roles = Counter(one.user for one in sessions if one.user)
    return roles.most_common(1)[0][0] if roles else ""


def options(
    case: Case, role: Holdable, limit: int, database: Holdable | None, protected: Collection[str]
) -> Iterator[HoldOption]:
    """To limit the role and end who is above it, to limit it only, NOLOGIN, a timeout for idle transactions where there
    are some, and to limit the database where the role is in one only. What would change nothing is not offered; with a
    limit that is raised, no database is."""
    for option in _options(case, role, limit, database, protected):
        if option.change.before != option.change.after:
            yield option


def _options(
    case: Case, role: Holdable, limit: int, database: Holdable | None, protected: Collection[str]
) -> Iterator[HoldOption]:
    idle = _ending(case, role, limit, protected, transactions=False)
    limited = Grip(limit)
    if idle.targets:
        yield _option(role, limited, idle, f", then end {plural(len(idle.targets), 'idle session')} above it")
    opened = _ending(case, role, limit, protected, transactions=True)
    if len(opened.targets) > len(idle.targets):
        more = len(opened.targets) - len(idle.targets)
        yield _option(
            role, limited, opened, f", then end {len(opened.targets)} above it, {more} of them idle in a transaction"
        )
    yield _option(role, limited, None, "")
    yield _option(role, Grip(None, False), None, "")
    theirs = members(case.snapshot.sessions, role.kind, role.name)
    if any(one.state in IN_TRANSACTION_BUT_IDLE for one in theirs):
        yield _option(role, Grip(timeout=PROPOSED_TIMEOUT), None, "")
    if database is not None and not 0 <= role.limit < limit:
        there = members(case.snapshot.sessions, HeldKind.DATABASE, database.name)
        others = len({one.user for one in there if one.user} - {role.name})
        whom = f", which also hits {plural(others, 'other role')}" if others else ""
        yield _option(database, limited, None, whom)


def _ending(case: Case, role: Holdable, limit: int, protected: Collection[str], *, transactions: bool) -> Plan:
    chosen = above(case, role.kind, role.name, limit, protected=protected, transactions=transactions)
    return plan(case, Verb.TERMINATE, chosen, Scope(frozenset(protected)))


def _option(what: Holdable, after: Grip, ending: Plan | None, more: str) -> HoldOption:
    change = Change(what.kind, what.oid, what.name, what.before(after), after)
    raised = f", raised from {change.before.limit}" if change.raises else ""
    words = f"{what.kind} {clipped(what.name)}: {held_words(after)}{raised}{more}"
    return HoldOption(change, ending, words, statement_of(what.kind, what.name, after))
