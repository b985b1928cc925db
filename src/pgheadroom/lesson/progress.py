"""A lesson on a live outage: which step a user is at, judged from what really happened."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from enum import StrEnum

from pgheadroom.model.capacity import Capacity
from pgheadroom.model.finding import Finding
from pgheadroom.model.session import Session
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.rules.acting.outcome import Action


class Act(StrEnum):
    """What a step is for, in the order of a lesson."""

    NOTICE = "notice"
    UNDERSTAND = "understand"
    ACT = "act"
    CHECK = "check"


@dataclass(frozen=True, slots=True)
class Look:
    """What is before the user.

    Attributes:
        screen: The uppermost screen or dialogue: `overview`, `sessions`, `bulk`, `detail`, `confirm`.
        sessions: Those that it lists or is about: the rows of Sessions, the one of Detail, the targets of Bulk.
        typing: A filter is being typed.
    """

    screen: str
    sessions: tuple[Session, ...] = ()
    typing: bool = False


@dataclass(frozen=True, slots=True)
class Before:
    """What is to be kept of the time before.

    Attributes:
        first: The first sample.
        finding: The lesson's own trouble, as it was told last with a statement that helps for good.
        used: Slots that were taken when it was told last, the most of a lesson.
        waiters, clients: Likewise sessions that waited for a lock, and clients for a pool.
    """

    first: Snapshot | None = None
    finding: Finding | None = None
    used: int = 0
    waiters: int = 0
    clients: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """A moment of a lesson.

    Attributes:
        troubles: Findings of the families that the lesson is about.
        actions: Everything that was carried out, in its order.
    """

    look: Look
    snapshot: Snapshot
    capacity: Capacity
    findings: Sequence[Finding] = ()
    troubles: Sequence[Finding] = ()
    actions: Sequence[Action] = ()
    before: Before = Before()

    @property
    def clients(self) -> int:
        """Clients that wait for a pool."""
        return sum(pool.cl_waiting for bouncer in self.snapshot.pgbouncers for pool in bouncer.pools)

    @property
    def waiters(self) -> int:
        """Sessions that wait for a lock."""
        return sum(one.waits_for_lock for one in self.snapshot.sessions)


Condition = Callable[[Seen], bool]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do.

    Attributes:
        text: What to look at, why, and what to press: two or three sentences. Keys and filters stand in backticks,
            names of `facts` in braces.
        done: Whether it was done.
        in_turn: Judged only when all steps before are behind: its condition would hold at the beginning, too.
        holds: Done only as long as its condition holds: a preview that was left has to be opened again.
    """

    act: Act
    title: str
    text: str
    done: Condition
    in_turn: bool = False
    holds: bool = False


@dataclass(frozen=True, slots=True)
class Guide:
    """The lesson of a scenario.

    Attributes:
        families: Of the findings that tell of its trouble.
        ending: What is said when all is done; as a step's text.
        dba: A command that runs its argument as a superuser's statement.
    """

    scenario: str
    families: frozenset[str]
    steps: tuple[Step, ...]
    ending: str
    dba: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a user has come.

    Attributes:
        ticked: Places of the steps that were done.
        passed: Places of the steps that are behind: done, or overtaken by acting.
    """

    ticked: frozenset[int] = frozenset()
    passed: frozenset[int] = frozenset()
    seen: Seen | None = None

    def place(self, guide: Guide) -> int:
        """Of the present step; their number when all is done."""
        return next((place for place in range(len(guide.steps)) if place not in self.passed), len(guide.steps))


def advance(
    guide: Guide,
    progress: Progress,
    look: Look,
    snapshot: Snapshot,
    capacity: Capacity,
    findings: Sequence[Finding],
    actions: Sequence[Action],
) -> Progress:
    """Take a moment in: which steps are done by now.

    Whoever goes ahead is followed. A step of the later ones that is done is ticked at once, and whoever has acted needs
    none of the steps before: the trouble that they are about may be gone.
    """
    troubles = tuple(one for one in findings if one.family in guide.families)
    before = progress.seen.before if progress.seen is not None else Before()
    seen = Seen(look, snapshot, capacity, findings, troubles, actions, before)
    seen = replace(seen, before=_kept(seen))
    ticked = {place for place in progress.ticked if not guide.steps[place].holds}
    for place, step in enumerate(guide.steps):
        in_turn = not step.in_turn or _passed(guide, ticked).issuperset(range(place))
        if place not in ticked and in_turn and step.done(seen):
            ticked.add(place)
    passed = _passed(guide, ticked)
    # What had to hold until something was done was done as well.
    return Progress(frozenset(ticked | (progress.ticked & passed)), passed, seen)


def _passed(guide: Guide, ticked: Set[int]) -> frozenset[int]:
    """What is done, and everything before the last action."""
    acted = max((place for place in ticked if guide.steps[place].act in {Act.ACT, Act.CHECK}), default=-1)
    return frozenset(ticked) | frozenset(range(acted))


def _kept(seen: Seen) -> Before:
    before = seen.before
    if before.first is None:
        before = replace(before, first=seen.snapshot)
    if not seen.troubles:
        return before
    return replace(
        before,
        finding=_with_statement(seen),
        used=max(before.used, seen.capacity.used),
        waiters=max(before.waiters, seen.waiters),
        clients=max(before.clients, seen.clients),
    )


def _with_statement(seen: Seen) -> Finding:
    """The most urgent trouble that has a statement which helps for good, now or before; else the most urgent."""
    known = (*seen.troubles, *((seen.before.finding,) if seen.before.finding else ()))
    return next((one for one in known if one.sql), seen.troubles[0])


def facts(guide: Guide, seen: Seen) -> Mapping[str, str]:
    """What the braces of a text stand for. Parts of it come from the server: not made safe."""
    before, used = seen.before, seen.capacity.used
    freed = before.used - used
    return {
        "used": str(used),
        "usable": str(seen.capacity.usable),
        "slots": f"{freed} slot{'' if freed == 1 else 's'} came back" if freed > 0 else "no slot had to come back",
        "was": str(before.used),
        "waiters": str(before.waiters),
        "clients": str(before.clients),
        "cure": _remedy(guide, before.finding),
    }


def _statement(guide: Guide, finding: Finding | None) -> str:
    """The command that runs what helps for good."""
    sql = finding.sql.rstrip(";") if finding is not None else ""
    return f'{guide.dba} "{sql}"' if sql and guide.dba else sql


def _remedy(guide: Guide, finding: Finding | None) -> str:
    """What helps for good, with the command where there is one."""
    if finding is None:
        return ""
    lasting, command = finding.lasting[:1].lower() + finding.lasting[1:], _statement(guide, finding)
    return f"{lasting}: `{command}`" if command else lasting


def words(guide: Guide, progress: Progress) -> str:
    """The text of the present step, or the ending, with what is known now."""
    if progress.seen is None:
        return "Waiting for the first sample."
    place = progress.place(guide)
    text = guide.ending if place == len(guide.steps) else guide.steps[place].text
    return text.format_map(facts(guide, progress.seen))
