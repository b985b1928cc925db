"""The findings that clients do not get in, by what the server's log tells of them."""

from collections.abc import Iterator

from pgheadroom.history.refused import RefusedGroup, RefusedLately
from pgheadroom.model.capacity import Limit
from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.session import seconds_between
from pgheadroom.model.turned_away import Reason
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.filters.language import condition
from pgheadroom.rules.findings import limits, server_slots
from pgheadroom.rules.findings.remedies import Remedy, look
from pgheadroom.words.counts import plural
from pgheadroom.words.durations import duration
from pgheadroom.words.turned_away import per_second, reason_words
from pgheadroom.words.wording import clipped

UNWANTED = 1.0
"""Refused logins a second from which on they are told: each takes a slot for a moment."""
_GROUPS_SHOWN = 5
_OF_SERVER = (Reason.SERVER, Reason.SUPERUSER_RESERVE, Reason.RESERVE, Reason.UNCLEAR)
_PROOF = "nobody is refused any more"


def turned_away(case: Case) -> Iterator[Finding]:
    """Clients are refused now, for lack of room or for who they are."""
    seen = case.refused
    if seen is None:
        return
    if (leading := seen.leading) is not None:
        yield _for_room(case, seen, leading)
    if seen.unwanted_per_second >= UNWANTED:
        yield _unwanted(case, seen)


def _for_room(case: Case, seen: RefusedLately, leading: RefusedGroup) -> Finding:
    name = clipped(leading.who.role) if leading.who.role and leading.who.reason is not Reason.ROLE else ""
    most = f", most of them {name}" if name else ""
    groups = [one for one in seen.groups if one.who.reason.no_room and one.per_second]
    held = all(one.who.reason is Reason.ROLE and case.held_back(one.who.role) for one in groups)
    found = Finding(
        "turned-away",
        _urgency(leading, held),
        f"{per_second(seen.per_second)} clients a second are turned away: {reason_words(leading.who)}{most}"
        + (", which is held back" if held else ""),
        (*(_group_words(case, one) for one in groups[:_GROUPS_SHOWN]), *_same_words(case, leading), *_skipped(seen)),
        refuses=not held,
    )
    return _remedy(case, leading).of(found)


def _urgency(leading: RefusedGroup, held: bool) -> Severity:
    if held:
        return Severity.NOTICE
    return Severity.CRITICAL if leading.who.reason in _OF_SERVER else Severity.WARNING


def _unwanted(case: Case, seen: RefusedLately) -> Finding:
    groups = [one for one in seen.groups if not one.who.reason.no_room and one.per_second]
    found = Finding(
        "logins-refused",
        Severity.NOTICE,
        f"{per_second(seen.unwanted_per_second)} logins a second are refused: "
        f"{', '.join(dict.fromkeys(reason_words(one.who) for one in groups))}",
        (*(_group_words(case, one) for one in groups[:_GROUPS_SHOWN]), "each takes a slot until it is refused"),
    )
    return Remedy("Stop who tries, or mend its password, role or database", proof="nobody tries in vain any more").of(
        found
    )


def _group_words(case: Case, one: RefusedGroup) -> str:
    """`24/s role limit web: web in shop from 10.0.0.5, 240 since 3m12s`."""
    who = one.who
    parts = (
        clipped(who.role),
        who.database and f"in {clipped(who.database)}",
        who.host and f"from {clipped(who.host)}",
    )
    told = " ".join(part for part in parts if part) or "nobody named"
    since = duration(seconds_between(one.first, case.snapshot.taken_at))
    return f"{per_second(one.per_second)}/s {reason_words(who)}: {told}, {one.times} since {since}"


def _same_words(case: Case, leading: RefusedGroup) -> Iterator[str]:
    """Where the postmaster starts no more processes, its log says the same as where no slot is left."""
    free = case.capacity.free_superuser
    if leading.who.reason is Reason.SERVER and case.capacity.exact and free > 0:
        yield (
            f"{plural(free, 'slot')} free now: taken for moments only, or connections that never log in keep the "
            "server from starting processes; the log has one text for both"
        )


def _skipped(seen: RefusedLately) -> Iterator[str]:
    if seen.skipped:
        megabytes = seen.skipped / 1_000_000
        yield f"the log grows faster than it is read: {megabytes:.1f} MB were skipped, there are more"


# --- what helps: what frees the very thing that they need ------------------------------------------------------------


def _remedy(case: Case, leading: RefusedGroup) -> Remedy:
    reason = leading.who.reason
    if reason in (Reason.ROLE, Reason.DATABASE) and (limit := _limit_of(case, leading)) is not None:
        return limits.remedy_of(case, limit)
    if reason in _OF_SERVER:
        return server_slots.remedy(case)
    return _elsewhere(reason, leading)


def _limit_of(case: Case, leading: RefusedGroup) -> Limit | None:
    who = leading.who
    kind, name = ("role", who.role) if who.reason is Reason.ROLE else ("database", who.database)
    return next((one for one in case.capacity.limits if (one.kind, one.name) == (kind, name)), None)


def _elsewhere(reason: Reason, leading: RefusedGroup) -> Remedy:
    who = leading.who
    seen = look(condition("user", who.role), f"see the sessions of {clipped(who.role)}") if who.role else None
    words = {
        Reason.WALSENDERS: ("End a standby or a backup that is not needed", "Raise max_wal_senders"),
        Reason.POOLER: ("Let its clients close what they do not use", "Raise max_client_conn of the PgBouncer"),
        Reason.PROCESSES: ("Stop who connects without logging in", "Lower authentication_timeout"),
        Reason.RESOURCES: ("Free memory on the server: end what takes most", "Lower work_mem or max_connections"),
    }
    first, lasting = words.get(reason, ("Raise its CONNECTION LIMIT", "Set it to what its clients need"))
    return Remedy(first, lasting, seen, proof=_PROOF)
