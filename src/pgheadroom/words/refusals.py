"""Which limit refused a connection, in words. What comes out is safe to show."""

from pgheadroom.model.refusal import Refusal, RefusedBy
from pgheadroom.model.update import Trouble
from pgheadroom.words.text import safe

_SAID: dict[RefusedBy, str] = {
    RefusedBy.SERVER: "no slot is left, not even for a superuser",
    RefusedBy.SUPERUSER_RESERVE: "only the slots for superusers are left",
    RefusedBy.RESERVE: "only reserved slots are left: pg_use_reserved_connections and superusers get in",
    RefusedBy.ROLE: "the role's CONNECTION LIMIT is reached",
    RefusedBy.DATABASE: "the database's CONNECTION LIMIT is reached",
    RefusedBy.WALSENDERS: "max_wal_senders is reached",
    RefusedBy.PROCESSES: "the server starts no more processes, though slots may be free",
    RefusedBy.POOLER: "the pooler is full",
    RefusedBy.UNCLEAR: "there is no room",
    RefusedBy.OTHER: "not for lack of room",
}
_MANAGED = "only slots are left that a managed service keeps for a role of its own"


def limit_words(refusal: Refusal) -> str:
    """`the role's CONNECTION LIMIT is reached (web)`."""
    said = _MANAGED if refusal.limit is RefusedBy.RESERVE and refusal.name else _SAID[refusal.limit]
    return f"{said} ({safe(refusal.name)})" if refusal.name else said


def trouble_words(trouble: Trouble) -> str:
    """Why nothing new comes, in one line: for lack of room the limit, which is shorter than what the server says."""
    waiting = trouble.waiting
    full = next((one for one in waiting.refusals if one.full), None) if waiting is not None else None
    return f"no room: {limit_words(full)}" if full is not None else safe(trouble.reason)
