"""What helps a monitor to get in: now, and the next time. Pure."""

import re
from collections.abc import Sequence

from pgheadroom.model import versions
from pgheadroom.model.refusal import Hindrance, Refusal, RefusedBy
from pgheadroom.model.service import Service, service_of_words
from pgheadroom.model.snapshot import Door, Server, SlotKind, SlotSettings
from pgheadroom.words.sql_names import quoted


def advice(
    refusals: Sequence[Refusal], role: str = "", version_num: int | None = None, service: Service | None = None
) -> tuple[str, ...]:
    """What can be done from outside, most useful first, and what to have ready the next time.

    Args:
        role: The login role of the first door; empty when it is not known.
        version_num: Of the server, where it is known from before.
        service: Likewise.
    """
    full = [refusal for refusal in refusals if refusal.full]
    service = service or service_of_words(*(words for one in refusals for words in (one.door, one.message, one.name)))
    now = [sentence for refusal in full for sentence in (_managed(refusal, service) or _now(refusal))]
    limits = {refusal.limit for refusal in full}
    if service is not None:
        return tuple(dict.fromkeys([*now, *(_managed_next_time(service) if limits - _NO_RESERVE_HELPS else ())]))
    then = _next_time(quoted(role) or "<role>", _older_than_16(full, version_num))
    return tuple(dict.fromkeys([*now, *(then if limits - _NO_RESERVE_HELPS else ())]))


_NO_RESERVE_HELPS = {RefusedBy.PROCESSES, RefusedBy.POOLER, RefusedBy.WALSENDERS}


def _now(refusal: Refusal) -> tuple[str, ...]:
    who = quoted(refusal.name) or "<name>"
    return {
        RefusedBy.SERVER: (
            "Every slot is taken, those of superusers too: a session must end first. "
            "Stop or restart an application, or PAUSE a database of PgBouncer.",
        ),
        RefusedBy.SUPERUSER_RESERVE: ("A superuser still gets in: --door 'user=postgres'.",),
        RefusedBy.RESERVE: (
            "A superuser still gets in, and so does a role with pg_use_reserved_connections: --door 'user=postgres'.",
        ),
        RefusedBy.ROLE: (
            f"Only this role is full: come in as another one (--door 'user=postgres'), and there: "
            f"ALTER ROLE {who} CONNECTION LIMIT <more>;",
        ),
        RefusedBy.DATABASE: (
            f"Only this database is full: come in through another one (--door 'dbname=postgres'), and there: "
            f"ALTER DATABASE {who} CONNECTION LIMIT <more>;",
        ),
        RefusedBy.WALSENDERS: ("This is a replication connection; leave out replication= and come in as a client.",),
        RefusedBy.PROCESSES: (
            "Slots may be free, but the server starts no more processes: connections that never log in fill it. "
            "They end after authentication_timeout (60 s by default); see who opens them with ss -tnp.",
        ),
        RefusedBy.POOLER: (
            "PgBouncer itself has no room: go past it, straight to PostgreSQL (--door 'host=... port=5432').",
        ),
        RefusedBy.UNCLEAR: ("The server has no room (SQLSTATE 53300), and does not say in words we know which limit.",),
        RefusedBy.OTHER: (),
    }[refusal.limit]


_RDS_OWN = "rds_reserved"
_RESERVES = (RefusedBy.RESERVE, RefusedBy.SUPERUSER_RESERVE)


def _managed(refusal: Refusal, service: Service | None) -> tuple[str, ...]:
    """Where nobody has a superuser's door: who else gets in, if anybody does; empty where it is as everywhere."""
    if service is None or refusal.limit not in _RESERVES:
        return ()
    free = "Stop or restart an application, or PAUSE a database of PgBouncer: a session of yours must end first."
    if refusal.limit is RefusedBy.SUPERUSER_RESERVE or refusal.name == _RDS_OWN:
        return (f"The slots that are left are {service.name}'s own; nobody of yours gets one. {free}",)
    member = refusal.name or "pg_use_reserved_connections"
    return (f"A member of {member} still gets in: --door 'user=...'. Without one: {free}",)


def _managed_next_time(service: Service) -> tuple[str, ...]:
    return (
        f"Next time: have this monitor connected before, it keeps its slot; {service.name} has no superuser to come in "
        f"as. max_connections and the reserves are set in {service.settings}, most with a restart.",
    )


def no_longer(refusals: Sequence[Refusal], role: str, service: Service | None = None) -> str:
    """What helps a role that the server let in before and now refuses, for another reason than room; may be empty.

    Args:
        role: The login role of the first door.
        service: Whose server it is, where it is a managed one.
    """
    if service is not None and any("pg_hba.conf" in refusal.message for refusal in refusals[:1]):
        return (
            f"{service.name}'s own rules no longer let this role in from here: see its network settings, whether it "
            "takes encrypted connections only (sslmode=require), and logins by token."
        )
    for refusal in refusals[:1]:  # the door that let us in: what others say was so before
        for words, sentence in _NO_LONGER:
            if re.search(words, refusal.message):
                return sentence.format(role=quoted(role) or "<role>")
        if refusal.limit is RefusedBy.OTHER and refusal.hindrance is Hindrance.LOGIN:
            return _REFUSED_SOMEHOW  # in another language, or by what we know nothing of
    return ""


_REFUSED_SOMEHOW = (
    "The login is refused, and was accepted before: the password or token, the role, its database or pg_hba.conf has "
    "changed; the server's log says which."
)


_NO_LONGER = (
    (
        r"password authentication failed",
        "The password was accepted before: it has been changed, or its VALID UNTIL has passed. A new one in ~/.pgpass "
        "is read at the next try; if it was typed or given in another way, start pgheadroom again.",
    ),
    (
        r"(?i)\btoken\b.*expired|expired.*\btoken\b|(?:OAuth bearer|BearerToken) authentication failed",
        "The token was accepted before, and has run out or been withdrawn: fetch a new one. In ~/.pgpass it is read at "
        "the next try; else start pgheadroom again with it.",
    ),
    (
        r"(?:PAM|LDAP|RADIUS|BSD) authentication failed",
        "The password or token was accepted before; what is behind the server (PAM, LDAP, RADIUS) refuses it now, "
        "or is not reached: tokens of a cloud run out after minutes. A new one in ~/.pgpass is read at the next try.",
    ),
    (
        r"(?:GSSAPI|SSPI) authentication failed|GSSAPI continuation error|initiate GSSAPI",
        "The Kerberos ticket was accepted before: see klist, and fetch a new one with kinit; the next try takes it.",
    ),
    (
        r"(?:Ident|Peer) authentication failed",
        "The server lets in only who the operating system says we are: see pg_ident.conf and the line of pg_hba.conf, "
        "or come in as another role (-U, or --door).",
    ),
    (
        r"(?i)certificate authentication failed|valid client certificate|alert .*certificate|certificate .*expired",
        "A certificate was accepted before: it has expired, or been replaced or withdrawn, ours (sslcert) or the "
        "server's (sslrootcert). New files are read at the next try.",
    ),
    (
        r"a password is needed|no password supplied",
        "The server asks for a password now, see pg_hba.conf. One in ~/.pgpass is read at the next try; to type it, "
        "start pgheadroom again.",
    ),
    (
        r"not permitted to log in",
        "The role may not log in any more: ALTER ROLE {role} LOGIN; lets it in again, another one's --door does, too.",
    ),
    (
        r'role ".*" does not exist',
        "The role has been dropped or renamed: make it again, or start pgheadroom as another one (-U, or --door).",
    ),
    (
        r'database ".*" does not exist',
        "The database has been dropped or renamed: start pgheadroom on another one, -d postgres for instance.",
    ),
    (
        r"permission denied for database",
        "The role may not connect to this database any more: GRANT CONNECT ON DATABASE ... TO {role};",
    ),
    (
        r"pg_hba\.conf",
        "pg_hba.conf no longer lets this role in from here: see its line for us, and pg_reload_conf().",
    ),
)


def _older_than_16(refusals: Sequence[Refusal], version_num: int | None) -> bool | None:
    """None when that is not known."""
    if version_num is not None:
        return version_num < versions.RESERVED_SLOTS_SINCE
    for refusal in refusals:
        if "non-replication superuser" in refusal.message:
            return True
        if "SUPERUSER attribute" in refusal.message or "pg_use_reserved_connections" in refusal.message:
            return False
    return None


def _next_time(role: str, older: bool | None) -> tuple[str, ...]:
    """What to run when there is room again."""
    grant = (
        f"Next time (PostgreSQL 16 and later): ALTER SYSTEM SET reserved_connections = 2; with a restart, and "
        f"GRANT pg_use_reserved_connections TO {role};"
    )
    superuser = (
        "Next time: give a superuser's door from the beginning (--door 'user=postgres'); "
        "it takes one of superuser_reserved_connections, when the others are gone."
    )
    return (superuser,) if older else (grant, superuser)


def better_door(door: Door, server: Server, settings: SlotSettings, service: Service | None = None) -> str:
    """A sentence when our slot is one that others take away from us; empty when there is no better one."""
    if door.slot is SlotKind.SUPERUSER or (door.slot is SlotKind.RESERVED and settings.reserved > 0):
        return ""
    role = quoted(door.user) or "<role>"
    if service is not None:
        return _better_managed(role, server, settings, service)
    if server.version_num >= versions.RESERVED_SLOTS_SINCE and settings.reserved > 0:
        return (
            f"this takes an ordinary slot, which is not there when the server is full; "
            f"GRANT pg_use_reserved_connections TO {role} takes one of {settings.reserved} reserved"
        )
    if server.version_num >= versions.RESERVED_SLOTS_SINCE:
        return (
            "this takes an ordinary slot, which is not there when the server is full; reserved_connections is 0: "
            f"set it (with a restart) and GRANT pg_use_reserved_connections TO {role}, or give a superuser's --door"
        )
    return "this takes an ordinary slot, which is not there when the server is full; give a superuser's --door"


def _better_managed(role: str, server: Server, settings: SlotSettings, service: Service) -> str:
    """What its customers can do: they have no superuser, and set nothing with ALTER SYSTEM."""
    ordinary = "this takes an ordinary slot, which is not there when the server is full"
    if settings.reserved > 0 and server.version_num >= versions.RESERVED_SLOTS_SINCE:
        return f"{ordinary}; GRANT pg_use_reserved_connections TO {role} takes one of {settings.reserved} reserved"
    if settings.reserved > 0:
        return f"{ordinary}; a member of {service.admin} takes one of {settings.reserved} reserved"
    if server.version_num >= versions.RESERVED_SLOTS_SINCE:
        return (
            f"{ordinary}; reserved_connections is 0: set it in {service.settings} (with a restart) and "
            f"GRANT pg_use_reserved_connections TO {role}"
        )
    return f"{ordinary}, and {service.name} has none that is kept for its customers: start before it is full"
