"""How a role is held back in a PgBouncer, and what is paused or disabled by what was written down."""

from dataclasses import replace
from typing import Any

import pytest

from bouncers import bouncer, client, database
from pgheadroom.model.bouncer_command import BouncerCommand, BouncerVerb
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.pools.held import pooler_holds, still_standing
from pgheadroom.rules.pools.hold_options import pooler_options
from samples import NOW, pool, snapshot

CLIENTS = (client(1), client(2), client(3, user="batch"))
POOLS = (pool(cl_active=2, sv_active=1), pool(user="batch", cl_active=1))


def offered(role: str, *protected: str, **given: Any) -> list[str]:
    seen = replace(snapshot([]), pgbouncers=(bouncer(**{"clients": CLIENTS, "pools": POOLS, **given}),))
    return [one.words for one in pooler_options(Case(seen, Thresholds()), role, protected)]


def test_the_whole_database_is_offered_with_those_whom_it_hits_besides() -> None:
    assert offered("web") == [
        "PgBouncer b1: PAUSE shop, which also hits 1 other role",
        "PgBouncer b1: DISABLE shop, which also hits 1 other role",
    ]
    assert offered("nobody") == offered("web", admin=False) == []
    assert offered("web", "batch") == []  # it would hold back somebody who is never held back
    (alone, _) = offered("web", clients=(client(1),))
    assert alone == "PgBouncer b1: PAUSE shop"


def test_in_session_mode_a_pause_comes_last_for_it_waits_for_clients_to_leave() -> None:
    first, _ = offered("web", pools=(pool(cl_active=2, sv_active=2, mode="session"),))
    assert "DISABLE" in first


def given(number: int, verb: str, outcome: str | None) -> list[dict[str, Any]]:
    common = {"at": NOW.isoformat(), "action": str(number), "who": {"os_user": "dba", "host": "jump"}}
    told = {"pgbouncer": "b1", "bouncer_verb": verb, "database": "shop", "event": "intended"}
    return [common | told] + ([] if outcome is None else [common | {"event": "result", "outcome": outcome}])


@pytest.mark.parametrize(
    ("lines", "held"),
    [
        (given(1, "PAUSE", "done"), ["PAUSE"]),
        (given(1, "PAUSE", None), ["PAUSE"]),
        (given(1, "PAUSE", "uncertain"), ["PAUSE"]),
        (given(1, "PAUSE", "refused"), []),
        (given(1, "PAUSE", "undone"), []),
        ([*given(1, "PAUSE", "done"), *given(2, "RESUME", "done")], []),
        ([*given(1, "PAUSE", "done"), *given(2, "RESUME", "refused")], ["PAUSE"]),
        ([*given(1, "PAUSE", "done"), *given(2, "RESUME", "undone")], []),
        ([*given(1, "PAUSE", "done"), *given(2, "DISABLE", "done"), *given(3, "RESUME", "done")], ["DISABLE"]),
        ([*given(1, "KILL", "done"), {}, {"event": "intended", "action": "9", "bouncer_verb": 3}], []),
    ],
)
def test_what_was_given_is_held_until_it_is_taken_back(lines: list[dict[str, Any]], held: list[str]) -> None:
    assert [one.command.verb.value for one in pooler_holds(lines)] == held


def test_only_what_the_console_still_shows_is_told() -> None:
    (one,) = pooler_holds(given(1, "PAUSE", "done"))
    assert one.undoing == BouncerCommand(BouncerVerb.RESUME, "shop")
    assert still_standing([one], [bouncer(databases=(database(paused=True),))]) == (one,)
    assert still_standing([one], [bouncer(databases=(database(disabled=True),))]) == ()
    assert still_standing([one], []) == ()
