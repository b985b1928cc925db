"""Connections whose client is gone, and timeouts that make each other moot."""

from collections.abc import Iterator

from pgheadroom.advice import statements
from pgheadroom.advice.ground import Ground, place_of
from pgheadroom.advice.observed import whose_of
from pgheadroom.advice.scopes import scopes_of
from pgheadroom.advice.statements import Scope
from pgheadroom.advice.timeouts import OVERTAKEN
from pgheadroom.advice.timespans import round_up, seconds_of, setting_of
from pgheadroom.model.advice import Advice, Effect
from pgheadroom.model.session import LOCAL
from pgheadroom.words.counts import plural
from pgheadroom.words.durations import duration

KIND = "timeouts"
_MANUAL = "https://www.postgresql.org/docs/current/runtime-config-"
_CHECK, _ALIVE = "client_connection_check_interval", "tcp_keepalives_idle"
_LONG_UNHEARD = 900.0
_ALIVE_AFTER = 60.0


def dead_clients(ground: Ground) -> Iterator[Advice]:
    """For roles that have run something for long: whether their clients are still there, no view of the server says."""
    running = [one for one in ground.case.long_queries if one.user and one.database]
    for scope, groups in scopes_of({whose_of(one) for one in running}):
        now, placed = ground.seconds(_CHECK, *scope)
        if now != 0:
            continue
        theirs = [one for one in running if whose_of(one) in groups]
        done = statements.setting(ground, scope, _CHECK, "10s")
        yield Advice(
            key=f"{_CHECK}:{scope.role or ''}@{scope.database or ''}",
            kind=KIND,
            title=f"{_CHECK} = 10s for {place_of(*scope)}",
            seen=(
                f"{plural(len(theirs), 'query', 'queries')} of {place_of(*scope)} "
                f"{'runs' if len(theirs) == 1 else 'run'} for long, the oldest for "
                f"{duration(ground.case.seconds_in_state(theirs[0]))}.",
                f"{_CHECK} is off ({ground.origin(_CHECK, placed)}).",
            ),
            **done._asdict(),
            why="A server that runs a query does not look at its client: of one that was killed or timed out it goes "
            "on, and holds the slot, while the application has opened another connection. Three clients killed within "
            "a query: without this 3 of 3 slots were kept, with it none.",
            source=f"{_MANUAL}connection.html#GUC-CLIENT-CONNECTION-CHECK-INTERVAL; tried on PostgreSQL 18",
            risk="A poll of the socket every ten seconds. A client host that vanished without a word is noticed by "
            "keepalives only. Which of these clients are gone cannot be seen from SQL.",
            needs=statements.who_may(ground, scope),
        )


def keepalives(ground: Ground) -> Iterator[Advice]:
    """Where TCP clients have long not been heard of, and the system would look after them in two hours only."""
    now = seconds_of(ground.settings.common(_ALIVE), "s")
    resting = (one for one in ground.case.direct if one.client not in (None, LOCAL) and not one.runs)
    unheard = [one for one in resting if (ground.case.seconds_in_state(one) or 0.0) >= _LONG_UNHEARD]
    if now is None or 0 < now <= 10 * _ALIVE_AFTER or not unheard:
        return
    longest = max(ground.case.seconds_in_state(one) or 0.0 for one in unheard)
    done = statements.setting(ground, Scope(), _ALIVE, setting_of(_ALIVE_AFTER))
    yield Advice(
        key=_ALIVE,
        kind=KIND,
        title=f"{_ALIVE} = {setting_of(_ALIVE_AFTER)}",
        seen=(
            f"{plural(len(unheard), 'session')} over TCP {'is' if len(unheard) == 1 else 'are'} unheard of for more "
            f"than {duration(_LONG_UNHEARD)}, the longest for {duration(longest)}.",
            f"{_ALIVE} is {setting_of(now) if now else '0, what the system has: two hours on Linux'} "
            f"({ground.origin(_ALIVE, None)}).",
        ),
        **done._asdict(),
        why="The session of a host that lost power, or that a firewall forgot, keeps its slot until the system asks "
        "after it.",
        source=f"{_MANUAL}connection.html#GUC-TCP-KEEPALIVES-IDLE",
        effect=Effect.RELOAD,
        risk="A packet a minute for each idle connection. Nothing for Unix sockets, nor for clients behind a pooler: "
        "those are the pooler's to look after.",
        needs=statements.who_may(ground, Scope()),
    )


def moot(ground: Ground) -> Iterator[Advice]:
    """A transaction_timeout that is not longer than the others: they never come to it."""
    places = [
        Scope(one.role, one.database) for one in ground.settings.placed or () if one.name == "transaction_timeout"
    ]
    for scope in dict.fromkeys([Scope(), *places]):
        whole, _ = ground.seconds("transaction_timeout", *scope)
        others = {name: ground.seconds(name, *scope)[0] or 0.0 for name in OVERTAKEN}
        reached = {name: span for name, span in others.items() if whole and span >= whole}
        if not whole or not reached:
            continue
        value = setting_of(round_up(2 * max(reached.values())))
        done = statements.setting(ground, scope, "transaction_timeout", value)
        whom = "the server" if scope == Scope() else place_of(*scope)
        named = ", ".join(f"{name} is {setting_of(span)}" for name, span in sorted(reached.items()))
        yield Advice(
            key=f"moot:{scope.role or ''}@{scope.database or ''}",
            kind=KIND,
            title=f"transaction_timeout = {value} for {whom}",
            seen=(f"transaction_timeout of {whom} is {setting_of(whole)}; {named}.",),
            **done._asdict(),
            why="It ends the session at the age of the transaction, before a longer timeout could come: that one is "
            "ignored then, and so is the milder error that it gives.",
            source=f"{_MANUAL}client.html#GUC-TRANSACTION-TIMEOUT",
            effect=Effect.RELOAD if scope == Scope() else Effect.NEW_SESSIONS,
            risk="Transactions may last longer than now.",
            needs=statements.who_may(ground, scope),
        )
