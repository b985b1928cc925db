"""Who was turned away and why, in words. What comes out is safe to show."""

from pgheadroom.model.turned_away import Reason, Who
from pgheadroom.words.text import safe

REASONS: dict[Reason, str] = {
    Reason.SERVER: "no slot left",
    Reason.SUPERUSER_RESERVE: "superusers only",
    Reason.RESERVE: "reserve only",
    Reason.ROLE: "role limit",
    Reason.DATABASE: "database limit",
    Reason.WALSENDERS: "max_wal_senders",
    Reason.PROCESSES: "process limit",
    Reason.POOLER: "pooler full",
    Reason.UNCLEAR: "no room",
    Reason.RESOURCES: "out of resources",
    Reason.LOGIN: "login not allowed",
    Reason.NO_DATABASE: "no such database",
}


def reason_words(who: Who) -> str:
    """`role limit web`, `no slot left`: with the name of the role or database whose limit it is."""
    name = who.role if who.reason is Reason.ROLE else who.database if who.reason is Reason.DATABASE else ""
    return f"{REASONS[who.reason]} {safe(name)}" if name else REASONS[who.reason]


def per_second(rate: float) -> str:
    """`37`, `0.4`, `<0.1`: refusals a second."""
    if rate >= 9.95 or rate == 0:
        return f"{rate:.0f}"
    return f"{rate:.1f}" if rate >= 0.05 else "<0.1"
