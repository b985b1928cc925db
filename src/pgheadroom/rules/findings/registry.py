"""The table of all findings: for each family its rule, its rank, and what it is to others. One row is one family.

To add a family is to write its rule in a file of this room, and its row here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from pgheadroom.model.action import Verb
from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.session import SessionId
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.findings import (
    all_active,
    dropped_roles,
    filling_soon,
    gaps,
    held_locks,
    leaks,
    limits,
    other_waits,
    overcommitted,
    pile_ups,
    pool_waits,
    pooler_stands,
    server_slots,
    stalls,
    storms,
    turned_away,
)
from pgheadroom.words.wording import most_severe

Rule = Callable[[Case], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of finding.

    Attributes:
        name: What the keys of its findings begin with.
        rule: Finds it; one rule may find several families.
        question: Of the decision path, the question that it answers. The last one tells of all that have none.
        cause: It can be why slots run out: then it is told before that, for its remedy cures both.
        effect: It can be what a cause brings about.
        at_once: It counts slots: when it is critical somebody is refused now, and one sample is enough to say so.
    """

    name: str
    rule: Rule
    question: str = "other"
    cause: bool = False
    effect: bool = False
    at_once: bool = False


SERVER_SLOTS = "server-slots"
TURNED_AWAY = "turned-away"

# In the order in which findings of the same severity are told: what stops everybody comes before what stops some.
FAMILIES: tuple[Family, ...] = (
    Family("prepared-transaction", pile_ups.lock_pile_ups, "locks", cause=True),
    Family("lock-pile-up", pile_ups.lock_pile_ups, "locks", cause=True),
    Family("standby-wait", other_waits.waiting_for_standby, cause=True),
    Family(SERVER_SLOTS, server_slots.server_slots, effect=True, at_once=True),
    Family("reserve-in-use", limits.reserve, at_once=True),
    Family("role-limit", limits.limits, "limit", effect=True, at_once=True),
    Family("database-limit", limits.limits, "limit", effect=True, at_once=True),
    Family(TURNED_AWAY, turned_away.turned_away, effect=True, at_once=True),
    Family("pgbouncer-stands", pooler_stands.pooler_stands, at_once=True),
    Family("pool-waiting", pool_waits.clients_waiting, "pool", effect=True),
    Family("reconnect-storm", storms.reconnect_storm, "storm", cause=True),
    Family("leak", leaks.leaks, "leak", cause=True),
    Family("lock-held-idle", held_locks.held_idle),
    Family("client-wait", other_waits.waiting_for_client, cause=True),
    Family("idle-in-transaction", stalls.idle_in_transaction, "idle-in-transaction", cause=True),
    Family("all-active", all_active.all_active, "active", cause=True),
    Family("filling-soon", filling_soon.filling_soon),
    Family("long-queries", stalls.long_queries, "active"),
    Family("authenticating", limits.authenticating),
    Family("pgbouncer-unreachable", pool_waits.unreachable),
    Family("logins-refused", turned_away.turned_away),
    Family("aborted-transactions", stalls.aborted),
    Family("dropped-role", dropped_roles.dropped_roles),
    Family("taking-most", server_slots.taking_most),
    Family("pools-overcommitted", overcommitted.overcommitted),
    Family("not-visible", limits.visibility),
    Family("not-told", gaps.not_told),
    Family("not-known", gaps.not_known),
)


def family(name: str) -> Family:
    """The row of a family.

    Raises:
        KeyError: There is none of that name.
    """
    return _rows(FAMILIES)[name][1]


def rank(name: str) -> int:
    """The place of a family in the order of urgency, from 0."""
    return _rows(FAMILIES)[name][0]


def answering(question: str) -> frozenset[str]:
    """The families that answer a question of the decision path."""
    return frozenset(row.name for row in FAMILIES if row.question == question)


@lru_cache(maxsize=4)
def _rows(families: Sequence[Family]) -> Mapping[str, tuple[int, Family]]:
    return {row.name: (place, row) for place, row in enumerate(families)}


def findings(case: Case) -> tuple[Finding, ...]:
    """What every rule finds, the most urgent first. Sentences and remedies are safe to show.

    Without a past, what needs the time before is not found.
    """
    return told_in_order(case, [finding for found in rule_by_rule(case) for finding in found])


def rule_by_rule(case: Case) -> Iterator[list[Finding]]:
    """What each rule finds, one rule a step: with thousands of sessions all of them take longer than a key may wait."""
    for rule in dict.fromkeys(row.rule for row in FAMILIES):
        yield [*rule(case)]


def told_in_order(case: Case, found: Sequence[Finding]) -> tuple[Finding, ...]:
    """What all rules found, the most urgent first, with what each brings about."""
    effects = sorted((finding for finding in found if family(finding.family).effect), key=urgency)
    if effects:
        found = [_explaining(case, finding, effects) for finding in found]
    # Two PgBouncers may bear one name: what is found of both is told once.
    by_key: dict[str, Finding] = {}
    for finding in sorted(found, key=urgency):
        by_key.setdefault(finding.key, finding)
    return tuple(by_key.values())


def _explaining(case: Case, finding: Finding, effects: Iterable[Finding]) -> Finding:
    """What takes half of the slots of a server, a limit or a pool that fills is why it fills, and as urgent as that."""
    if not family(finding.family).cause:
        return finding
    full = case.capacity.free == 0
    effect = next((one for one in effects if _brings_about(case, finding, one)), None)
    if effect is not None and effect.family == SERVER_SLOTS and full and not _frees_slots(finding):
        # Of a full server the cure comes first, and what frees no slot is none.
        return finding
    if effect is None:
        return finding
    severity = most_severe(finding.severity, effect.severity) or finding.severity
    return replace(finding, explains=effect.family, severity=severity, refuses=effect.refuses)


def _frees_slots(finding: Finding) -> bool:
    """Whether its remedy gives slots back, or there is none that a key could do."""
    return finding.proposal is None or finding.proposal.verb is not Verb.CANCEL


def _brings_about(case: Case, cause: Finding, effect: Finding) -> bool:
    # A server that comes and goes between full and nearly full refuses in between: that has the same causes.
    if effect.family == SERVER_SLOTS or (effect.family == TURNED_AWAY and effect.severity is Severity.CRITICAL):
        return 2 * cause.slots >= case.capacity.used
    # That a pool's own open transactions keep it busy, its own finding says, with the remedy for a pool.
    held = _held_up(case, cause) if effect.family == "pool-waiting" else {*cause.sessions, *_held_up(case, cause)}
    return 2 * len(held.intersection(effect.sessions)) >= len(effect.sessions) > 0


def _held_up(case: Case, cause: Finding) -> set[SessionId]:
    """Who waits behind the holder that a lock pile-up is about."""
    if family(cause.family).question != "locks":
        return set()
    root = cause.key.partition(":")[2]
    behind = case.held_up.get(int(root), ()) if root else (node for node in case.locks if node.waits)
    return {node.session.id for node in behind if node.session is not None}


def urgency(finding: Finding) -> tuple[int, int, int, int, int]:
    """By which findings are sorted, the most urgent first: severity, then what it stops, causes before effects.

    Who is refused now comes before a server, or another limit, that only nears its end.
    """
    place, slots = rank(finding.family), rank(SERVER_SLOTS)
    told_at = min(place, rank(finding.explains)) if finding.explains else place
    refusing = min(told_at, slots) if finding.refuses else told_at
    causes_first = place - len(FAMILIES) if finding.explains else 0
    return finding.severity.rank, refusing, int(not finding.refuses), told_at, causes_first
