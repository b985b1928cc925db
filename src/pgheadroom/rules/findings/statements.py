"""SQL that a finding offers to copy: only where it binds, whole, and with what it does besides.

What a CONNECTION LIMIT and the timeouts do to whom was tried on PostgreSQL 14 and 18: a limit refuses new sessions and
ends none; it binds no superuser; a setting of a role reaches its new logins only; `idle_session_timeout` ends the idle
connections that an application's own pool keeps, which some pools do not survive.
"""

import re
import shlex
from typing import NamedTuple

from pgheadroom.rules.facts.case import Case
from pgheadroom.words.counts import plural
from pgheadroom.words.sql_names import quoted
from pgheadroom.words.text import safe
from pgheadroom.words.wording import clipped

_NEW_LOGINS = "for new logins only: sessions that are there keep what they have"
_BESIDES = {
    "idle_session_timeout": "who is idle now stays until ended. It also ends what an application's own pool keeps "
    "idle: that needs a check on checkout, or fewer idle than this; some die of it. Fit for people and jobs",
}


class Statement(NamedTuple):
    """One statement, and what to know before it is run.

    Attributes:
        sql: Empty where there is none that would bind.
        caution: What it does besides, or where it has to be run; a sentence without its full stop.
        instead: What to do where there is no statement; likewise.
    """

    sql: str = ""
    caution: str = ""
    instead: str = ""


NO_STATEMENT = Statement()
_ORDINARY_ROLE = "let the application log in as an ordinary role of its own: no limit binds a superuser"
_DROPPED = re.compile(r"oid \d+")


def role_limit(case: Case, role: str | None, limit: int) -> Statement:
    """To limit a role's connections. Below what it uses now, that is said."""
    if (instead := _why_not(case, role)) is not None:
        return Statement(instead=instead)
    name = quoted(role or "")
    uses = sum(one.user == role for one in case.snapshot.sessions)
    below = (
        f"{clipped(role or '')} has {plural(uses, 'session')} now: they stay, and new ones are refused until fewer "
        f"than {limit} are left"
        if limit < uses
        else ""
    )
    return on_primary(case, f"ALTER ROLE {name} CONNECTION LIMIT {limit};", below)


def held_by(role: str | None) -> str:
    """` (H, or pgheadroom hold --user web)`: the two ways that write down what was before; safe to show."""
    named = role if role and role == safe(role) else "ROLE"
    return f" (H, or pgheadroom hold --user {shlex.quote(named)})"


def no_role_limit(case: Case, role: str) -> Statement:
    """To take a role's limit away."""
    if (instead := _why_not(case, role)) is not None:
        return Statement(instead=instead)
    return on_primary(case, f"ALTER ROLE {quoted(role)} CONNECTION LIMIT -1;", "")


def limit_of(case: Case, kind: str, name: str, limit: int) -> Statement:
    """To set the limit of a role or a database."""
    if kind == "role":
        return role_limit(case, name, limit)
    if not (written := quoted(name)):
        return NO_STATEMENT
    return on_primary(case, f"ALTER DATABASE {written} CONNECTION LIMIT {limit};", "")


def role_setting(case: Case, role: str | None, name: str, value: str) -> Statement:
    """To set a parameter for a role's new sessions."""
    if (instead := _why_not(case, role)) is not None:
        return Statement(instead=instead)
    besides = "; ".join(filter(None, (_NEW_LOGINS, _BESIDES.get(name, ""))))
    return on_primary(case, f"ALTER ROLE {quoted(role or '')} SET {name} = '{value}';", besides)


def grant(case: Case, what: str, role: str) -> Statement:
    written = quoted(role)
    return on_primary(case, f"GRANT {what} TO {written};", "") if written else NO_STATEMENT


def _why_not(case: Case, role: str | None) -> str | None:
    """Why no ALTER ROLE would help, and what would; None where it does."""
    known = case.snapshot.roles.get(role or "")
    if known is not None and known.superuser:
        return _ORDINARY_ROLE
    if known is None and role is not None and _DROPPED.fullmatch(role):
        return "its role was dropped: there is nothing to alter, and nobody new logs in as it"
    return None if role and quoted(role) else ""


def on_primary(case: Case, sql: str, besides: str = "") -> Statement:
    """The statement, and on a standby where it has to be run."""
    where = "run it on the primary: this is a standby, and takes no changes" if case.snapshot.server.in_recovery else ""
    return Statement(sql, "; ".join(filter(None, (where, besides))))
