"""What is applied of advice: its statements, why it may not be, and what it does and does not reach. Pure.

Tried on PostgreSQL 13, 16 and 18: a setting of a role or a database reaches new sessions only; a reload reaches those
that are there as well, unless their role, their database or they themselves have another value.
"""

from collections.abc import Collection, Iterator, Sequence

from pgheadroom.model.advice import Advice, Effect
from pgheadroom.model.applied import ApplySite, Found, Spot
from pgheadroom.model.hold import NO_LIMIT
from pgheadroom.model.session import Session
from pgheadroom.words.counts import plural
from pgheadroom.words.sql_names import literal, quoted
from pgheadroom.words.text import safe
from pgheadroom.words.wording import clipped

RELOAD = "SELECT pg_catalog.pg_reload_conf();"


# --- statements ------------------------------------------------------------------------------------------------------


def statements_of(spot: Spot, value: str | None) -> tuple[str, ...]:
    """Those that set it, or with None take it away; empty where a name or the value is not known to the byte."""
    subject, told = _subject(spot), _told(spot, value)
    if not subject or not told:
        return ()
    return (f"{subject} {told};", *([RELOAD] if spot.is_servers else []))


def _told(spot: Spot, value: str | None) -> str:
    if not spot.parameter:
        return f"CONNECTION LIMIT {NO_LIMIT if value is None else value}"
    if value is None:
        return f"RESET {spot.parameter}"
    written = literal(value) if value else "''"
    return f"SET {spot.parameter} = {written}" if written else ""


def _subject(spot: Spot) -> str:
    if spot.is_servers:
        return "ALTER SYSTEM"
    role, database = (None if name is None else quoted(name) for name in (spot.role, spot.database))
    if role == "" or database == "":
        return ""
    if role is None:
        return f"ALTER DATABASE {database}"
    return f"ALTER ROLE {role}" + (f" IN DATABASE {database}" if database is not None else "")


# --- words -----------------------------------------------------------------------------------------------------------


def place_words(spot: Spot) -> str:
    """`role web in database shop`, `the server`; safe to show."""
    parts = [f"role {clipped(spot.role)}"] if spot.role is not None else []
    parts += [f"database {clipped(spot.database)}"] if spot.database is not None else []
    return " in ".join(parts) or "the server"


def value_words(spot: Spot, value: str | None) -> str:
    """`idle_session_timeout = 5min`, `no limit`; safe to show."""
    if not spot.parameter:
        return "no limit" if value in (None, str(NO_LIMIT)) else f"CONNECTION LIMIT {safe(value or '')}"
    return f"{spot.parameter} not set" if value is None else f"{spot.parameter} = {safe(value)}"


def catalogue_of(spot: Spot) -> str:
    """Where it is read back from."""
    if spot.is_servers:
        return "pg_file_settings"
    return "pg_db_role_setting" if spot.parameter else ("pg_roles" if spot.role is not None else "pg_database")


# --- whether it may be ------------------------------------------------------------------------------------------------


def by_hand(piece: Advice) -> str:
    """Why a piece of advice is not for this program to apply; empty when it is."""
    if piece.effect is Effect.RESTART:
        return (
            "it counts from a restart on: have its statements run by hand when one can be spared" * bool(piece.do)
            or "it needs a restart, which is yours to do"
        )
    if piece.applies is not None:
        return ""
    if piece.do:
        return "its statements give a role rights: run them by hand (y copies them)"
    if piece.change:
        return "it is a line of PgBouncer's configuration: change it there, then RELOAD (y copies it)"
    return " ".join(piece.steps) or "there is no statement in it; what it says beside is for you"


def refusal(found: Found, site: ApplySite, own_role: str, protected_roles: Collection[str], value: str | None) -> str:
    """Why it is not set to this value, and who could; empty when it can be."""
    spot = found.spot
    if not spot.is_servers and site.in_recovery:
        at = f" ({site.primary})" if site.primary else ""
        return f"this is a standby, which takes no changes: do it on the primary{at}"
    if not found.there:
        return f"{place_words(spot)} does not exist any more"
    if spot.role is not None and spot.role in protected_roles:
        return f"{clipped(spot.role)} is protected by the configuration (protected_roles)"
    if spot.role is not None and not spot.parameter and found.superuser:
        return f"{clipped(spot.role)} is a superuser: no limit binds it"
    if found.may_alter:
        return ""
    to_run = " ".join(statements_of(spot, value))
    hand_over = f". To hand over: {to_run}" if to_run else ""
    return (
        f"our role {clipped(own_role)} may not change {place_words(spot)}: {found.help or _who_may(found)}{hand_over}"
    )


def _who_may(found: Found) -> str:
    if found.spot.role is None:
        return "its owner may, or a superuser"
    if found.superuser:
        return "a superuser may"
    return "a superuser may, or a role with CREATEROLE and, since 16, ADMIN OPTION on it"


# --- whom it does not reach -------------------------------------------------------------------------------------------


def not_reached(spot: Spot, value: str | None, sessions: Sequence[Session]) -> Iterator[str]:
    """What it does not do, a sentence each; safe to show."""
    theirs = [
        one for one in sessions if spot.role in (None, one.user) and spot.database in (None, one.database) and one.user
    ]
    if not spot.parameter:
        yield (
            f"it ends nobody: the {plural(len(theirs), 'session')} that {_is(theirs)} there stay"
            if theirs
            else ("it ends nobody")
        )
        yield "no limit binds superusers"
        return
    if spot.is_servers:
        yield "roles, databases and sessions with a value of their own keep that"
        return
    if theirs:
        yield f"the {plural(len(theirs), 'session')} that {_is(theirs)} there keep what they logged in with"
    if spot.role is None or spot.database is None:
        yield "a narrower setting, of a role or of a role in a database, comes before it"
    yield "who sets it by itself, with SET or in its connection's options, is not bound"


def _is(some: Sequence[Session]) -> str:
    return "is" if len(some) == 1 else "are"
