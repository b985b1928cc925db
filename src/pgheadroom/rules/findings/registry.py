"""Everything that is wrong in a sample, the most urgent first."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from pgheadroom.history.history import History
from pgheadroom.model.action import Verb
from pgheadroom.model.finding import Finding
from pgheadroom.model.session import SessionId
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.findings import (
    all_active,
    filling_soon,
    gaps,
    held_locks,
    leaks,
    limits,
    other_waits,
    pile_ups,
    pool_waits,
    server_slots,
    stalls,
    storms,
)
from pgheadroom.rules.pools import banners, overcommit
from pgheadroom.words.wording import worst

Rule = Callable[[Case], Iterable[Finding]]

RULES: tuple[Rule, ...] = (
    pile_ups.lock_pile_ups,
    held_locks.held_idle,
    leaks.leaks,
    storms.reconnect_storm,
    other_waits.waiting_for_standby,
    other_waits.waiting_for_client,
    stalls.idle_in_transaction,
    all_active.all_active,
    server_slots.server_slots,
    limits.reserve,
    limits.limits,
    pool_waits.clients_waiting,
    filling_soon.filling_soon,
    stalls.long_queries,
    limits.authenticating,
    pool_waits.unreachable,
    stalls.aborted,
    server_slots.taking_most,
    overcommit.overcommitted,
    banners.standing,
    limits.visibility,
    gaps.not_told,
    gaps.not_known,
)

SERVER_SLOTS = "server-slots"
_LOCKS = frozenset({"prepared-transaction", "lock-pile-up"})

# In the order in which findings of the same severity are told: what stops everybody comes before what stops some.
_URGENCY = (
    "prepared-transaction",
    "lock-pile-up",
    "standby-wait",
    SERVER_SLOTS,
    "reserve-in-use",
    "role-limit",
    "database-limit",
    "pgbouncer-stands",
    "pool-waiting",
    "reconnect-storm",
    "leak",
    "lock-held-idle",
    "client-wait",
    "idle-in-transaction",
    "all-active",
    "filling-soon",
    "long-queries",
    "authenticating",
    "pgbouncer-unreachable",
    "aborted-transactions",
    "taking-most",
    "pools-overcommitted",
    "not-visible",
    "not-told",
    "not-known",
)
# What a cause can bring about, the most urgent first.
_EFFECTS = (SERVER_SLOTS, "role-limit", "database-limit", "pool-waiting")
# What can be why slots run out: then it is told before that, for its remedy cures both.
_CAUSES = frozenset(
    {
        *("prepared-transaction", "lock-pile-up", "standby-wait", "client-wait"),
        *("leak", "reconnect-storm", "idle-in-transaction", "all-active"),
    }
)


def findings(snapshot: Snapshot, thresholds: Thresholds, history: History | None = None) -> tuple[Finding, ...]:
    """What every rule finds. Sentences and remedies are safe to show.

    Args:
        history: Ends with this snapshot. Without one, what needs the time before is not found.
    """
    return findings_of(Case(snapshot, thresholds, history))


def findings_of(case: Case) -> tuple[Finding, ...]:
    """As `findings`, for a case whose parts are needed elsewhere, too."""
    found = [finding for rule in RULES for finding in rule(case)]
    effects = sorted((finding for finding in found if finding.family in _EFFECTS), key=urgency)
    if effects:
        found = [_explaining(case, finding, effects) for finding in found]
    # Two PgBouncers may bear one name: what is found of both is told once.
    by_key: dict[str, Finding] = {}
    for finding in sorted(found, key=urgency):
        by_key.setdefault(finding.key, finding)
    return tuple(by_key.values())


def _explaining(case: Case, finding: Finding, effects: Iterable[Finding]) -> Finding:
    """What takes half of the slots of a server, a limit or a pool that fills is why it fills, and as urgent as that."""
    if finding.family not in _CAUSES:
        return finding
    full = case.capacity.free == 0
    effect = next((one for one in effects if _brings_about(case, finding, one)), None)
    if effect is not None and effect.family == SERVER_SLOTS and full and not _frees_slots(finding):
        # Of a full server the cure comes first, and what frees no slot is none.
        return finding
    if effect is None:
        return finding
    severity = worst(finding.severity, effect.severity) or finding.severity
    return replace(finding, explains=effect.family, severity=severity, refuses=effect.refuses)


def _frees_slots(finding: Finding) -> bool:
    """Whether its remedy gives slots back, or there is none that a key could do."""
    return finding.now is None or finding.now.verb is not Verb.CANCEL


def _brings_about(case: Case, cause: Finding, effect: Finding) -> bool:
    if effect.family == SERVER_SLOTS:
        return 2 * cause.slots >= case.capacity.used
    # That a pool's own open transactions keep it busy, its own finding says, with the remedy for a pool.
    held = _held_up(case, cause) if effect.family == "pool-waiting" else {*cause.sessions, *_held_up(case, cause)}
    return 2 * len(held.intersection(effect.sessions)) >= len(effect.sessions) > 0


def _held_up(case: Case, cause: Finding) -> set[SessionId]:
    """Who waits behind the holder that a lock pile-up is about."""
    if cause.family not in _LOCKS:
        return set()
    root = cause.key.partition(":")[2]
    behind = case.held_up.get(int(root), ()) if root else (node for node in case.locks if node.waits)
    return {node.session.id for node in behind if node.session is not None}


def urgency(finding: Finding) -> tuple[int, int, int, int, int]:
    """By which findings are sorted, the most urgent first: severity, then what it stops, causes before effects.

    Who is refused now comes before a server, or another limit, that only nears its end.
    """
    place = _URGENCY.index(finding.family)
    told_at = min(place, _URGENCY.index(finding.explains)) if finding.explains else place
    refusing = min(told_at, _URGENCY.index(SERVER_SLOTS)) if finding.refuses else told_at
    causes_first = place - len(_URGENCY) if finding.explains else 0
    return finding.severity.rank, refusing, int(not finding.refuses), told_at, causes_first
