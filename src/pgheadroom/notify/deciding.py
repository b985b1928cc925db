"""Which message goes out when: at the beginning of a trouble, when it gets worse, and at its end. Pure.

A trouble is what hangs together. It is told once it lasted, or once it came and went a few times; its end is told after
some calm. What comes back soon after its end is told once more, and then only when it stays away for good.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.notification import Kind, Message, Timing
from pgheadroom.notify.hanging import hang_together, lasting_key

COMINGS = 3
"""So often something comes and goes until it is told although it never lasts."""
_HOUR = 3600.0
_MOST_KEYS = 100


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known of a server at a moment.

    Attributes:
        now: Seconds, by a clock that never goes back.
        at: The same moment as people tell it.
        findings: The most urgent first.
        blind: There is no sample: what is not among the findings is not known, and has not ended.
    """

    now: float
    at: datetime
    findings: tuple[Finding, ...] = ()
    blind: bool = False


@dataclass(frozen=True, slots=True)
class Level:
    """Of a severity: since when a trouble is at least so bad, without a break; and how often it became so."""

    since: float | None = None
    times: int = 0


@dataclass(frozen=True, slots=True)
class Trouble:
    """What hangs together.

    Attributes:
        name: Of its first finding, and of the moment.
        keys: Of all findings that belong to it, pids left out.
        findings: Those that are here; while none is, the last ones that were.
        began: When it was first seen.
        levels: By severity.
        gone: Since when none of it is seen; None while some is.
        told: The worst severity that was told; None while nothing is told of it.
        ended: When its end was told.
        again: It came back after that.
        held: Something would have been told, and no message was allowed.
        heard: The newest sample had it, or had nothing of it for certain.
    """

    name: str
    keys: frozenset[str]
    findings: tuple[Finding, ...]
    began: datetime
    levels: Mapping[Severity, Level] = field(default_factory=dict)
    gone: float | None = None
    told: Severity | None = None
    ended: float | None = None
    again: bool = False
    held: bool = False
    heard: bool = True

    @property
    def severity(self) -> Severity:
        return min((one.severity for one in self.findings), key=lambda one: one.rank)

    @property
    def times(self) -> int:
        return max((one.times for one in self.levels.values()), default=1)


@dataclass(frozen=True, slots=True)
class State:
    """What is remembered of one server from sample to sample.

    Attributes:
        sent: When messages of the last hour went out.
        untold: Troubles that went while no message was allowed.
    """

    troubles: tuple[Trouble, ...] = ()
    sent: tuple[float, ...] = ()
    untold: int = 0


def decide(state: State, heard: Heard, timing: Timing, target: str = "") -> tuple[State, tuple[Message, ...]]:
    """What is remembered from now on, and the messages that go out now, the most urgent first."""
    sent = tuple(moment for moment in state.sent if heard.now - moment < _HOUR)
    untold = state.untold
    kept: list[Trouble] = []
    messages: list[Message] = []
    for trouble in sorted(_followed(state.troubles, heard, timing), key=lambda one: one.severity.rank):
        due = _due(trouble, heard.now, timing)
        if due is None:
            if not _over(trouble, heard.now, timing):
                kept.append(trouble)
            elif trouble.held and trouble.told is None:
                untold += 1
        elif not _allowed(due, trouble, sent, heard, timing):
            kept.append(replace(trouble, held=True))
        else:
            after = _after(trouble, due, heard.now)
            messages.append(_message(due, trouble, after, heard, target, untold))
            kept.append(after)
            sent, untold = (*sent, heard.now), 0
    return State(tuple(kept), sent, untold), tuple(messages)


# --- following -------------------------------------------------------------------------------------------------------


def _followed(troubles: Sequence[Trouble], heard: Heard, timing: Timing) -> list[Trouble]:
    """The troubles with what is heard of each, and new ones for what belongs to none."""
    known = list(troubles)
    found: list[list[Finding]] = [[] for _ in known]
    for finding in heard.findings:
        if finding.severity.rank > timing.severity.rank:
            continue
        place = _place_of(finding, known, found)
        if place is None:
            known.append(_begun(finding, heard.at))
            found.append([finding])
        else:
            found[place].append(finding)
    return [_seen(one, theirs, heard) for one, theirs in zip(known, found, strict=True)]


def _place_of(finding: Finding, known: Sequence[Trouble], found: Sequence[Sequence[Finding]]) -> int | None:
    """Where a finding belongs: first by its key, so that it never changes from one trouble to another."""
    key = lasting_key(finding.key)
    for place, trouble in enumerate(known):
        if key in trouble.keys:
            return place
    for place, trouble in enumerate(known):
        # What is over draws nothing else to it.
        if trouble.ended is None and hang_together(finding, (*trouble.findings, *found[place])):
            return place
    return None


def _begun(finding: Finding, at: datetime) -> Trouble:
    began = finding.since or at
    return Trouble(f"{finding.key}@{began:%Y%m%dT%H%M%S}", frozenset({lasting_key(finding.key)}), (finding,), began)


def _seen(trouble: Trouble, found: Sequence[Finding], heard: Heard) -> Trouble:
    if not found:
        return _unseen(trouble, heard)
    if trouble.ended is not None:
        began = found[0].since or heard.at
        trouble = replace(trouble, told=None, ended=None, again=True, held=False, began=began)
    worst = min(one.severity.rank for one in found)
    levels = {one: _level(trouble.levels.get(one, Level()), worst <= one.rank, heard.now) for one in Severity}
    keys = trouble.keys
    if len(keys) < _MOST_KEYS:
        keys |= {lasting_key(one.key) for one in found}
    return replace(trouble, keys=keys, findings=tuple(found), levels=levels, gone=None, heard=True)


def _unseen(trouble: Trouble, heard: Heard) -> Trouble:
    if heard.blind:
        # Calm that nobody saw is none.
        return replace(trouble, heard=False, gone=None if trouble.gone is None else heard.now)
    gone = heard.now if trouble.gone is None else trouble.gone
    levels = {one: _level(level, False, heard.now) for one, level in trouble.levels.items()}
    return replace(trouble, gone=gone, levels=levels, heard=True)


def _level(before: Level, holds: bool, now: float) -> Level:
    if not holds:
        return replace(before, since=None)
    return before if before.since is not None else Level(now, before.times + 1)


# --- telling ---------------------------------------------------------------------------------------------------------


def _due(trouble: Trouble, now: float, timing: Timing) -> Kind | None:
    """What is to be told of a trouble now; None for nothing."""
    if trouble.ended is not None or not trouble.heard:
        return None
    if trouble.gone is not None:
        calm = max(timing.quiet_seconds, timing.calm_seconds) if trouble.again else timing.calm_seconds
        return Kind.END if trouble.told is not None and now - trouble.gone >= calm else None
    worse = [one for one in Severity if trouble.told is None or one.rank < trouble.told.rank]
    if not any(_lasts(trouble.levels[one], now, timing) for one in worse):
        return None
    return Kind.BEGIN if trouble.told is None else Kind.WORSE


def _lasts(level: Level, now: float, timing: Timing) -> bool:
    if level.since is None:
        return False
    return now - level.since >= timing.lasting_seconds or level.times >= COMINGS


def _over(trouble: Trouble, now: float, timing: Timing) -> bool:
    """Whether it can be forgotten."""
    if trouble.ended is not None:
        return now - trouble.ended >= timing.quiet_seconds
    return trouble.told is None and trouble.gone is not None and now - trouble.gone >= timing.calm_seconds


def _allowed(due: Kind, trouble: Trouble, sent: Sequence[float], heard: Heard, timing: Timing) -> bool:
    critical = (trouble.told if due is Kind.END else trouble.severity) is Severity.CRITICAL
    if timing.quiet_hours is not None and timing.quiet_hours.hold(heard.at) and not critical:
        return False
    kept = 0 if critical and due is not Kind.END else timing.most_per_hour // 4
    return len(sent) < timing.most_per_hour - kept


def _after(trouble: Trouble, due: Kind, now: float) -> Trouble:
    if due is Kind.END:
        return replace(trouble, ended=now, held=False)
    return replace(trouble, told=trouble.severity, held=False)


def _message(due: Kind, before: Trouble, after: Trouble, heard: Heard, target: str, untold: int) -> Message:
    severity = after.told or before.severity
    # The calm after it is no part of it.
    over = heard.at - timedelta(seconds=heard.now - before.gone) if before.gone is not None else None
    return Message(
        due, target, before.name, severity, before.findings, before.began, heard.at, before.times, untold, over
    )
