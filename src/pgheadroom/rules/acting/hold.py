"""What can be held back, how far, and what that does and does not do. Pure.

What a CONNECTION LIMIT and NOLOGIN do to whom was tried on PostgreSQL 13, 16 and 18: either refuses new sessions and
ends none; a limit binds no superuser; nothing else of the role changes. A timeout of a role reaches its new sessions
only, superusers' too.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from pgheadroom.model.hold import NO_LIMIT, Change, Grip, HeldKind, Hold, Holdable, HoldSite
from pgheadroom.model.session import IN_TRANSACTION_BUT_IDLE, Session, State, seconds_between
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.facts.share import limit_that_spares_others, raised_limit, room_below_warning
from pgheadroom.words.counts import plural
from pgheadroom.words.durations import duration
from pgheadroom.words.sql_names import literal, quoted
from pgheadroom.words.states import state_word
from pgheadroom.words.text import safe
from pgheadroom.words.wording import clipped

TIMEOUT = "idle_in_transaction_session_timeout"
PROPOSED_TIMEOUT = "1min"


def refusal(
    what: Holdable,
    site: HoldSite,
    own_role: str,
    protected_roles: Collection[str] = (),
    wanted: Grip | None = None,
) -> str:
    """Why it is not held, or let go, and who could; empty when it can be.

    Where only the privilege is lacking, the statement to hand over is told, for the values that are `wanted`.
    """
    if site.in_recovery:
        return f"this is a standby, which takes no changes: do it on the primary{_at(site.primary)}"
    name = clipped(what.name)
    if what.kind is HeldKind.ROLE:
        if what.name == own_role:
            return f"{name} is the role that we are connected as: it must get in again"
        if what.name in protected_roles:
            return f"{name} is protected by the configuration (protected_roles)"
        if what.superuser and (wanted is None or wanted.timeout is None):
            return f"{name} is a superuser: no limit binds it"
    if what.limit < NO_LIMIT:
        return f"database {name} is invalid: nobody gets in, and only DROP DATABASE is left"
    if what.may_alter:
        return ""
    hand_over = statement_of(what.kind, what.name, wanted) if wanted is not None else ""
    to_run = f". To hand over: {hand_over}" if hand_over else ""
    return f"our role {clipped(own_role)} may not change {name}: {_who_may(what.kind)}{to_run}"


def _at(address: str) -> str:
    return f" ({address})" if address else ""


def _who_may(kind: HeldKind) -> str:
    if kind is HeldKind.DATABASE:
        return "its owner may, or a superuser"
    return "a superuser may, or a role with CREATEROLE and, since 16, ADMIN OPTION on it"


def members(sessions: Sequence[Session], kind: HeldKind, name: str) -> list[Session]:
    """The sessions that a hold is about."""
    if kind is HeldKind.ROLE:
        return [one for one in sessions if one.user == name]
    return [one for one in sessions if one.database == name]


def proposed_limit(case: Case, what: Holdable) -> int:
    """What leaves the others their share, never more than it has now, and never so few that somebody of it would have
    to stop in the middle of something.

    Of a database there are no others to measure by: as many as are in the middle of something.
    """
    busy = sum(_is_busy(one) for one in members(case.snapshot.sessions, what.kind, what.name))
    share = limit_that_spares_others(case, what.name) if what.kind is HeldKind.ROLE else 1
    if what.limit > 0:
        share = min(share, what.limit)
    return max(1, busy, share)


def offered_limit(case: Case, role: Holdable) -> int:
    """What a question begins with: a higher limit for a role that nobody holds back, that is at its limit and for which
    the server has room; else what is proposed to hold it back."""
    uses = len(members(case.snapshot.sessions, HeldKind.ROLE, role.name))
    if 0 < role.limit <= uses and not case.held_back(role.name):
        raised = raised_limit(case, role.limit)
        if raised > role.limit:
            return raised
    return proposed_limit(case, role)


def _is_busy(session: Session) -> bool:
    return session.state is not State.IDLE


def above(
    case: Case, kind: HeldKind, name: str, limit: int, *, protected: Collection[str] = (), transactions: bool = False
) -> list[Session]:
    """The sessions to end so that no more than `limit` are left: the longest idle first, no pooler's, none of ours.

    There can be too few that may be ended: whoever runs something is never among them.

    Args:
        protected: Roles that are left alone, in a database that is held.
        transactions: Also who idles in a transaction, after all who are merely idle.
    """
    theirs = members(case.snapshot.sessions, kind, name)
    direct = {one.pid for one in case.direct}
    open_to = [one for one in theirs if one.pid in direct and one.user not in protected and not case.of_superuser(one)]
    idle = [one for one in open_to if one.state is State.IDLE]
    opened = [one for one in open_to if one.state in IN_TRANSACTION_BUT_IDLE] if transactions else []
    surplus = max(0, len(theirs) - limit)
    return [*case.longest_first(idle), *case.longest_first(opened)][:surplus]


# --- what is said of it ----------------------------------------------------------------------------------------------


def grip_words(grip: Grip) -> str:
    """`CONNECTION LIMIT 5 NOLOGIN`, as in the statement."""
    login = "" if grip.login is None else " LOGIN" if grip.login else " NOLOGIN"
    return f"{'' if grip.limit is None else f'CONNECTION LIMIT {grip.limit}'}{login}".strip()


def statement_of(kind: HeldKind, name: str, grip: Grip) -> str:
    """The statement that sets it, or two, to show and to hand over; empty for a name that is not known to the byte."""
    written, parts = quoted(name), [grip_words(grip), _timeout_words(grip)]
    return " ".join(f"ALTER {kind.upper()} {written} {part};" for part in parts if part) if written else ""


def _timeout_words(grip: Grip) -> str:
    if grip.timeout is None:
        return ""
    return f"SET {TIMEOUT} = {literal(grip.timeout)}" if grip.timeout else f"RESET {TIMEOUT}"


def held_words(grip: Grip) -> str:
    """`limit 5`, `NOLOGIN`, `no limit`, `idle in transaction for 1min at most`."""
    words = []
    if grip.limit is not None:
        words.append("no limit" if grip.limit == NO_LIMIT else f"limit {grip.limit}")
    if grip.login is not None:
        words.append("LOGIN" if grip.login else "NOLOGIN")
    if grip.timeout is not None:
        words.append(
            f"idle in transaction for {safe(grip.timeout)} at most"
            if grip.timeout
            else "no timeout for idle transactions of its own"
        )
    return ", ".join(words)


def hold_words(hold: Hold, now: datetime) -> str:
    """`role web: limit 5, before no limit; since 3m by dba on jump`; safe to show."""
    since = duration(seconds_between(hold.since, now))
    return (
        f"{hold.kind} {clipped(hold.name)}: {held_words(hold.after)}, before {held_words(hold.before)}; "
        f"since {since} by {safe(hold.os_user)} on {safe(hold.host)}"
    )


def affected(case: Case, kind: HeldKind, name: str) -> list[str]:
    """Who is there, and who else is hit; safe to show."""
    theirs = members(case.snapshot.sessions, kind, name)
    states = Counter(map(state_word, theirs)).most_common()
    told = f" ({', '.join(f'{count} {state}' for state, count in states)})" if states else ""
    lines = [f"{clipped(name)} has {plural(len(theirs), 'session')} now{told}"]
    if kind is HeldKind.DATABASE:
        roles = Counter(clipped(one.user) for one in theirs if one.user)
        lines += ["it hits all its roles: " + ", ".join(f"{count} of {who}" for who, count in roles.most_common(5))] * (
            len(roles) > 1
        )
    return lines + list(_behind_poolers(case, theirs))


def _behind_poolers(case: Case, theirs: Sequence[Session]) -> Iterator[str]:
    count = sum(one.pid in case.pooled for one in theirs)
    if count:
        yield (
            f"{plural(count, 'session')} of them {'is' if count == 1 else 'are'} PgBouncer's: when its own logins are "
            "refused, its clients wait, and get the refusal where no server is left"
        )


def limits_of_it(case: Case, change: Change) -> list[str]:
    """What the hold does not do; safe to show."""
    kind, grip = change.kind, change.after
    if change.raises:
        return [*_more(case, change), "nothing else of it changes; what it had before comes back when it is let go"]
    theirs = members(case.snapshot.sessions, kind, change.name)
    if grip.limit is None and grip.login is None:
        return list(_limits_of_timeout(theirs))
    lines = ["it ends nobody: who is connected stays, new sessions are refused"]
    if grip.limit is not None and len(theirs) > grip.limit >= 0:
        lines = [
            f"the limit alone ends nobody: the {len(theirs)} would stay, and new ones are refused until fewer than "
            f"{grip.limit} are left"
        ]
    if kind is HeldKind.DATABASE:
        lines.append("superusers pass")
    lines.append("nothing else of it changes; it holds until it is let go")
    return lines


def _limits_of_timeout(theirs: Sequence[Session]) -> Iterator[str]:
    """What a timeout for idle transactions does not do to those who hold one open."""
    opened = sum(one.state in IN_TRANSACTION_BUT_IDLE for one in theirs)
    also = f" ({plural(opened, 'session')} idle in a transaction now: K ends them)" if opened else ""
    yield f"it reaches new logins only: who is connected keeps what it has{also}"
    yield "new sessions that idle longer in a transaction are rolled back and ended"
    yield "who sets it by itself, with SET or in its connection's options, is not bound"
    yield "nothing else of it changes; it holds until it is let go"


def _more(case: Case, change: Change) -> Iterator[str]:
    """What more of them may take from the others."""
    limit, room = change.after.limit, room_below_warning(case)
    left = f"{plural(room, 'slot')} {'is' if room == 1 else 'are'} left to the server's warning"
    if limit is None or limit == NO_LIMIT:
        yield f"it keeps nothing for the others: {left}"
        return
    more = max(0, limit - len(members(case.snapshot.sessions, change.kind, change.name)))
    yield f"{more} more of it get in, and {left}" + ("" if more <= room else ": it can fill the server")
