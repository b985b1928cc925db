"""The reserve and who may use it, what more slots would cost, and what waits for a restart."""

from dataclasses import replace
from typing import Any

from advice.grounds import ground, settings
from pgheadroom.advice.ground import Ground
from pgheadroom.advice.slots import slots
from pgheadroom.model.advice import Advice, Effect
from pgheadroom.model.server_settings import Filed, Setting
from pgheadroom.model.session import State
from pgheadroom.model.snapshot import Door, Role, SlotKind, SlotSettings
from samples import many, session, snapshot

ORDINARY = Door("monitor", "postgres", SlotKind.ORDINARY, pid=1, sees_all=True, may_signal=True)
FULL = many(97)


def advised(key: str, told: Ground) -> Advice | None:
    return next((piece for piece in slots(told) if piece.key == key), None)


def test_a_reserve_of_one_is_too_small() -> None:
    told = ground(snapshot(settings=SlotSettings(100, 1)))
    piece = advised("superuser_reserved_connections", told)
    assert piece is not None
    assert piece.do[0] == "ALTER SYSTEM SET superuser_reserved_connections = '3';"
    assert piece.effect is Effect.RESTART
    assert not [*slots(ground(snapshot()))]


def test_who_has_no_door_of_its_own_gets_a_reserve_and_the_privilege() -> None:
    piece = advised("reserved_connections", ground(snapshot(door=ORDINARY), reserved_connections="0"))
    assert piece is not None
    assert piece.do == (
        "ALTER SYSTEM SET reserved_connections = '3';",
        "SELECT pg_catalog.pg_reload_conf();",
        "GRANT pg_use_reserved_connections TO monitor;",
    )
    assert piece.undo[-1] == "REVOKE pg_use_reserved_connections FROM monitor;"
    assert advised("reserved_connections", ground(snapshot(door=ORDINARY, version_num=150_018))) is None


def test_who_came_as_superuser_into_a_full_server_is_offered_a_role_that_is_none() -> None:
    piece = advised("reserved_connections", ground(snapshot(FULL), reserved_connections="0"))
    assert piece is not None
    assert piece.do[-1] == (
        "CREATE ROLE pgheadroom LOGIN CONNECTION LIMIT 3 IN ROLE pg_monitor, pg_signal_backend, "
        "pg_use_reserved_connections;"
    )
    assert piece.undo[-1] == "DROP ROLE pgheadroom;"


def test_a_reserve_that_nobody_may_use_and_a_member_that_does_not_inherit_are_told() -> None:
    seen = snapshot(settings=SlotSettings(100, 3, 2))
    told = replace(ground(seen, reserved_connections="2"))
    assert advised("reserve-unused", told) is not None
    member = replace(told, settings=replace(told.settings, without_reserve=('Odd "one',)))
    piece = advised('not-inherited:Odd "one', member)
    assert piece is not None
    assert piece.do == ('GRANT pg_use_reserved_connections TO "Odd ""one" WITH INHERIT TRUE;',)
    heirs = {"monitor": Role("monitor", superuser=False, limit=3, reserved=True)}
    assert not [*slots(ground(snapshot(settings=SlotSettings(100, 3, 2), roles=heirs), reserved_connections="2"))]


def test_more_slots_are_no_cure_for_sessions_that_rest() -> None:
    piece = advised("max_connections", ground(snapshot(FULL), shared_memory_size="143"))
    assert piece is not None
    assert piece.title == "Do not raise max_connections for this"
    assert piece.do == ()
    assert "97 idled" in piece.seen[1]
    assert piece.steps[0].startswith("Shared memory is 143 MB now; 50 more slots add about 2 MB, an estimate")
    assert "an estimate" in piece.steps[1]


def test_where_all_work_the_price_of_more_is_told_with_what_was_measured_here_and_the_standbys() -> None:
    working = many(97, state=State.ACTIVE)
    sender = session(9, backend_type="walsender")
    told = replace(ground(snapshot(working, processes=(sender,))), private_memory=(2 << 20, 4 << 20, 30 << 20))
    piece = advised("max_connections", told)
    assert piece is not None
    assert piece.do[0] == "ALTER SYSTEM SET max_connections = '150';"
    assert "4.0 MB in the middle and 30.0 MB at most" in piece.steps[1]
    assert "Standbys first" in piece.steps[2]


def test_what_waits_for_a_restart_is_told_also_before_the_reload_that_makes_the_server_know() -> None:
    auto = "/data/postgresql.auto.conf"
    line = Filed("max_connections", "300", auto, 3, applied=False, error="setting could not be applied")
    row = Setting("max_connections", "100", "", "100", "100", "postmaster")
    for pending in (False, True):
        told: Any = replace(settings(filed=[line]), settings={"max_connections": row._replace(pending=pending)})
        piece = advised("pending-restart", ground(snapshot(), told=told))
        assert piece is not None
        assert piece.seen == (f"max_connections is 100 and will be 300 ({auto} line 3).",)
        assert piece.undo[0] == "ALTER SYSTEM RESET max_connections;"
