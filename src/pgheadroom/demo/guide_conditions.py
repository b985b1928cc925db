"""What has to have happened for a step of a lesson to be done: judged from what is seen, not from what is pressed."""

from collections.abc import Callable

from pgheadroom.lesson.progress import Condition, Seen
from pgheadroom.model.action import Verb
from pgheadroom.model.finding import Severity
from pgheadroom.model.session import IN_TRANSACTION_BUT_IDLE, Session, State
from pgheadroom.rules.acting.outcome import settled

Who = Callable[[Session], bool]


def of_application(*names: str) -> Who:
    return lambda one: one.application in names


def of_role(name: str) -> Who:
    return lambda one: one.user == name


def idle_in_transaction(one: Session) -> bool:
    return one.state in IN_TRANSACTION_BUT_IDLE


def active(one: Session) -> bool:
    return one.state is State.ACTIVE


def both(*conditions: Condition) -> Condition:
    """All of them hold."""
    return lambda seen: all(condition(seen) for condition in conditions)


def on(screen: str) -> Condition:
    """The screen is open."""
    return lambda seen: seen.look.screen == screen


def trouble(seen: Seen) -> bool:
    """What the lesson is about is told."""
    return bool(seen.troubles)


def calm(seen: Seen) -> bool:
    """Nothing is found."""
    return not seen.findings


def lists_only(who: Who) -> Condition:
    """The list of sessions is narrowed to these, and the filter is no longer being typed."""

    def holds(seen: Seen) -> bool:
        listed, everybody = seen.look.sessions, seen.snapshot.sessions
        narrowed = 0 < len(listed) < len(everybody) and all(map(who, listed))
        return seen.look.screen == "sessions" and narrowed and not seen.look.typing

    return holds


def narrowed(seen: Seen) -> bool:
    """The list of sessions is a part of them, whichever."""
    return lists_only(lambda one: True)(seen)


def looks_at(who: Who) -> Condition:
    """One such session is looked at closely."""
    return lambda seen: seen.look.screen == "detail" and any(map(who, seen.look.sessions))


def previews(who: Who) -> Condition:
    """The preview of a signal is open, and most of those it would reach are these."""

    def holds(seen: Seen) -> bool:
        targets = seen.look.sessions
        return seen.look.screen == "bulk" and 2 * sum(map(who, targets)) > len(targets)

    return holds


def signalled(verb: Verb, who: Who) -> Condition:
    """Such a session was really signalled: the server said so."""

    def holds(seen: Seen) -> bool:
        return any(
            action.plan.verb is verb and any(one.id in action.signalled and who(one) for one in action.plan.targets)
            for action in seen.actions
        )

    return holds


def nothing_done(seen: Seen) -> bool:
    return not seen.actions


def not_on(screen: str) -> Condition:
    return lambda seen: seen.look.screen != screen


def limited_anew(role: str) -> Condition:
    """The role has another CONNECTION LIMIT than at the beginning, one that lets somebody in."""

    def holds(seen: Seen) -> bool:
        first = seen.before.first
        was, now = first.roles.get(role) if first else None, seen.snapshot.roles.get(role)
        return bool(was and now and now.limit and now.limit != was.limit)

    return holds


def settled_actions(seen: Seen) -> bool:
    """The samples after the last action tell what came of it."""
    return bool(seen.actions) and settled(seen.actions[-1], seen.snapshot)


def no_trouble_that_presses(seen: Seen) -> bool:
    """What the lesson is about is found no more, or told as held."""
    return all(one.severity is Severity.NOTICE for one in seen.troubles)


def cured(seen: Seen) -> bool:
    """What the lesson is about is found no more; findings go some seconds after their cause."""
    return not seen.troubles
