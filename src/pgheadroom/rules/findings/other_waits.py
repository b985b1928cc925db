"""Findings about sessions that are called active and do nothing: they wait for a standby, or for their client."""

from collections import Counter
from collections.abc import Iterator, Sequence

from pgheadroom.model.finding import Finding
from pgheadroom.model.session import Session
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.findings.remedies import Remedy, all_of, look, old_enough, terminate, too_many
from pgheadroom.rules.findings.statements import Statement
from pgheadroom.rules.findings.whose import where_set
from pgheadroom.words.counts import plural, they
from pgheadroom.words.durations import duration
from pgheadroom.words.wording import clipped, ids, largest_group, severity, who, whose

STUCK_SECONDS = 5.0
"""Who waits for less may go on at any moment: each commit waits for a synchronous standby, each COPY for its client."""

_SHOWN = 3


def waiting_for_standby(case: Case) -> Iterator[Finding]:
    """Commits that no synchronous standby confirms. Neither a cancel nor a terminate is a cure: what is committed
    stays, the client gets a warning or an error for a transaction that is there, and its next commit waits again."""
    stuck = _stuck(case, case.waiting_for_standby)
    urgency = severity(case.thresholds.waiting_for_locks, len(stuck), case.capacity.usable)
    if urgency is None or not stuck:
        return
    age = duration(case.seconds_in_state(stuck[0]))
    standbys = case.capacity.walsenders
    found = Finding(
        "standby-wait",
        urgency,
        f"{case.at_least}{they(len(stuck), 'commit', 'wait')} for a synchronous standby, the first for {age}"
        f"; most by {whose(largest_group(stuck)[0])}",
        (
            "wait event SyncRep: no standby that synchronous_standby_names names confirms",
            f"{plural(standbys, 'standby', 'standbys')} connected" if standbys else "no standby is connected",
            "they are committed here already: a cancel or a terminate undoes nothing, and leaves them unreplicated",
            *_details(case, stuck),
        ),
        sessions=ids(stuck),
        slots=len(stuck),
    )
    yield Remedy(
        f"Bring the standby back, or take it out of synchronous_standby_names ({where_set(case)}): "
        "that lets all of them go, and what they committed is on this server alone",
        "Name more standbys than have to answer: ANY 1 (a, b)",
        look("waiting:standby", "see who waits for the standby"),
        Statement(
            "SELECT application_name, client_addr, state, sync_state FROM pg_stat_replication;",
            "it only shows which standbys are there, to compare with SHOW synchronous_standby_names",
        ),
        "nobody waits for SyncRep",
    ).of(found)


def waiting_for_client(case: Case) -> Iterator[Finding]:
    """Sessions in the middle of a statement whose client neither sends nor reads: each keeps its slot and its open
    transaction, as one that is idle in transaction, but no timeout of the server ends it."""
    stuck = _stuck(case, case.waiting_for_client)
    urgency = severity(case.thresholds.idle_in_transaction, len(stuck), case.capacity.usable)
    if urgency is None or not stuck:
        return
    age = duration(case.seconds_in_state(stuck[0]))
    level = case.thresholds.idle_in_transaction.warning.level(case.capacity.usable)
    old = old_enough(case, stuck, least=too_many(len(stuck), level))
    events = Counter(one.wait_event for one in stuck)
    found = Finding(
        "client-wait",
        urgency,
        f"{case.at_least}{they(len(stuck), 'session', 'wait')} for the client in the middle of a statement, the oldest "
        f"began {age} ago; most by {whose(largest_group(stuck)[0])}",
        (
            ", ".join(f"{count} {_EVENTS.get(event, clipped(event))}" for event, count in events.most_common(_SHOWN)),
            "the server heeds no cancel while it waits so; a terminate it does",
            *_details(case, stuck),
        ),
        sessions=ids(stuck),
        slots=len(stuck),
    )
    yield Remedy(
        "Terminate those whose client is silent (their work rolls back)",
        "Find out why the application stops in the middle: COPY FROM STDIN without data, results that it does not read",
        terminate(all_of("waiting:client", old), "end those whose client is silent"),
        proof=f"fewer than {level:g} wait for their client",
    ).of(found)


_EVENTS = {
    "ClientRead": "wait for the client to send (COPY, the rest of an exchange)",
    "ClientWrite": "wait for the client to read its result",
}


def _stuck(case: Case, waiting: Sequence[Session]) -> list[Session]:
    return [one for one in waiting if (case.seconds_in_state(one) or 0.0) >= STUCK_SECONDS]


def _details(case: Case, sessions: Sequence[Session]) -> Iterator[str]:
    for one in sessions[:_SHOWN]:
        yield f"pid {one.pid} {who(one)} {duration(case.seconds_in_state(one))}: {clipped(one.query, 60)}"
