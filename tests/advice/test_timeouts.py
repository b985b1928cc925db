"""Timeouts are advised by what was seen to rest, and was or was not used again."""

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from advice.grounds import ground, settings
from pgheadroom.advice.connections import dead_clients, keepalives, moot
from pgheadroom.advice.registry import counsel
from pgheadroom.advice.timeouts import timeouts
from pgheadroom.advice.timespans import round_down, round_up, seconds_of, setting_of
from pgheadroom.model.server_settings import Placed
from pgheadroom.model.session import Session, State
from pgheadroom.model.snapshot import Role
from samples import NOW, ago, many, session, snapshot, waiter

IN_TRANSACTION = "idle_in_transaction_session_timeout"


def stuck(count: int = 3, since: float = 400, **given: Any) -> list[Session]:
    return many(count, state=State.IDLE_IN_TRANSACTION, since=since, **given)


def test_the_narrowest_scope_that_reaches_them_is_advised_with_its_undo() -> None:
    (piece,) = timeouts(ground(snapshot(stuck())))
    assert piece.do == (f"ALTER ROLE web IN DATABASE shop SET {IN_TRANSACTION} = '2min';",)
    assert piece.undo == (f"ALTER ROLE web IN DATABASE shop RESET {IN_TRANSACTION};",)
    assert piece.saves == 3
    assert piece.beside == ("pgheadroom terminate --user web --database shop --idle-in-transaction-longer 120s",)


def test_who_holds_others_up_by_a_transaction_left_open_is_the_one_to_end_and_not_those_who_wait() -> None:
    (root,) = stuck(1, 25, user="deploy", xact_start=ago(25))
    crowd = [waiter(2000 + number, root.pid, since=24, xact_start=ago(24)) for number in range(28)]
    (piece,) = timeouts(ground(snapshot([root, *crowd])))
    assert piece.do == (f"ALTER ROLE deploy IN DATABASE shop SET {IN_TRANSACTION} = '10s';",)
    assert piece.saves == 29
    assert "28 sessions wait for what is locked by that." in piece.seen
    assert not [*timeouts(ground(snapshot([root, *crowd[:2]])))]


def test_what_was_set_for_exactly_them_is_what_comes_back() -> None:
    before = [Placed(IN_TRANSACTION, "1h", "web", "shop")]
    (piece,) = timeouts(ground(snapshot(stuck()), told=settings(before)))
    assert piece.undo == (f"ALTER ROLE web IN DATABASE shop SET {IN_TRANSACTION} = '1h';",)
    assert "1h (set for role web in database shop)" in piece.seen[-1]


def test_a_role_in_two_databases_is_set_as_a_whole_and_three_roles_of_one_by_their_database() -> None:
    two = [*stuck(1, database="shop"), *stuck(1, first_pid=2000, database="news")]
    (piece,) = timeouts(ground(snapshot(two)))
    assert piece.do == (f"ALTER ROLE web SET {IN_TRANSACTION} = '2min';",)
    three = [one for number, name in enumerate("abc") for one in stuck(1, first_pid=3000 + number, user=name)]
    (piece,) = timeouts(ground(snapshot(three)))
    assert piece.do == (f"ALTER DATABASE shop SET {IN_TRANSACTION} = '2min';",)


def test_names_are_whole_whatever_is_in_them() -> None:
    odd = 'Sel"ect é; \u200b'
    (piece,) = timeouts(ground(snapshot(stuck(user=odd, database="user"))))
    assert piece.do[0].startswith('ALTER ROLE U&"Sel""ect é; \\200B" IN DATABASE "user" SET')
    assert piece.beside == ()


def test_a_timeout_that_would_end_them_already_is_not_set_again_but_they_are_ended() -> None:
    (piece,) = timeouts(ground(snapshot(stuck(since=4000)), idle_in_transaction_session_timeout="60000"))
    assert piece.do == ()
    assert piece.beside


def test_the_value_lies_between_what_was_used_again_and_what_was_not() -> None:
    resting = session(7, State.IDLE_IN_TRANSACTION, since=45, backend_start=ago(999))
    later = NOW + timedelta(seconds=5)
    used = session(7, State.ACTIVE, backend_start=ago(999), query_start=later, state_change=later)
    before, after = snapshot([resting, *stuck()]), snapshot([used, *stuck()], taken_at=NOW + timedelta(seconds=6))
    (piece,) = timeouts(ground(before, after))
    assert f"SET {IN_TRANSACTION} = '2min'" in piece.do[0]
    assert "used again had rested for 50s" in piece.seen[1]


def test_where_honest_rests_are_as_long_nothing_is_advised() -> None:
    resting = session(7, State.IDLE_IN_TRANSACTION, since=390, backend_start=ago(999))
    used = session(7, State.ACTIVE, backend_start=ago(999), query_start=NOW, state_change=NOW)
    assert not [*timeouts(ground(snapshot([resting, *stuck()]), snapshot([used, *stuck()])))]


def test_short_rests_are_no_reason_unless_many_of_them_fill_the_server() -> None:
    assert not [*timeouts(ground(snapshot(stuck(20, since=20))))]
    full = [*stuck(20, since=20), *many(70, first_pid=5000, state=State.ACTIVE)]
    (piece,) = timeouts(ground(snapshot(full)))
    assert f"SET {IN_TRANSACTION} = '10s'" in piece.do[0]


def test_idle_sessions_are_ended_for_people_and_never_for_a_role_with_a_pool() -> None:
    people = many(4, user="ann", application="psql", since=7200)
    (piece,) = timeouts(ground(snapshot(people)))
    assert piece.do == ("ALTER ROLE ann IN DATABASE shop SET idle_session_timeout = '1h';",)
    pool = many(1, first_pid=7000, user="ann", application="checkout", since=5)
    assert not [*timeouts(ground(snapshot([*people, *pool])))]
    assert not [*timeouts(ground(snapshot(people, version_num=130_023)))]


def test_a_transaction_that_works_and_rests_by_turns_is_ended_by_its_own_age_from_17_on() -> None:
    by_turns = [session(7, State.ACTIVE, since=1, xact_start=ago(4000))]
    (piece,) = timeouts(ground(snapshot(by_turns)))
    assert piece.do == ("ALTER ROLE web IN DATABASE shop SET transaction_timeout = '30min';",)
    assert not [*timeouts(ground(snapshot(by_turns, version_num=160_014)))]
    (piece,) = timeouts(ground(snapshot(by_turns), statement_timeout="1800000"))
    assert "transaction_timeout = '1h'" in piece.do[0]  # the other one still comes first
    assert not [*timeouts(ground(snapshot(by_turns), statement_timeout="3600000"))]


def test_a_transaction_timeout_that_makes_others_moot_is_said() -> None:
    common: dict[str, Any] = {"transaction_timeout": "60000", IN_TRANSACTION: "60000"}
    (piece,) = moot(ground(snapshot(), **common))
    assert piece.do[0] == "ALTER SYSTEM SET transaction_timeout = '2min';"
    assert not [*moot(ground(snapshot(), **{**common, IN_TRANSACTION: "30000"}))]
    of_role = settings([Placed("transaction_timeout", "5s", "web", None)], idle_in_transaction_session_timeout="60000")
    (piece,) = moot(ground(snapshot(), told=of_role))
    assert piece.undo == ("ALTER ROLE web SET transaction_timeout = '5s';",)


def test_a_managed_service_is_told_where_the_setting_lives() -> None:
    roles = {"rds_superuser": Role("rds_superuser", superuser=False, limit=None)}
    seen = snapshot(roles=roles)
    told = ground(seen, transaction_timeout="1", statement_timeout="2")
    object.__setattr__(seen.door, "slot", "ordinary")
    (piece,) = moot(told)
    assert piece.do == ()
    assert "the DB parameter group of Amazon RDS" in piece.steps[0]


def test_long_queries_have_their_clients_looked_after_where_nobody_does() -> None:
    running = [session(7, State.ACTIVE, since=900)]
    (piece,) = dead_clients(ground(snapshot(running)))
    assert piece.do == ("ALTER ROLE web IN DATABASE shop SET client_connection_check_interval = '10s';",)
    assert not [*dead_clients(ground(snapshot(running), client_connection_check_interval="5000"))]
    unknown = ground(snapshot(running), client_connection_check_interval=None)
    assert not [*dead_clients(unknown)]


def test_keepalives_are_advised_for_tcp_clients_that_are_long_unheard_of() -> None:
    unheard = [session(7, since=4000)]
    (piece,) = keepalives(ground(snapshot(unheard), tcp_keepalives_idle="0"))
    assert piece.do[0] == "ALTER SYSTEM SET tcp_keepalives_idle = '1min';"
    assert not [*keepalives(ground(snapshot(unheard), tcp_keepalives_idle="60"))]
    assert not [*keepalives(ground(snapshot([session(7, since=4000, client="local")]), tcp_keepalives_idle="0"))]


def test_a_calm_server_that_is_well_set_has_no_advice() -> None:
    told = counsel(ground(snapshot(many(5)), idle_in_transaction_session_timeout="60000"))
    assert told.advice == ()
    assert told.well_set[0].sentence == f"{IN_TRANSACTION} is 1min (the server's own)"


@given(st.floats(1, 1e7))
def test_round_values_are_read_back_as_they_were_written(seconds: float) -> None:
    above = round_up(seconds)
    assert above >= seconds
    assert seconds_of(setting_of(above)) == above
    assert round_down(max(5.0, seconds)) <= max(5.0, seconds)
