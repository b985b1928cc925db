"""The decision flow, walked on live data: from the door to what helps now, and on to what helps for good.

    door -> locks -> room -> (limit -> pool ->) storm -> idle -> idle in transaction -> active -> leak -> other
    each yes leads to what helps; that leads to: resolved? -> what helps for good, or a review

Questions about idle, open and active sessions come in the order of the published flow chart. Before them come what
would make its answers wrong: sessions that only wait for a lock, and limits that are reached while there is room.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from pgheadroom.model.decision import Branch, Step
from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.session import State, seconds_between
from pgheadroom.model.snapshot import SlotKind
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.findings.registry import answering, family, urgency
from pgheadroom.words.counts import a, plural, they
from pgheadroom.words.durations import duration
from pgheadroom.words.states import SLOT_WORDS
from pgheadroom.words.wording import clipped

LASTS_SECONDS = 600.0
"""From then on a trouble that is there in spite of its remedy is a matter of how the application is built."""
REMEMBERED_SECONDS = 600.0
"""For so long a trouble that is over is said to be resolved."""

_YES, _NO = "yes", "no"
_RESOLVED = "resolved"
_PASSED = "not this one"


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the data says to a question.

    Attributes:
        label: The branch that is taken.
        words: With the numbers, safe to show.
        passed: The data say otherwise, and the path goes on to another finding.
    """

    label: str
    words: str
    finding: Finding | None = None
    passed: bool = False


@dataclass(frozen=True, slots=True)
class _Question:
    text: str
    ask: Callable[["_Inquiry"], _Answer]
    branches: Mapping[str, str]


@dataclass(frozen=True)
class _Inquiry:
    case: Case
    findings: Sequence[Finding]
    chosen: Finding | None = None

    def first(self, *families: str) -> Finding | None:
        """The most urgent finding of these families that is more than a notice."""
        pressing = (one for one in self.findings if one.severity is not Severity.NOTICE)
        return next((one for one in pressing if one.family in families), None)

    def answering(self, question: str) -> Finding | None:
        """The most urgent finding that answers a question."""
        return self.first(*answering(question))


def walk(case: Case, findings: Sequence[Finding], chosen: Finding | None = None) -> tuple[Step, ...]:
    """Every step of the flow, in the order in which it is drawn; `taken` marks the path that is gone.

    Args:
        case: Without a past, what is over is not known.
        findings: Of this sample, the most urgent first; with `since` it is told how long a trouble lasts.
        chosen: The path leads to this finding, past the questions that others answer; without it, where the data lead.
    """
    inquiry = _Inquiry(case, findings, chosen)
    answers = {key: question.ask(inquiry) for key, question in _QUESTIONS.items()}
    if chosen is not None:
        answers = _leading_to(chosen, answers)
    path = _path(answers)
    trouble = next((answers[key].finding for key in path if key in answers and answers[key].finding), None)
    return tuple(_step(key, answers, path, trouble) for key in _ORDER)


def _leading_to(chosen: Finding, answers: Mapping[str, _Answer]) -> dict[str, _Answer]:
    """The answers by which the path comes to the question that the chosen finding answers."""
    path = _path(answers)
    if any(answers[key].finding == chosen for key in path if key in answers and key != _RESOLVED):
        return dict(answers)
    target = family(chosen.family).question
    forced = dict(answers) | {target: _Answer(_YES, f"yes: {chosen.sentence}", chosen)}
    for key, label in _way_to(target, _ORDER[0], answers):
        if label != answers[key].label:
            forced[key] = _Answer(label, f"{answers[key].words}; another finding tells of it", None, passed=True)
    return forced


def _way_to(target: str, key: str, answers: Mapping[str, _Answer]) -> tuple[tuple[str, str], ...]:
    """From one question to another: the questions on the way with the answer that each needs; nothing where none leads.

    The answers of the data are kept where they lead there, too.
    """
    question = _QUESTIONS.get(key)
    if question is None or key == _RESOLVED:
        return ()
    for label in sorted(question.branches, key=lambda one: one != answers[key].label):
        following = question.branches[label]
        rest = _way_to(target, following, answers)
        if following == target or rest:
            return ((key, label), *rest)
    return ()


def path_of(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps that were taken, from the first to the last."""
    by_key = {step.key: step for step in steps}
    found: list[Step] = []
    key = steps[0].key if steps else ""
    while key and by_key[key] not in found:
        found.append(by_key[key])
        key = next((branch.to for branch in by_key[key].branches if branch.taken), "")
    return tuple(found)


def _path(answers: Mapping[str, _Answer]) -> list[str]:
    path: list[str] = []
    key = _ORDER[0]
    while key:
        path.append(key)
        question = _QUESTIONS.get(key)
        key = question.branches[answers[key].label] if question else _AFTER.get(key, "")
    return path


def _step(key: str, answers: Mapping[str, _Answer], path: Sequence[str], trouble: Finding | None) -> Step:
    taken = key in path
    question = _QUESTIONS.get(key)
    if question is not None:
        answer = answers[key]
        branches = tuple(
            Branch(_PASSED if answer.passed and label == answer.label else label, to, taken and label == answer.label)
            for label, to in question.branches.items()
        )
        return Step(key, "question", question.text, answer.words, branches, taken, _key(answer.finding))
    action = _ACTIONS.get(key)
    after = (Branch("", _AFTER[key], taken),) if key in _AFTER else ()
    if action is None:
        return _end(key, trouble, taken)
    found = answers[action[0]].finding
    words = found.remedy if found is not None else ""
    return Step(key, "action", action[1], words, after, taken, _key(found), found.proposal if found else None)


def _end(key: str, trouble: Finding | None, taken: bool) -> Step:
    text, words = _ENDS[key]
    if trouble is None or key not in _OF_THE_TROUBLE:
        return Step(key, "end", text, words, (), taken)
    return Step(key, "end", text, trouble.lasting or words, (), taken, trouble.key, sql=trouble.sql)


def _key(finding: Finding | None) -> str:
    return finding.key if finding is not None else ""


# --- the questions ----------------------------------------------------------------------------------------------------


def _door(inquiry: _Inquiry) -> _Answer:
    slots, door = inquiry.case.capacity, inquiry.case.snapshot.door
    return _Answer(
        door.slot.value,
        f"yes, as {clipped(door.user)} in {a(SLOT_WORDS[door.slot])}; "
        f"{slots.free} left for ordinary roles, {slots.free_superuser} for superusers",
    )


def _locks(inquiry: _Inquiry) -> _Answer:
    """Not while the slots run out for another reason: then that comes first."""
    waiting = len(inquiry.case.waiting_for_locks)
    found, full = inquiry.answering("locks"), inquiry.first("server-slots")
    words = f"{waiting} of {plural(inquiry.case.capacity.used, 'session')} {'waits' if waiting == 1 else 'wait'}"
    if found is not None and full is not None and urgency(full) < urgency(found):
        return _answer(False, f"{words}: that is not why the slots run out", None)
    return _answer(found is not None, words, found)


def _room(inquiry: _Inquiry) -> _Answer:
    slots = inquiry.case.capacity
    found = inquiry.first("server-slots", "reserve-in-use")
    return _answer(
        found is not None, f"{slots.used - slots.in_reserve} of {slots.usable} taken, {slots.free} free", found
    )


def _limit(inquiry: _Inquiry) -> _Answer:
    found = inquiry.answering("limit")
    fullest = next((limit for limit in inquiry.case.capacity.limits if not limit.closed), None)
    words = (
        f"{fullest.kind} {clipped(fullest.name)} is fullest: {fullest.used} of {fullest.ceiling}"
        if fullest is not None
        else "no role and no database has a limit"
    )
    return _answer(found is not None, words, found)


def _pool(inquiry: _Inquiry) -> _Answer:
    pools = [pool for _, pool in inquiry.case.fresh_pools]
    found = inquiry.answering("pool")
    waiting = sum(pool.cl_waiting for pool in pools)
    words = (
        f"{they(waiting, 'client', 'wait')}, over {plural(len(pools), 'pool')}" if pools else "no PgBouncer is watched"
    )
    return _answer(found is not None, words, found)


def _storm(inquiry: _Inquiry) -> _Answer:
    found = inquiry.answering("storm")
    turnover = inquiry.case.past.turnover(10.0) if inquiry.case.past is not None else None
    flow = inquiry.case.past.flow if inquiry.case.past is not None else None
    words = "not known yet" if turnover is None else f"{turnover.per_second:.1f} new sessions a second"
    if flow is not None:
        words = f"{flow.begun:.1f} new sessions a second"
    return _answer(found is not None, words, found)


def _idle(inquiry: _Inquiry) -> _Answer:
    """Many are idle when they are half of those there are, and the slots run out; a leak says so before that."""
    slots, idle = inquiry.case.capacity, _count(inquiry, State.IDLE)
    full = inquiry.first("server-slots")
    leaking = inquiry.answering("leak")
    many = leaking is not None or (full is not None and 2 * idle >= slots.used)
    return _seen(inquiry, _answer(many, f"{idle} of {slots.used} idle", (leaking or full) if many else None))


def _idle_in_transaction(inquiry: _Inquiry) -> _Answer:
    case = inquiry.case
    idlers = case.idle_in_transaction
    found = inquiry.answering("idle-in-transaction")
    oldest = f", oldest {duration(case.seconds_in_state(idlers[0]))}" if idlers else ""
    words = f"{len(idlers)} of {case.capacity.used} in an open transaction{oldest}"
    return _seen(inquiry, _answer(found is not None, words, found))


def _active(inquiry: _Inquiry) -> _Answer:
    case = inquiry.case
    found = inquiry.answering("active")
    return _seen(inquiry, _answer(found is not None, f"{len(case.running)} of {case.capacity.used} run queries", found))


def _leak(inquiry: _Inquiry) -> _Answer:
    found = inquiry.answering("leak")
    if found is not None:
        return _Answer(_YES, f"yes: {found.sentence}", found)
    idle = _idle(inquiry)
    words = "no sign of it" if inquiry.case.past is not None else "not known without a history"
    return _Answer(_BUT_IDLE if idle.label == _YES else _NO, words, idle.finding)


def _other(inquiry: _Inquiry) -> _Answer:
    """Whatever no question asked for; and whether there was a trouble that is over."""
    found = next((one for one in inquiry.findings if one.severity is not Severity.NOTICE), None)
    if found is not None:
        return _Answer(_YES, f"yes: {found.sentence}", found)
    if not inquiry.case.snapshot.exact:
        return _Answer(_NO, "not known: the sessions of other roles are hidden", None)
    was = _worst_usage(inquiry.case)
    return _Answer(_OVER, f"not any more: it was at {was}", None) if was else _Answer(_NO, "no", None)


def _resolved(inquiry: _Inquiry) -> _Answer:
    found = inquiry.chosen or next((one for one in inquiry.findings if one.severity is not Severity.NOTICE), None)
    if found is None:
        slots = inquiry.case.capacity
        return _Answer(_YES, f"yes: {slots.used} of {slots.usable} taken, nothing is wrong", None)
    lasts = seconds_between(found.since, inquiry.case.snapshot.taken_at) or 0.0
    label = _LASTS if lasts >= LASTS_SECONDS else _NOT_YET
    since = f", since {duration(lasts)}" if found.since is not None else ""
    return _Answer(label, f"{label}{since}. It is when {found.proof}" if found.proof else f"{label}{since}", found)


_BUT_IDLE, _OVER, _NOT_YET, _LASTS = "no, but idle", "not any more", "not yet", "no, it lasts"


def _answer(yes: bool, words: str, finding: Finding | None) -> _Answer:
    return _Answer(_YES if yes else _NO, f"{_YES if yes else _NO}: {words}", finding)


def _seen(inquiry: _Inquiry, answer: _Answer) -> _Answer:
    """Where sessions are hidden, that none was seen is no answer."""
    hidden = _count(inquiry, State.HIDDEN)
    if not hidden or answer.label == _YES:
        return answer
    return replace(answer, words=f"not known: {hidden} of {inquiry.case.capacity.used} are hidden from our role")


def _count(inquiry: _Inquiry, state: State) -> int:
    return sum(one.count for one in inquiry.case.states if one.state is state)


def _worst_usage(case: Case) -> str:
    """The highest usage of the last minutes, if that was a warning: `35 of 35`; else empty."""
    if case.past is None:
        return ""
    used, usable = (case.past.series(name, REMEMBERED_SECONDS)[1] for name in ("used", "usable"))
    most, of = max(zip(used, usable, strict=True), default=(0.0, 1.0))
    return f"{most:.0f} of {of:.0f}" if case.thresholds.usage.warning.reached(most, of) else ""


# --- the flow ---------------------------------------------------------------------------------------------------------

_QUESTIONS: dict[str, _Question] = {
    "door": _Question("Can we get in?", _door, {slot.value: "locks" for slot in SlotKind} | {_NO: "other-door"}),
    "locks": _Question("Do sessions queue for a lock?", _locks, {_YES: "end-root", _NO: "room"}),
    "room": _Question("Is the server full, or nearly?", _room, {_YES: "storm", _NO: "limit"}),
    "limit": _Question("Is a role or a database at its limit?", _limit, {_YES: "free-limit", _NO: "pool"}),
    "pool": _Question("Do clients wait for a pool?", _pool, {_YES: "free-pool", _NO: "storm"}),
    "storm": _Question("Do clients reconnect all the time?", _storm, {_YES: "slow-storm", _NO: "idle"}),
    "idle": _Question("Are many idle?", _idle, {_YES: "leak", _NO: "idle-in-transaction"}),
    "idle-in-transaction": _Question(
        "Are many idle in transaction?", _idle_in_transaction, {_YES: "end-transactions", _NO: "active"}
    ),
    "active": _Question("Are all active?", _active, {_YES: "cancel-queries", _NO: "leak"}),
    "leak": _Question(
        "Does an application leak sessions?", _leak, {_YES: "end-leaked", _BUT_IDLE: "end-idle", _NO: "other"}
    ),
    "other": _Question("Is anything else wrong?", _other, {_YES: "see-other", _OVER: _RESOLVED, _NO: "calm"}),
    _RESOLVED: _Question("Is it resolved?", _resolved, {_YES: "lasting", _NOT_YET: "", _LASTS: "review"}),
}

# By key: the question of which the finding tells the remedy, and what is to be done.
_ACTIONS: dict[str, tuple[str, str]] = {
    "end-root": ("locks", "End what holds the lock"),
    "free-limit": ("limit", "Free sessions of the role or database, or raise its limit"),
    "free-pool": ("pool", "Free the pool's servers"),
    "slow-storm": ("storm", "Slow down who connects"),
    "end-leaked": ("leak", "End the leaked sessions, fix the application"),
    "end-idle": ("idle", "End the longest idle"),
    "end-transactions": ("idle-in-transaction", "End the oldest open transactions"),
    "cancel-queries": ("active", "Cancel what need not run; pool before raising max_connections"),
    "see-other": ("other", "See what it is"),
}
_ENDS: dict[str, tuple[str, str]] = {
    "other-door": ("Try another door", "the local socket, a superuser, a role with pg_use_reserved_connections"),
    "calm": ("Nothing to do", "slots are free, nobody waits"),
    "lasting": ("Keep it from coming back", "a pool in front, limits for roles, timeouts, alerts"),
    "review": ("Review how the application connects", "the remedy does not hold: it comes back by itself"),
}
_OF_THE_TROUBLE = frozenset({"lasting", "review"})
_AFTER: dict[str, str] = dict.fromkeys(_ACTIONS, _RESOLVED) | {"other-door": "locks"}

_ORDER: tuple[str, ...] = (
    "door",
    "other-door",
    "locks",
    "end-root",
    "room",
    "limit",
    "free-limit",
    "pool",
    "free-pool",
    "storm",
    "slow-storm",
    "idle",
    "idle-in-transaction",
    "end-transactions",
    "active",
    "cancel-queries",
    "leak",
    "end-leaked",
    "end-idle",
    "other",
    "see-other",
    "calm",
    _RESOLVED,
    "lasting",
    "review",
)
